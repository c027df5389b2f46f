// SPDX-License-Identifier: Apache-2.0
#include "oidc/claims_parameter.h"

#include "oidc/error.h"
#include "session/claims.h"
#include "text/json.h"

namespace openunison::oidc {
namespace {

std::unexpected<Error> malformed(std::string why) {
  return fail(Errc::malformed_request, "claims " + std::move(why));
}

// The strings of "value" and "values".
Result<std::vector<std::string>> values_of(const text::Json& wish) {
  std::vector<std::string> all;
  const auto take = [&all](const text::Json& value) {
    if (value.string() != nullptr) all.push_back(*value.string());
    return value.string() != nullptr;
  };
  if (const text::Json* one = wish.find("value"); one != nullptr && !take(*one))
    return malformed("asks for a value that is no text");
  if (const text::Json* several = wish.find("values")) {
    if (several->array() == nullptr) return malformed("has values that are no list");
    for (const text::Json& value : *several->array()) {
      if (!take(value)) return malformed("asks for a value that is no text");
    }
  }
  return all;
}

Result<void> read_condition(std::string_view claim, const text::Json& wish, RequestedClaims& into) {
  if (claim == "sub") {
    const auto values = TRY(values_of(wish));
    if (values.size() > 1 ||
        (!values.empty() && !into.subject.empty() && into.subject != values[0]))
      return malformed("asks for more than one sub");
    if (!values.empty()) into.subject = values[0];
  }
  if (claim == "acr") {
    const text::Json* essential = wish.find("essential");
    if (essential != nullptr && essential->boolean() != nullptr && *essential->boolean())
      into.acr = TRY(values_of(wish));
  }
  return {};
}

Result<void> read_member(const text::Json& request, std::string_view name, session::Place place,
                         RequestedClaims& into) {
  const text::Json* member = request.find(name);
  if (member == nullptr) return {};
  if (member->object() == nullptr)
    return malformed("has a member " + std::string(name) + " that is no object");
  for (const auto& [claim, wish] : *member->object()) {
    if (!wish.is_null() && wish.object() == nullptr)
      return malformed("must say null or an object of each claim");
    TRY_VOID(read_condition(claim, wish, into));
    const std::string grant = session::claim_grant(place, claim);
    if (!grant.empty()) into.granted += (into.granted.empty() ? "" : " ") + grant;
  }
  return {};
}

}  // namespace

Result<RequestedClaims> parse_claims_parameter(std::string_view json) {
  const auto parsed = text::Json::parse(json);
  if (!parsed || parsed->object() == nullptr) return malformed("must be a JSON object");
  RequestedClaims claims;
  TRY_VOID(read_member(*parsed, "id_token", session::Place::id_token, claims));
  TRY_VOID(read_member(*parsed, "userinfo", session::Place::userinfo, claims));
  return claims;
}

}  // namespace openunison::oidc
