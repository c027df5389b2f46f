// SPDX-License-Identifier: Apache-2.0
#include "oidc/device_requests.h"

#include <algorithm>

#include "crypto/hash.h"
#include "oidc/error.h"

namespace openunison::oidc {
namespace {

// RFC 8628 §6.1.
constexpr std::string_view kLetters = "BCDFGHJKLMNPQRSTVWXZ";
constexpr std::size_t kHalf = 4;
constexpr std::size_t kDeviceCodeBytes = 32;
// A program that is told that its code has expired asks anew; one that forgot it longer ago is told
// that there is no such code.
constexpr Seconds kKeptAfterEnd{120};
// What was allowed in the last moment must be there to be collected.
constexpr Seconds kToCollect{60};
// Strangers, who can call themselves any public client, leave the rest to those with a secret.
constexpr std::size_t kPublicPercent = 75;
// A poll on time may arrive sooner than it was meant to.
constexpr Millis kJitter{1'000};

std::string make_user_code(crypto::Random& random) {
  std::string code;
  while (code.size() < 2 * kHalf + 1) {
    if (code.size() == kHalf) code += '-';
    const auto byte = static_cast<unsigned char>(random.bytes(1)[0]);
    constexpr unsigned kFair = 256 / kLetters.size() * kLetters.size();
    if (byte < kFair) code += kLetters[byte % kLetters.size()];
  }
  return code;
}

std::string key_of(std::string_view device_code) {
  const crypto::Sha256 hash = crypto::sha256(device_code);
  return {hash.begin(), hash.end()};
}

}  // namespace

std::optional<std::string> parse_user_code(std::string_view typed) {
  std::string code;
  for (char c : typed) {
    if (c == '-' || c == ' ') continue;
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (kLetters.find(c) == std::string_view::npos || code.size() == 2 * kHalf + 1)
      return std::nullopt;
    if (code.size() == kHalf) code += '-';
    code += c;
  }
  if (code.size() != 2 * kHalf + 1) return std::nullopt;
  return code;
}

Result<DeviceRequests::Codes> DeviceRequests::ask(Asked asked, crypto::Random& random,
                                                  MonoTime now) {
  const std::lock_guard lock(mutex_);
  drop_ended(now);
  const bool full =
      by_end_.size() >= limits_.rows ||
      (asked.is_public && (public_of_address_.full(asked.address) ||
                           public_rows_ >= (limits_.rows * kPublicPercent + 99) / 100));
  if (full)
    return fail(Errc::too_many, "too many programs wait to be let in; try again in some minutes");
  Codes codes{random.token(kDeviceCodeBytes), make_user_code(random)};
  while (by_user_code_.contains(codes.user)) codes.user = make_user_code(random);
  const std::string key = key_of(codes.device);
  if (asked.is_public) {
    public_of_address_.add(asked.address);
    ++public_rows_;
  }
  Row row;
  row.asked = std::move(asked);
  row.user_code = codes.user;
  row.ends = now + kDeviceLife;
  by_user_code_.emplace(codes.user, key);
  by_end_.emplace(row.ends, key);
  rows_.emplace(key, std::move(row));
  return codes;
}

std::optional<DeviceRequests::Asked> DeviceRequests::look(std::string_view user_code,
                                                          MonoTime now) {
  const std::lock_guard lock(mutex_);
  const Row* row = find(user_code, now);
  if (row == nullptr || row->state != State::undecided) return std::nullopt;
  return row->asked;
}

bool DeviceRequests::decide(std::string_view user_code, std::optional<store::SignInId> sign_in,
                            MonoTime now) {
  const std::lock_guard lock(mutex_);
  Row* row = find(user_code, now);
  if (row == nullptr || row->state != State::undecided) return false;
  row->state = sign_in ? State::allowed : State::denied;
  if (!sign_in) return true;
  row->sign_in = *sign_in;
  const std::string& key = by_user_code_.at(row->user_code);
  by_end_.erase({row->ends, key});
  row->ends = std::max(row->ends, now + kToCollect);
  by_end_.emplace(row->ends, key);
  return true;
}

std::optional<DeviceRequests::Asked> DeviceRequests::take_back(std::string_view user_code,
                                                               store::SignInId sign_in,
                                                               MonoTime now) {
  const std::lock_guard lock(mutex_);
  Row* row = find(user_code, now);
  if (row == nullptr || !take_back(*row, sign_in)) return std::nullopt;
  return row->asked;
}

std::vector<DeviceRequests::Asked> DeviceRequests::take_back_all(store::SignInId sign_in) {
  const std::lock_guard lock(mutex_);
  std::vector<Asked> all;
  for (auto& [key, row] : rows_) {
    if (take_back(row, sign_in)) all.push_back(row.asked);
  }
  return all;
}

bool DeviceRequests::take_back(Row& row, store::SignInId sign_in) {
  if (row.sign_in != sign_in) return false;
  if (row.state == State::taken && !row.taken_back) {
    row.taken_back = true;
    return true;
  }
  if (row.state != State::allowed) return false;
  row.state = State::denied;
  return true;
}

DeviceRequests::Polled DeviceRequests::poll(std::string_view device_code,
                                            std::string_view client_id, MonoTime now) {
  const std::string key = key_of(device_code);
  const std::lock_guard lock(mutex_);
  drop_ended(now);
  const auto found = rows_.find(key);
  if (found == rows_.end() || found->second.asked.client_id != client_id) return {};
  Row& row = found->second;
  if (row.ends <= now) return {Answer::expired, {}, row.asked};
  if (row.state == State::taken) return {};
  if (row.state == State::denied) {
    const Polled denied{Answer::denied, {}, row.asked};
    erase(found);
    return denied;
  }
  if (row.state == State::allowed) {
    row.state = State::taken;
    return {Answer::allowed, row.sign_in, row.asked};
  }
  // RFC 8628 §3.5: five seconds more, for this and all polls to come.
  const bool early = row.last_poll && now - *row.last_poll < row.interval - kJitter;
  row.last_poll = now;
  if (early) row.interval += kDeviceInterval;
  return {early ? Answer::slow_down : Answer::pending, {}, row.asked};
}

bool DeviceRequests::finish(std::string_view device_code) {
  const std::lock_guard lock(mutex_);
  const auto row = rows_.find(key_of(device_code));
  if (row == rows_.end()) return true;
  const bool wanted = !row->second.taken_back;
  erase(row);
  return wanted;
}

void DeviceRequests::give_back(std::string_view device_code) {
  const std::lock_guard lock(mutex_);
  const auto row = rows_.find(key_of(device_code));
  if (row != rows_.end() && row->second.state == State::taken)
    row->second.state = row->second.taken_back ? State::denied : State::allowed;
}

DeviceRequests::Row* DeviceRequests::find(std::string_view user_code, MonoTime now) {
  const auto code = parse_user_code(user_code);
  if (!code) return nullptr;
  const auto key = by_user_code_.find(*code);
  if (key == by_user_code_.end()) return nullptr;
  Row& row = rows_.at(key->second);
  return row.ends > now ? &row : nullptr;
}

// What has ended is kept to say so, and holds nobody up: no more rows than may wait at one time,
// since all that are kept waited when the oldest of them ended.
void DeviceRequests::drop_ended(MonoTime now) {
  while (!by_end_.empty() && by_end_.begin()->first <= now) {
    const auto row = rows_.find(by_end_.begin()->second);
    end(row);
    ended_.emplace(row->second.ends, row->first);
  }
  while (!ended_.empty() && ended_.begin()->first + kKeptAfterEnd <= now)
    erase(rows_.find(ended_.begin()->second));
}

void DeviceRequests::end(Rows::iterator row) {
  Row& gone = row->second;
  if (!gone.waits) return;
  gone.waits = false;
  by_end_.erase({gone.ends, row->first});
  if (!gone.asked.is_public) return;
  public_of_address_.remove(gone.asked.address);
  --public_rows_;
}

void DeviceRequests::erase(Rows::iterator row) {
  end(row);
  ended_.erase({row->second.ends, row->first});
  by_user_code_.erase(row->second.user_code);
  rows_.erase(row);
}

}  // namespace openunison::oidc
