// SPDX-License-Identifier: Apache-2.0
#include "session/refresh_token.h"

#include "base/base64.h"
#include "crypto/hash.h"
#include "session/error.h"

namespace openunison::session {
namespace {

constexpr std::string_view kPrefix = "our_";
constexpr std::size_t kIdBytes = 16, kGenerationBytes = 4, kMacBytes = 32;
constexpr std::size_t kBytes = kIdBytes + kGenerationBytes + kMacBytes;

void append_generation(std::string& out, std::uint32_t generation) {
  for (int shift = 24; shift >= 0; shift -= 8)
    out += static_cast<char>((generation >> shift) & 0xff);
}

crypto::Sha256 mac(const Secret& key, std::string_view head, const Holder& holder) {
  // The head's length is fixed and a URL has no line end, so that no two can be confused.
  std::string message;
  message.reserve(head.size() + holder.issuer.size() + 1 + holder.client_id.size());
  message += head;
  message += holder.issuer;
  message += '\n';
  message += holder.client_id;
  return crypto::hmac_sha256(key.reveal(), message);
}

}  // namespace

RefreshTokens::RefreshTokens(const crypto::MasterKey& master)
    : keys_(master.derive("refresh-token")) {}

Secret RefreshTokens::make(store::SessionId family, std::uint32_t generation,
                           const Holder& holder) const {
  std::string bytes;
  bytes.reserve(kBytes);
  bytes += family.view();
  append_generation(bytes, generation);
  const crypto::Sha256 tag = mac(keys_.front(), bytes, holder);
  bytes += crypto::view(tag);
  return Secret(std::string(kPrefix) + base64url_encode(bytes));
}

Result<RefreshTokens::Parsed> RefreshTokens::parse(std::string_view token,
                                                   const Holder& holder) const {
  if (!token.starts_with(kPrefix))
    return fail(Errc::bad_token, "not a refresh token of this server");
  const auto bytes = base64url_decode(token.substr(kPrefix.size()));
  if (!bytes || bytes->size() != kBytes)
    return fail(Errc::bad_token, "not a refresh token of this server");
  const std::string_view head = std::string_view(*bytes).substr(0, kIdBytes + kGenerationBytes);
  const std::string_view tag = std::string_view(*bytes).substr(head.size());

  bool verified = false;
  for (const Secret& key : keys_)
    verified |= crypto::constant_time_equal(tag, crypto::view(mac(key, head, holder)));
  if (!verified) return fail(Errc::bad_token, "not a refresh token of this server for this client");

  Parsed parsed{};
  std::copy_n(bytes->begin(), kIdBytes, reinterpret_cast<char*>(parsed.family.bytes.data()));
  for (std::size_t i = kIdBytes; i < head.size(); ++i) {
    parsed.generation = (parsed.generation << 8) | static_cast<std::uint8_t>(head[i]);
  }
  return parsed;
}

}  // namespace openunison::session
