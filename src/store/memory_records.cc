// SPDX-License-Identifier: Apache-2.0
#include "store/memory_records.h"

#include <algorithm>
#include <cstring>

namespace openunison::store {
namespace {

// Lengths are written seven bits a byte, the highest bit says that more follow.
std::size_t length_size(std::size_t length) {
  std::size_t size = 1;
  for (; length >= 0x80; length >>= 7) ++size;
  return size;
}

char* write_length(char* at, std::size_t length) {
  for (; length >= 0x80; length >>= 7) *at++ = static_cast<char>(length | 0x80);
  *at++ = static_cast<char>(length);
  return at;
}

std::string_view as_bytes(const std::vector<WallTime>& times) {
  return {reinterpret_cast<const char*>(times.data()), times.size() * sizeof(WallTime)};
}

std::vector<WallTime> as_times(std::string_view bytes) {
  std::vector<WallTime> times(bytes.size() / sizeof(WallTime));
  if (!times.empty()) std::memcpy(times.data(), bytes.data(), bytes.size());
  return times;
}

std::uint32_t clamp32(std::int64_t value) {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(value, 0, UINT32_MAX));
}

std::string_view nth(const PackedTexts& texts, int n) {
  PackedTexts::Reader reader(texts);
  for (; n > 0; --n) reader.next();
  return reader.next();
}

}  // namespace

PackedTexts::PackedTexts(std::initializer_list<std::string_view> texts) {
  std::size_t size = 0;
  for (const std::string_view text : texts) size += length_size(text.size()) + text.size();
  bytes_ = std::make_unique_for_overwrite<char[]>(size);
  char* at = bytes_.get();
  for (const std::string_view text : texts) {
    at = std::copy(text.begin(), text.end(), write_length(at, text.size()));
  }
}

std::string_view PackedTexts::Reader::next() {
  std::size_t length = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = static_cast<unsigned char>(*at_++);
    length |= static_cast<std::size_t>(byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  const std::string_view text(at_, length);
  at_ += length;
  return text;
}

MemorySignIn::MemorySignIn(const SignIn& sign_in) : id(sign_in.id) {
  assign(sign_in);
}

MemorySignIn::~MemorySignIn() {
  while (sessions) sessions = std::move(sessions->next);  // not by recursion: there may be many
}

void MemorySignIn::assign(const SignIn& sign_in) {
  authenticated_at = sign_in.authenticated_at;
  created_at = sign_in.created_at;
  expires_at = sign_in.expires_at;
  checked_at = sign_in.checked_at;
  version = static_cast<std::uint32_t>(sign_in.version);
  recheckable = sign_in.recheckable;
  reread_in_flight = sign_in.reread_in_flight;
  texts = PackedTexts({sign_in.provider, sign_in.subject, sign_in.user, sign_in.upstream_sid,
                       sign_in.user_agent, sign_in.address, sign_in.principal, sign_in.grant});
}

SignIn MemorySignIn::unpack() const {
  SignIn sign_in;
  sign_in.id = id;
  PackedTexts::Reader reader(texts);
  sign_in.provider = reader.string();
  sign_in.subject = reader.string();
  sign_in.user = reader.string();
  sign_in.upstream_sid = reader.string();
  sign_in.user_agent = reader.string();
  sign_in.address = reader.string();
  sign_in.principal = reader.string();
  sign_in.grant = reader.string();
  sign_in.authenticated_at = authenticated_at;
  sign_in.created_at = created_at;
  sign_in.expires_at = expires_at;
  sign_in.checked_at = checked_at;
  sign_in.recheckable = recheckable;
  sign_in.reread_in_flight = reread_in_flight;
  sign_in.version = version;
  return sign_in;
}

std::string_view MemorySignIn::subject() const {
  return nth(texts, 1);
}
std::string_view MemorySignIn::user() const {
  return nth(texts, 2);
}
std::string_view MemorySignIn::upstream_sid() const {
  return nth(texts, 3);
}
std::string_view MemorySignIn::user_agent() const {
  return nth(texts, 4);
}

MemorySession::MemorySession(const Session& session, MemorySignIn& owner)
    : id(session.id), sign_in(&owner) {
  assign(session);
}

void MemorySession::assign(const Session& session) {
  created_at = session.created_at;
  last_used_at = session.last_used_at;
  unused_until = session.unused_until;
  idle_limit = clamp32(session.idle_limit.count());
  generation = session.generation;
  stale_refusals = session.stale_refusals;
  kind = session.kind;
  origin = session.origin;
  same_user_agent = session.user_agent == sign_in->user_agent();
  texts = PackedTexts({session.token_hash, session.client_id, session.cluster, session.scope,
                       session.label, session.address,
                       same_user_agent ? std::string_view() : session.user_agent,
                       as_bytes(session.superseded_at)});
}

Session MemorySession::unpack() const {
  Session session;
  session.id = id;
  session.sign_in = sign_in->id;
  PackedTexts::Reader reader(texts);
  session.token_hash = reader.string();
  session.client_id = reader.string();
  session.cluster = reader.string();
  session.scope = reader.string();
  session.label = reader.string();
  session.address = reader.string();
  session.user_agent = reader.string();
  if (same_user_agent) session.user_agent = sign_in->user_agent();
  session.superseded_at = as_times(reader.next());
  session.created_at = created_at;
  session.last_used_at = last_used_at;
  session.unused_until = unused_until;
  session.idle_limit = Seconds(idle_limit);
  session.generation = generation;
  session.stale_refusals = stale_refusals;
  session.kind = kind;
  session.origin = origin;
  return session;
}

WallTime MemorySession::ends() const {
  Session session;
  session.last_used_at = last_used_at;
  session.idle_limit = Seconds(idle_limit);
  session.unused_until = unused_until;
  session.generation = generation;
  SignIn owner;
  owner.expires_at = sign_in->expires_at;
  return ends_at(session, owner);
}

}  // namespace openunison::store
