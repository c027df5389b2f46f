// SPDX-License-Identifier: Apache-2.0
#include "session/id_token.h"

#include <fmt/format.h>

#include "session/claims.h"
#include "session/error.h"
#include "text/json.h"

namespace openunison::session {
namespace {

void member_if(text::JsonWriter& writer, std::string_view name, std::string_view value) {
  if (!value.empty()) writer.member(name, value);
}

Error too_large(std::size_t bytes, std::size_t groups) {
  return Error(
      Errc::token_too_large,
      fmt::format(
          "the ID token would have {} bytes with {} groups, more than the {} that API servers and "
          "proxies reliably take; pass on fewer groups with openunison.groups_filter in values",
          bytes, groups, kMaxIdTokenBytes));
}

// What signing adds around the claims: header, signature (RSA-2048) and two dots, and base64url's
// growth.
std::size_t signed_size(std::size_t claims_bytes) {
  return (claims_bytes + 2) / 3 * 4 + 520;
}

// What every ID token has. The object stays open.
void begin_claims(text::JsonWriter& writer, const IdTokenRequest& request, std::string_view subject,
                  std::string_view jti, WallTime now) {
  const std::int64_t issued = unix_seconds(now);
  writer.begin_object()
      .member("iss", request.issuer)
      .member("sub", subject)
      .member("aud", request.audience)
      .member("exp", issued + request.life.count())
      .member("iat", issued)
      .member("nbf", issued - kNotBeforeSlack.count())
      .member("jti", jti)
      .member("token_use", "id");
}

Result<IdToken> signed_token(const std::string& claims, std::string jti, std::size_t groups,
                             Seconds life, const jose::Signer& signer, WallTime now) {
  if (signed_size(claims.size()) > kMaxIdTokenBytes)
    return std::unexpected(too_large(signed_size(claims.size()), groups));
  return IdToken{signer.sign(claims), std::move(jti), now + life};
}

}  // namespace

std::string id_token_claims(const IdTokenRequest& request, const identity::Principal& principal,
                            const store::Live& live, std::string_view jti, WallTime now,
                            crypto::Algorithm algorithm) {
  std::string out;
  out.reserve(768);
  text::JsonWriter writer(out);
  begin_claims(writer, request, principal.user, jti, now);
  writer.member("auth_time", unix_seconds(live.sign_in.authenticated_at))
      .member("sid", live.session.id.text());
  member_if(writer, "nonce", request.nonce);
  member_if(writer, "acr", principal.acr);
  if (!principal.amr.empty()) {
    writer.key("amr").begin_array();
    for (const std::string& method : principal.amr) writer.value(std::string_view(method));
    writer.end_array();
  }
  if (!request.access_token.empty())
    writer.member("at_hash", jose::half_hash(request.access_token, algorithm));
  write_claims(writer, principal, request.scope, Place::id_token);
  writer.end_object();
  return out;
}

Result<IdToken> issue_id_token(const IdTokenRequest& request, const identity::Principal& principal,
                               const store::Live& live, const jose::Signer& signer,
                               crypto::Random& random, WallTime now) {
  std::string jti = random.token(16);
  const std::string claims =
      id_token_claims(request, principal, live, jti, now, signer.algorithm());
  return signed_token(claims, std::move(jti), principal.groups.size(), request.life, signer, now);
}

Result<IdToken> issue_workload_token(const IdTokenRequest& request,
                                     const identity::Admitted& program, const jose::Signer& signer,
                                     crypto::Random& random, WallTime now) {
  std::string jti = random.token(16), claims;
  text::JsonWriter writer(claims);
  begin_claims(writer, request, program.user(), jti, now);
  writer.key("groups").begin_array();
  for (const std::string& group : program.groups()) writer.value(std::string_view(group));
  writer.end_array().end_object();
  return signed_token(claims, std::move(jti), program.groups().size(), request.life, signer, now);
}

Result<void> check_id_token_size(const IdTokenRequest& request,
                                 const identity::Principal& principal, const store::Live& live,
                                 WallTime now) {
  constexpr std::string_view kAnyJti = "0123456789012345678901";
  const std::size_t claims =
      id_token_claims(request, principal, live, kAnyJti, now, crypto::Algorithm::rs256).size();
  if (signed_size(claims) > kMaxIdTokenBytes) {
    return std::unexpected(too_large(signed_size(claims), principal.groups.size()));
  }
  return {};
}

}  // namespace openunison::session
