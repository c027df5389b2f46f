// SPDX-License-Identifier: Apache-2.0
#include "session/access_token.h"

#include "session/error.h"

namespace openunison::session {
namespace {

constexpr std::string_view kPrefix = "oua_";
constexpr char kSeparator =
    '\n';  // in none of the fields: ids, scopes and URLs have no control bytes

}  // namespace

std::string AccessTokens::seal(const AccessToken& token, crypto::Random& random) const {
  std::string plain(token.session.view());
  plain += std::to_string(token.expires_at.time_since_epoch().count());
  for (const std::string* field : {&token.client_id, &token.issuer, &token.scope}) {
    plain += kSeparator;
    plain += *field;
  }
  return std::string(kPrefix) + sealer_.seal(plain, random);
}

Result<AccessToken> AccessTokens::open(std::string_view sealed, WallTime now) const {
  const auto bad = [] {
    return fail(Errc::bad_token, "not an access token of this server, or expired");
  };
  if (!sealed.starts_with(kPrefix) || sealed.size() > 4096) return bad();
  const auto plain = sealer_.open(sealed.substr(kPrefix.size()));
  if (!plain || plain->size() < 16) return bad();

  AccessToken token;
  std::copy_n(plain->begin(), 16, reinterpret_cast<char*>(token.session.bytes.data()));
  std::string fields[4];
  std::size_t index = 0;
  for (const char c : std::string_view(*plain).substr(16)) {
    if (c == kSeparator) {
      if (++index == std::size(fields)) return bad();
    } else {
      fields[index] += c;
    }
  }
  if (index + 1 != std::size(fields)) return bad();
  token.expires_at = WallTime(Millis(std::strtoll(fields[0].c_str(), nullptr, 10)));
  token.client_id = std::move(fields[1]);
  token.issuer = std::move(fields[2]);
  token.scope = std::move(fields[3]);
  if (now >= token.expires_at) return bad();
  return token;
}

}  // namespace openunison::session
