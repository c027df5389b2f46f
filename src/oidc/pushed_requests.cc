// SPDX-License-Identifier: Apache-2.0
#include "oidc/pushed_requests.h"

#include "oidc/error.h"

namespace openunison::oidc {
namespace {

// Of rows and of bytes: strangers can't take the room of clients that have a secret.
constexpr std::size_t kPublicShare = 4;
constexpr std::size_t kReferenceBytes = 32;

std::size_t public_share(std::size_t limit) {
  return (limit + kPublicShare - 1) / kPublicShare;
}

}  // namespace

Result<std::string> PushedRequests::push(Origin origin, text::Form parameters,
                                         crypto::Random& random, MonoTime now) {
  std::size_t bytes = 0;
  for (const auto& [name, value] : parameters.fields()) bytes += name.size() + value.size();
  std::string uri = std::string(kPushedPrefix) + random.token(kReferenceBytes);

  const std::lock_guard lock(mutex_);
  drop_ended(now);
  const auto too_many = [] {
    return fail(Errc::too_many, "too many pushed requests wait; try again in a minute");
  };
  if (rows_.size() >= limits_.rows || bytes_ + bytes > limits_.bytes) return too_many();
  if (origin.is_public) {
    if (public_of_address_.full(origin.address)) return too_many();
    if (public_rows_ >= public_share(limits_.rows)) return too_many();
    if (public_bytes_ + bytes > public_share(limits_.bytes)) return too_many();
    public_of_address_.add(origin.address);
    ++public_rows_;
    public_bytes_ += bytes;
  }
  bytes_ += bytes;
  const MonoTime ends = now + kPushedLife;
  by_end_.emplace(ends, uri);
  rows_.emplace(uri, Row{std::move(origin), std::move(parameters), bytes, false, ends});
  return uri;
}

std::optional<text::Form> PushedRequests::use(std::string_view uri, std::string_view client_id,
                                              MonoTime now) {
  const std::lock_guard lock(mutex_);
  Row* row = find(uri, client_id, now);
  if (row == nullptr || row->used) return std::nullopt;
  row->used = true;
  by_end_.erase({row->ends, std::string(uri)});
  row->ends = now + kPushedResumeLife;
  by_end_.emplace(row->ends, uri);
  return row->parameters;
}

std::optional<text::Form> PushedRequests::resume(std::string_view uri, std::string_view client_id,
                                                 MonoTime now) {
  const std::lock_guard lock(mutex_);
  const Row* row = find(uri, client_id, now);
  if (row == nullptr || !row->used) return std::nullopt;
  return row->parameters;
}

std::optional<text::Form> PushedRequests::look(std::string_view uri, std::string_view client_id,
                                               MonoTime now) {
  const std::lock_guard lock(mutex_);
  const Row* row = find(uri, client_id, now);
  if (row == nullptr) return std::nullopt;
  return row->parameters;
}

void PushedRequests::finish(std::string_view uri) {
  const std::lock_guard lock(mutex_);
  if (const auto row = rows_.find(std::string(uri)); row != rows_.end()) erase(row);
}

PushedRequests::Row* PushedRequests::find(std::string_view uri, std::string_view client_id,
                                          MonoTime now) {
  const auto row = rows_.find(std::string(uri));
  if (row == rows_.end() || row->second.ends <= now) return nullptr;
  if (row->second.origin.client_id != client_id) return nullptr;
  return &row->second;
}

void PushedRequests::drop_ended(MonoTime now) {
  while (!by_end_.empty() && by_end_.begin()->first <= now)
    erase(rows_.find(by_end_.begin()->second));
}

void PushedRequests::erase(Rows::iterator row) {
  const Row& gone = row->second;
  by_end_.erase({gone.ends, row->first});
  bytes_ -= gone.bytes;
  if (gone.origin.is_public) {
    --public_rows_;
    public_bytes_ -= gone.bytes;
    public_of_address_.remove(gone.origin.address);
  }
  rows_.erase(row);
}

}  // namespace openunison::oidc
