// SPDX-License-Identifier: Apache-2.0
#include "jose/jwt.h"

#include <algorithm>
#include <cmath>

#include "base/base64.h"
#include "crypto/hash.h"
#include "text/utf8.h"

namespace openunison::jose {
namespace {

constexpr std::size_t kMaxToken = 64 * 1024;
constexpr std::size_t kMaxCandidates = 8;

std::string normal_type(std::string_view type) {
  std::string lower = text::ascii_lower(type);
  constexpr std::string_view kApplication = "application/";
  return lower.starts_with(kApplication) ? lower.substr(kApplication.size()) : lower;
}

// NumericDate (RFC 7519 §2): a JSON number; anything else, or one beyond the year 9999, is refused.
Result<std::optional<WallTime>> numeric_date(const text::Json& claims, std::string_view name) {
  const text::Json* claim = claims.find(name);
  if (claim == nullptr) return std::optional<WallTime>();
  const auto seconds = claim->number();
  if (!seconds || !(*seconds >= 0) || *seconds > 253'402'300'799.0) {
    return fail(Errc::bad_claim, "the claim " + std::string(name) + " is not a time");
  }
  return std::optional(WallTime(Millis(static_cast<std::int64_t>(std::floor(*seconds * 1000)))));
}

Result<std::vector<std::string>> audience_of(const text::Json& claims) {
  const text::Json* claim = claims.find("aud");
  std::vector<std::string> list;
  if (claim == nullptr) return list;
  if (claim->string() != nullptr) {
    list.push_back(*claim->string());
  } else if (claim->array() != nullptr) {
    for (const text::Json& item : *claim->array()) {
      if (item.string() == nullptr)
        return fail(Errc::bad_claim, "the claim aud holds something else than text");
      list.push_back(*item.string());
    }
  } else {
    return fail(Errc::bad_claim, "the claim aud is neither text nor a list");
  }
  return list;
}

Result<void> check_times(const text::Json& claims, const Expectations& expected, WallTime now) {
  const auto expires = TRY(numeric_date(claims, "exp"));
  if (!expires && expected.require_expiry) return fail(Errc::bad_claim, "the claim exp is missing");
  if (expires && !expected.allow_expired && now >= *expires + expected.leeway)
    return fail(Errc::expired, "the token has expired");
  const auto not_before = TRY(numeric_date(claims, "nbf"));
  if (not_before && now + expected.leeway < *not_before)
    return fail(Errc::not_yet_valid, "the token is not valid yet");
  const auto issued = TRY(numeric_date(claims, "iat"));
  if (issued && now + expected.leeway < *issued)
    return fail(Errc::not_yet_valid, "the token was issued in the future");
  if (expected.max_age_of_iat) {
    if (!issued) return fail(Errc::bad_claim, "the claim iat is missing");
    if (now - *issued > *expected.max_age_of_iat + expected.leeway)
      return fail(Errc::expired, "the token was issued too long ago");
  }
  return {};
}

Result<void> check_claims(const text::Json& claims, const std::string& type,
                          const Expectations& expected, WallTime now) {
  if (!expected.types.empty()) {
    const std::string given = normal_type(type);
    const bool known =
        std::any_of(expected.types.begin(), expected.types.end(),
                    [&](const std::string& allowed) { return normal_type(allowed) == given; });
    if (!known) return fail(Errc::wrong_type, "the token's typ is not the one that is wanted here");
  }
  const std::string* issuer = claims.find_string("iss");
  if (issuer == nullptr || *issuer != expected.issuer)
    return fail(Errc::wrong_issuer, "the token's issuer (iss) is another one");
  const std::vector<std::string> audience = TRY(audience_of(claims));
  if (!expected.audience.empty() &&
      std::find(audience.begin(), audience.end(), expected.audience) == audience.end()) {
    return fail(Errc::wrong_audience, "the token is for somebody else (aud)");
  }
  TRY_VOID(check_times(claims, expected, now));
  if (expected.nonce) {
    const std::string* nonce = claims.find_string("nonce");
    if (nonce == nullptr || !crypto::constant_time_equal(*nonce, *expected.nonce))
      return fail(Errc::bad_nonce, "the token's nonce is wrong");
  }
  return {};
}

}  // namespace

Result<UnverifiedJwt> UnverifiedJwt::parse(std::string_view compact) {
  const auto malformed = [](const char* why) {
    return fail(Errc::malformed, std::string("not a signed token: ") + why);
  };
  if (compact.size() > kMaxToken) return malformed("it is over 64 KiB");
  const std::size_t first = compact.find('.');
  const std::size_t second = first == std::string_view::npos ? first : compact.find('.', first + 1);
  if (second == std::string_view::npos || compact.find('.', second + 1) != std::string_view::npos) {
    return malformed("it doesn't have three parts");
  }
  const auto header_text = base64url_decode(compact.substr(0, first));
  const auto claims_text = base64url_decode(compact.substr(first + 1, second - first - 1));
  const auto signature = base64url_decode(compact.substr(second + 1));
  if (!header_text || !claims_text || !signature) return malformed("a part is not base64url");
  const auto header = text::Json::parse(*header_text);
  if (!header || header->object() == nullptr) return malformed("its header is not a JSON object");
  if (header->find("crit") != nullptr || header->find("b64") != nullptr) {
    return fail(Errc::critical_header,
                "the token's header demands an extension that is not accepted (crit)");
  }
  const std::string* algorithm = header->find_string("alg");
  const auto known = algorithm != nullptr
                         ? crypto::parse_algorithm(*algorithm)
                         : Result<crypto::Algorithm>(fail(Errc::bad_algorithm, "no alg"));
  if (!known) return fail(Errc::bad_algorithm, "the token's algorithm (alg) is not accepted");

  UnverifiedJwt token;
  token.algorithm_ = *known;
  for (const auto& [name, into] : {std::pair{"kid", &token.kid_}, std::pair{"typ", &token.type_}}) {
    const text::Json* value = header->find(name);
    if (value == nullptr) continue;
    if (value->string() == nullptr || value->string()->size() > 512)
      return malformed("its header has a kid or typ that is not usable text");
    *into = *value->string();
  }
  auto claims = text::Json::parse(*claims_text);
  if (!claims || claims->object() == nullptr) return malformed("its claims are not a JSON object");
  token.claims_ = std::move(*claims);
  token.signing_input_ = compact.substr(0, second);
  token.signature_ = *signature;
  return token;
}

std::string UnverifiedJwt::claimed_issuer() const {
  const std::string* issuer = claims_.find_string("iss");
  return issuer != nullptr ? *issuer : std::string();
}

std::optional<WallTime> VerifiedJwt::time_claim(std::string_view name) const {
  const auto time = numeric_date(claims_, name);
  return time ? *time : std::nullopt;
}

std::vector<std::string> VerifiedJwt::audience() const {
  auto list = audience_of(claims_);
  return list ? std::move(*list) : std::vector<std::string>();
}

Result<VerifiedJwt> Verifier::verify(const UnverifiedJwt& token, const JwkSet& keys,
                                     const Expectations& expected, WallTime now) {
  const auto& allowed = expected.algorithms;
  if (!allowed.empty() &&
      std::find(allowed.begin(), allowed.end(), token.algorithm_) == allowed.end()) {
    return fail(Errc::bad_algorithm, "the token's algorithm (alg) is not allowed here");
  }
  const auto candidates = keys.candidates(token.kid_, token.algorithm_);
  if (candidates.empty()) return fail(Errc::unknown_key, "no published key fits the token (kid)");
  bool genuine = false;
  for (std::size_t i = 0; i < std::min(candidates.size(), kMaxCandidates) && !genuine; ++i) {
    genuine = candidates[i]
                  ->key.verify(token.algorithm_, token.signing_input_, token.signature_)
                  .has_value();
  }
  if (!genuine) return fail(Errc::bad_signature, "the token's signature is wrong");
  TRY_VOID(check_claims(token.claims_, token.type_, expected, now));
  VerifiedJwt verified;
  verified.claims_ = token.claims_;
  verified.type_ = token.type_;
  return verified;
}

namespace {

std::string encoded_header(crypto::Algorithm algorithm, std::string_view kid,
                           std::string_view type) {
  std::string header;
  text::JsonWriter(header)
      .begin_object()
      .member("alg", crypto::name(algorithm))
      .member("kid", kid)
      .member("typ", type)
      .end_object();
  return base64url_encode(header) + ".";
}

}  // namespace

Signer::Signer(crypto::PrivateKey key, crypto::Algorithm algorithm, std::string kid)
    : key_(std::move(key)),
      algorithm_(algorithm),
      kid_(std::move(kid)),
      jwt_header_(encoded_header(algorithm, kid_, "JWT")) {}

std::string Signer::sign(std::string_view claims, std::string_view type) const {
  std::string token = type == "JWT" ? jwt_header_ : encoded_header(algorithm_, kid_, type);
  token += base64url_encode(claims);
  const std::string signature = base64url_encode(key_.sign(algorithm_, token));
  token += '.';
  token += signature;
  return token;
}

std::string half_hash(std::string_view access_token, crypto::Algorithm algorithm) {
  switch (static_cast<std::size_t>(algorithm) % 3) {
    case 0:
      return base64url_encode(crypto::view(crypto::sha256(access_token)).substr(0, 16));
    case 1:
      return base64url_encode(std::string_view(crypto::sha384(access_token)).substr(0, 24));
    default:
      return base64url_encode(std::string_view(crypto::sha512(access_token)).substr(0, 32));
  }
}

}  // namespace openunison::jose
