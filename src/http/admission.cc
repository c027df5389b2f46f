// SPDX-License-Identifier: Apache-2.0
#include "http/admission.h"

#include <algorithm>

#include "http/edge.h"
#include "text/ip.h"

namespace openunison::http {
namespace {

constexpr std::size_t kNoLimit = static_cast<std::size_t>(-1);
// Of body bytes, to each address: a form of ours.
constexpr std::size_t kLeftToEach = 16 * 1024;
// A network may hold a quarter of the whole at most, unless one address may hold more.
constexpr std::size_t kNetworksThatFill = 4;

// False: there were `limit` already.
bool take_one(Admission::Count& count, std::size_t limit, std::size_t amount = 1) {
  const std::size_t before = count.fetch_add(amount);
  // Written so that nothing overflows.
  if (before <= limit && amount <= limit - before) return true;
  count.fetch_sub(amount);
  return false;
}

// What a share may hold: a network as much as some of its addresses, but never so much that a few
// of them fill the whole.
std::size_t limit_of(const Admission::Share& share, std::size_t own, std::size_t common) {
  if (share.shares == 1 || own >= common) return own;
  return std::max(own, std::min(own > common / share.shares ? common : own * share.shares,
                                common / kNetworksThatFill));
}

// Of an address and of the networks around it. False: one of them had its share already, and
// nothing was taken.
bool take_own(Admission::Share& share, Admission::Counted which, std::size_t own,
              std::size_t common, std::size_t amount = 1) {
  if (!take_one(share.*which, limit_of(share, own, common), amount)) return false;
  if (share.wider == nullptr || take_own(*share.wider, which, own, common, amount)) return true;
  (share.*which).fetch_sub(amount);
  return false;
}

void give_own(Admission::Share& share, Admission::Counted which, std::size_t amount = 1) {
  for (Admission::Share* each = &share; each != nullptr; each = each->wider.get())
    (each->*which).fetch_sub(amount);
}

constexpr Admission::Counted kNobodys = nullptr;

}  // namespace

struct Admission::Table {
  std::mutex mutex;
  std::unordered_map<std::string, std::weak_ptr<Share>> shares;
};

Admission::Share::Share(std::shared_ptr<Table> owner, std::string group,
                        std::shared_ptr<Share> around, std::size_t addresses)
    : wider(std::move(around)),
      shares(addresses),
      table_(std::move(owner)),
      key_(std::move(group)) {}

Admission::Share::~Share() {
  const std::lock_guard lock(table_->mutex);
  const auto found = table_->shares.find(key_);
  // Another one may have taken its place between the last reference's end and this.
  if (found != table_->shares.end() && found->second.expired()) table_->shares.erase(found);
}

Admission::Place::~Place() {
  if (common_ == nullptr) return;
  if (own_ != kNobodys) give_own(*share_, own_);
  common_->fetch_sub(1);
}

Admission::Admission(const Limits& limits) : limits_(limits), table_(std::make_shared<Table>()) {}
Admission::~Admission() = default;

std::shared_ptr<Admission::Share> Admission::share(std::string_view address) {
  std::shared_ptr<Share> share;
  // The widest first. Shares that end here do so before the lock is taken again.
  auto shares = text::address_shares(address);
  for (auto each = shares.rbegin(); each != shares.rend(); ++each)
    share = find(std::move(each->key), std::move(share), each->addresses);
  return share;
}

std::shared_ptr<Admission::Share> Admission::find(std::string group, std::shared_ptr<Share> around,
                                                  std::size_t addresses) {
  // Outside of the lock, which its end takes.
  std::shared_ptr<Share> share;
  const std::lock_guard lock(table_->mutex);
  std::weak_ptr<Share>& entry = table_->shares[group];
  share = entry.lock();
  if (!share) {
    share = std::make_shared<Share>(table_, std::move(group), std::move(around), addresses);
    entry = share;
  }
  return share;
}

struct Admission::Kind {
  Counted own;
  std::size_t own_limit;
  Refusal own_refusal;
  Count& common;
  std::size_t common_limit;
  Refusal common_refusal;
};

Admission::Admitted Admission::take(const std::shared_ptr<Share>& share, const Kind& kind) {
  if (!take_one(kind.common, kind.common_limit)) {
    count_refusal(kind.common_refusal);
    return std::unexpected(kind.common_refusal);
  }
  // A proxy stands for many, and is no reason to turn its neighbours away.
  if (kind.own_limit == kNoLimit) return Place(share, kNobodys, kind.common);
  if (!take_own(*share, kind.own, kind.own_limit, kind.common_limit)) {
    kind.common.fetch_sub(1);
    count_refusal(kind.own_refusal);
    return std::unexpected(kind.own_refusal);
  }
  return Place(share, kind.own, kind.common);
}

Admission::Admitted Admission::connection(const std::shared_ptr<Share>& share, bool limited) {
  return take(share, {&Share::connections, limited ? limits_.connections_per_address : kNoLimit,
                      Refusal::connections_per_address, connections_, limits_.connections,
                      Refusal::connections});
}

Admission::Admitted Admission::handshake(const std::shared_ptr<Share>& share, bool limited) {
  return take(share, {&Share::handshakes, limited ? limits_.handshakes_per_address : kNoLimit,
                      Refusal::handshakes_per_address, handshakes_, limits_.handshakes,
                      Refusal::handshakes});
}

Admission::Admitted Admission::request(const std::shared_ptr<Share>& share) {
  return take(share, {&Share::requests, limits_.requests_per_address, Refusal::requests_per_address,
                      requests_, limits_.requests, Refusal::requests});
}

Admission::Admitted Admission::in_flight(const std::shared_ptr<Share>& share) {
  return take(share, {&Share::in_flight, limits_.requests_in_flight_per_address,
                      Refusal::in_flight_per_address, in_flight_, limits_.requests_in_flight,
                      Refusal::in_flight});
}

Admission::Admitted Admission::in_flight_again(const std::shared_ptr<Share>& share) {
  return take(share, {&Share::in_flight, 2 * limits_.requests_in_flight_per_address,
                      Refusal::in_flight_per_address, in_flight_, 2 * limits_.requests_in_flight,
                      Refusal::in_flight});
}

bool Admission::HeldBytes::add(std::size_t bytes) {
  // Of a network too, whose addresses would be many times this.
  bool is_little = held_ + bytes <= kLeftToEach;
  for (const Share* each = &share_; is_little && each != nullptr; each = each->wider.get())
    is_little = each->body_bytes.load() <= each->shares * kLeftToEach - bytes;
  const std::size_t common_limit = is_little ? kNoLimit : admission_.limits_.held_body_bytes;
  if (!take_one(admission_.body_bytes_, common_limit, bytes)) {
    count_refusal(Refusal::held_body_bytes);
    return false;
  }
  if (!take_own(share_, &Share::body_bytes, admission_.limits_.held_body_bytes_per_address,
                admission_.limits_.held_body_bytes, bytes)) {
    admission_.body_bytes_.fetch_sub(bytes);
    count_refusal(Refusal::held_body_bytes_per_address);
    return false;
  }
  held_ += bytes;
  return true;
}

Admission::HeldBytes::~HeldBytes() {
  give_own(share_, &Share::body_bytes, held_);
  admission_.body_bytes_.fetch_sub(held_);
}

}  // namespace openunison::http
