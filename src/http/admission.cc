// SPDX-License-Identifier: Apache-2.0
#include "http/admission.h"

#include "http/edge.h"
#include "text/ip.h"

namespace openunison::http {
namespace {

constexpr std::size_t kNoLimit = static_cast<std::size_t>(-1);
// Of body bytes, to each address: a form of ours.
constexpr std::size_t kLeftToEach = 16 * 1024;

// False: there were `limit` already.
bool take_one(Admission::Count& count, std::size_t limit, std::size_t amount = 1) {
  const std::size_t before = count.fetch_add(amount);
  // Written so that nothing overflows.
  if (before <= limit && amount <= limit - before) return true;
  count.fetch_sub(amount);
  return false;
}

}  // namespace

struct Admission::Table {
  std::mutex mutex;
  std::unordered_map<std::string, std::weak_ptr<Share>> shares;
};

Admission::Share::Share(std::shared_ptr<Table> owner, std::string group)
    : table_(std::move(owner)), key_(std::move(group)) {}

Admission::Share::~Share() {
  const std::lock_guard lock(table_->mutex);
  const auto found = table_->shares.find(key_);
  // Another one may have taken its place between the last reference's end and this.
  if (found != table_->shares.end() && found->second.expired()) table_->shares.erase(found);
}

Admission::Place::~Place() {
  if (own_ == nullptr) return;
  own_->fetch_sub(1);
  common_->fetch_sub(1);
}

Admission::Admission(const Limits& limits) : limits_(limits), table_(std::make_shared<Table>()) {}
Admission::~Admission() = default;

std::shared_ptr<Admission::Share> Admission::share(std::string_view address) {
  std::string group = text::address_group(address);
  std::shared_ptr<Share> share;
  const std::lock_guard lock(table_->mutex);
  std::weak_ptr<Share>& entry = table_->shares[group];
  share = entry.lock();
  if (!share) {
    share = std::make_shared<Share>(table_, std::move(group));
    entry = share;
  }
  return share;
}

struct Admission::Kind {
  Count& own;
  std::size_t own_limit;
  Refusal own_refusal;
  Count& common;
  std::size_t common_limit;
  Refusal common_refusal;
};

std::optional<Admission::Place> Admission::take(const std::shared_ptr<Share>& share,
                                                const Kind& kind, bool limited) {
  if (!take_one(kind.common, kind.common_limit)) {
    count_refusal(kind.common_refusal);
    return std::nullopt;
  }
  if (!take_one(kind.own, limited ? kind.own_limit : kNoLimit)) {
    kind.common.fetch_sub(1);
    count_refusal(kind.own_refusal);
    return std::nullopt;
  }
  return Place(share, kind.own, kind.common);
}

std::optional<Admission::Place> Admission::connection(const std::shared_ptr<Share>& share,
                                                      bool limited) {
  return take(
      share,
      {share->connections, limits_.connections_per_address, Refusal::connections_per_address,
       connections_, limits_.connections, Refusal::connections},
      limited);
}

std::optional<Admission::Place> Admission::handshake(const std::shared_ptr<Share>& share,
                                                     bool limited) {
  return take(share,
              {share->handshakes, limits_.handshakes_per_address, Refusal::handshakes_per_address,
               handshakes_, limits_.handshakes, Refusal::handshakes},
              limited);
}

std::optional<Admission::Place> Admission::request(const std::shared_ptr<Share>& share) {
  return take(share,
              {share->requests, limits_.requests_per_address, Refusal::requests_per_address,
               requests_, limits_.requests, Refusal::requests},
              true);
}

std::optional<Admission::Place> Admission::in_flight(const std::shared_ptr<Share>& share) {
  return take(
      share,
      {share->in_flight, limits_.requests_in_flight_per_address, Refusal::in_flight_per_address,
       in_flight_, limits_.requests_in_flight, Refusal::in_flight},
      true);
}

Admission::Place Admission::in_flight_again(const std::shared_ptr<Share>& share) {
  share->in_flight.fetch_add(1);
  in_flight_.fetch_add(1);
  return {share, share->in_flight, in_flight_};
}

bool Admission::HeldBytes::add(std::size_t bytes) {
  const bool is_little =
      held_ + bytes <= kLeftToEach && share_.body_bytes.load() <= kLeftToEach - bytes;
  const std::size_t common_limit = is_little ? kNoLimit : admission_.limits_.held_body_bytes;
  if (!take_one(admission_.body_bytes_, common_limit, bytes)) {
    count_refusal(Refusal::held_body_bytes);
    return false;
  }
  if (!take_one(share_.body_bytes, admission_.limits_.held_body_bytes_per_address, bytes)) {
    admission_.body_bytes_.fetch_sub(bytes);
    count_refusal(Refusal::held_body_bytes_per_address);
    return false;
  }
  held_ += bytes;
  return true;
}

Admission::HeldBytes::~HeldBytes() {
  share_.body_bytes.fetch_sub(held_);
  admission_.body_bytes_.fetch_sub(held_);
}

}  // namespace openunison::http
