// SPDX-License-Identifier: Apache-2.0
//
// Reading a provider's answers: the token endpoint's (RFC 6749 §5), the checks of ID and logout
// tokens that come after the signature (OpenID Connect Core §3.1.3.7, Back-Channel Logout §2.6),
// and how ID token and userinfo become one set of claims. Pure functions of their arguments.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/values.h"
#include "http/message.h"
#include "identity/connector.h"
#include "identity/error.h"
#include "jose/jwt.h"

namespace openunison::identity {

inline constexpr Seconds kLeeway{60};

struct TokenAnswer {
  Secret access_token, refresh_token, id_token;
  std::optional<Seconds> expires_in;
};
// Of a 200. Error: bad_response.
Result<TokenAnswer> parse_token_answer(const http::Response& response);

// An answer that isn't a 200: {"error", "error_description"} where it says so.
struct Refusal {
  int status = 0;
  std::string code;  // "invalid_grant"; "" if the body says none
  std::string text;  // for people: "it answered invalid_grant: Session not active"
};
Refusal parse_refusal(const http::Response& response);

// A JSON object out of a 200. `what`: "userinfo". Error: bad_response.
Result<text::Json> json_object(const http::Response& response, std::string_view what);

// The error that the provider's callback carries (Core §3.1.2.6), if any.
std::optional<Error> callback_error(const text::Form& parameters);

struct IdTokenRules {
  std::string client_id;
  std::string_view access_token;  // for at_hash; empty: not checked
  crypto::Algorithm algorithm{};  // that the token was signed with
  std::string subject;            // a refreshed token's; empty: any
};
// Error: bad_response.
Result<void> check_id_token(const jose::VerifiedJwt& token, const IdTokenRules& rules);

// The rest of the checks of a verified logout token. Error: bad_response.
Result<RedirectConnector::LogoutNotice> read_logout_token(const jose::VerifiedJwt& token);
inline constexpr Seconds kLogoutTokenAge{120};

// Whether the ID token leaves questions that userinfo may answer.
bool needs_userinfo(const text::Json& id_token, const config::IdentityProvider& settings);
// `id_token` is null where there is none. What tokens are about (iss, sub, aud, times, tenant,
// session) is the ID token's; attributes are by settings.user_in_id_token the ID token's completed
// by userinfo, or only userinfo's.
text::Json merge_claims(const text::Json& id_token, const text::Json& userinfo,
                        const config::IdentityProvider& settings);
// Entra leaves the groups out of a token that would be too large (protocols: more than 200).
bool groups_were_left_out(const text::Json& claims, const config::IdentityProvider& settings);
// A claim that only the ID token ever had, "" if there is none: with userinfo alone nothing can be
// said.
std::string missing_without_id_token(const text::Json& userinfo,
                                     const config::IdentityProvider& settings);

// Everything of an Identity but provider name and grant. Error: bad_response (subject).
Result<Identity> read_identity(text::Json claims, WallTime now);

}  // namespace openunison::identity
