// SPDX-License-Identifier: Apache-2.0
#include "jose/jwk.h"

#include "base/base64.h"
#include "crypto/hash.h"
#include "jose/error.h"

namespace openunison::jose {
namespace {

using crypto::KeyKind;

constexpr std::size_t kMaxKeys = 64, kMaxBytes = 256 * 1024, kMaxKid = 512;

std::string_view curve_name(KeyKind kind) {
  return kind == KeyKind::p256 ? "P-256" : kind == KeyKind::p384 ? "P-384" : "P-521";
}

Result<std::string> number(const text::Json& json, std::string_view name) {
  const std::string* text = json.find_string(name);
  if (text == nullptr) return fail(Errc::malformed, "a key lacks its member " + std::string(name));
  auto bytes = base64url_decode(*text);
  if (!bytes || bytes->empty())
    return fail(Errc::malformed, "a key's member " + std::string(name) + " is not base64url");
  return std::move(*bytes);
}

// Whether RFC 7517 §4.2 and §4.3 allow the key to verify signatures.
bool for_signatures(const text::Json& json) {
  const std::string* use = json.find_string("use");
  if (use != nullptr && *use != "sig") return false;
  const text::Json* operations = json.find("key_ops");
  if (operations == nullptr) return true;
  if (operations->array() == nullptr) return false;
  for (const text::Json& operation : *operations->array()) {
    if (operation.string() != nullptr && *operation.string() == "verify") return true;
  }
  return false;
}

}  // namespace

std::string thumbprint(const crypto::PublicKey& key) {
  const crypto::PublicNumbers numbers = key.numbers();
  std::string canonical;
  text::JsonWriter writer(canonical);
  writer.begin_object();  // members in lexicographic order (RFC 7638 §3)
  if (numbers.kind == KeyKind::rsa) {
    writer.member("e", base64url_encode(numbers.e))
        .member("kty", "RSA")
        .member("n", base64url_encode(numbers.n));
  } else {
    writer.member("crv", curve_name(numbers.kind))
        .member("kty", "EC")
        .member("x", base64url_encode(numbers.x))
        .member("y", base64url_encode(numbers.y));
  }
  writer.end_object();
  return base64url_encode(crypto::view(crypto::sha256(canonical)));
}

text::Json to_json(const Jwk& jwk) {
  const crypto::PublicNumbers numbers = jwk.key.numbers();
  text::Json json;
  json.set("kty", numbers.kind == KeyKind::rsa ? "RSA" : "EC");
  json.set("use", "sig");
  if (jwk.algorithm) json.set("alg", crypto::name(*jwk.algorithm));
  if (!jwk.kid.empty()) json.set("kid", jwk.kid);
  if (numbers.kind == KeyKind::rsa) {
    json.set("n", base64url_encode(numbers.n));
    json.set("e", base64url_encode(numbers.e));
  } else {
    json.set("crv", curve_name(numbers.kind));
    json.set("x", base64url_encode(numbers.x));
    json.set("y", base64url_encode(numbers.y));
  }
  return json;
}

Result<Jwk> parse_jwk(const text::Json& json) {
  if (json.object() == nullptr) return fail(Errc::malformed, "a key is not a JSON object");
  for (const char* secret : {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}) {
    if (json.find(secret) != nullptr)
      return fail(Errc::malformed, "a key that is not public was published");
  }
  const std::string* type = json.find_string("kty");
  if (type == nullptr) return fail(Errc::malformed, "a key has no kty");
  crypto::PublicNumbers numbers{};
  if (*type == "RSA") {
    numbers.kind = KeyKind::rsa;
    numbers.n = TRY(number(json, "n"));
    numbers.e = TRY(number(json, "e"));
  } else if (*type == "EC") {
    const std::string* curve = json.find_string("crv");
    bool known = false;
    for (const KeyKind kind : {KeyKind::p256, KeyKind::p384, KeyKind::p521}) {
      if (curve != nullptr && *curve == curve_name(kind)) {
        numbers.kind = kind;
        known = true;
      }
    }
    if (!known) return fail(Errc::malformed, "a key is on a curve that is not accepted");
    numbers.x = TRY(number(json, "x"));
    numbers.y = TRY(number(json, "y"));
  } else {
    return fail(Errc::malformed, "a key is of a type that is not accepted");
  }
  crypto::PublicKey key = TRY(crypto::PublicKey::create(numbers));
  Jwk jwk{std::move(key), {}, std::nullopt};
  if (const text::Json* kid = json.find("kid")) {
    if (kid->string() == nullptr || kid->string()->size() > kMaxKid)
      return fail(Errc::malformed, "a key's kid is not usable text");
    jwk.kid = *kid->string();
  }
  if (const text::Json* algorithm = json.find("alg")) {
    if (algorithm->string() == nullptr) return fail(Errc::malformed, "a key's alg is not text");
    jwk.algorithm = TRY(crypto::parse_algorithm(*algorithm->string()));
    if (!jwk.key.fits(*jwk.algorithm))
      return fail(Errc::malformed, "a key's alg doesn't fit its type");
  }
  return jwk;
}

Result<JwkSet> JwkSet::parse(std::string_view text) {
  const text::Json json = TRY(text::Json::parse(text, kMaxBytes));
  const text::Json* list = json.find("keys");
  if (list == nullptr || list->array() == nullptr)
    return fail(Errc::malformed, "this is not a key set: there is no list \"keys\"");
  if (list->array()->size() > kMaxKeys)
    return fail(Errc::malformed, "the key set has more than 64 keys");
  JwkSet set;
  for (const text::Json& entry : *list->array()) {
    if (!for_signatures(entry)) continue;
    auto jwk = parse_jwk(entry);
    if (!jwk) continue;  // RFC 7517 §5: keys that aren't understood are ignored
    if (!jwk->kid.empty() && set.has_kid(jwk->kid))
      return fail(Errc::malformed, "the key set has two keys with the same kid");
    set.keys_.push_back(std::move(*jwk));
  }
  return set;
}

std::vector<const Jwk*> JwkSet::candidates(std::string_view kid,
                                           crypto::Algorithm algorithm) const {
  std::vector<const Jwk*> found;
  for (const Jwk& jwk : keys_) {
    if (!kid.empty() && jwk.kid != kid) continue;
    if (jwk.key.fits(algorithm) && (!jwk.algorithm || *jwk.algorithm == algorithm))
      found.push_back(&jwk);
  }
  return found;
}

bool JwkSet::has_kid(std::string_view kid) const {
  for (const Jwk& jwk : keys_) {
    if (jwk.kid == kid) return true;
  }
  return false;
}

std::string JwkSet::dump() const {
  text::Json::Array list;
  for (const Jwk& jwk : keys_) list.push_back(to_json(jwk));
  text::Json json;
  json.set("keys", text::Json(std::move(list)));
  return json.dump();
}

}  // namespace openunison::jose
