// SPDX-License-Identifier: Apache-2.0
#include "crypto/key.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <optional>

#include "crypto/key_impl.h"

namespace openunison::crypto {
namespace {

using BuilderPtr = std::unique_ptr<OSSL_PARAM_BLD, Deleter<OSSL_PARAM_BLD_free>>;
using EcdsaSignaturePtr = std::unique_ptr<ECDSA_SIG, Deleter<ECDSA_SIG_free>>;
using ParametersPtr = std::unique_ptr<OSSL_PARAM, Deleter<OSSL_PARAM_free>>;

constexpr int kMinRsaBits = 2048, kMaxRsaBits = 8192;
constexpr int kMaxExponentBits = 64;  // a long exponent makes verifying as slow as signing

struct AlgorithmFacts {
  std::string_view name;
  const char* digest;
  std::optional<KeyKind> curve;  // absent: RSA
  bool pss;
};
constexpr std::array<AlgorithmFacts, kAlgorithmCount> kAlgorithms{
    {{"RS256", "SHA256", {}, false},
     {"RS384", "SHA384", {}, false},
     {"RS512", "SHA512", {}, false},
     {"PS256", "SHA256", {}, true},
     {"PS384", "SHA384", {}, true},
     {"PS512", "SHA512", {}, true},
     {"ES256", "SHA256", KeyKind::p256, false},
     {"ES384", "SHA384", KeyKind::p384, false},
     {"ES512", "SHA512", KeyKind::p521, false}}};
std::size_t index(Algorithm algorithm) {
  return static_cast<std::size_t>(algorithm);
}
const AlgorithmFacts& facts(Algorithm algorithm) {
  return kAlgorithms[index(algorithm)];
}

struct CurveFacts {
  KeyKind kind;
  const char* group;
  std::size_t field_bytes;
};
constexpr std::array<CurveFacts, 3> kCurves{{{KeyKind::p256, "prime256v1", 32},
                                             {KeyKind::p384, "secp384r1", 48},
                                             {KeyKind::p521, "secp521r1", 66}}};
const CurveFacts& curve(KeyKind kind) {
  const auto* found = std::ranges::find(kCurves, kind, &CurveFacts::kind);
  CHECK(found != kCurves.end());
  return *found;
}

bool kind_fits(KeyKind kind, Algorithm algorithm) {
  return facts(algorithm).curve.value_or(KeyKind::rsa) == kind;
}

std::unexpected<Error> not_public_numbers() {
  return openssl_failed(Errc::bad_key, "these numbers are not a public key");
}

std::unexpected<Error> bad_exponent() {
  return openssl_failed(Errc::bad_key, "an RSA key with this public exponent is not accepted");
}

BignumPtr number_parameter(EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  return BignumPtr(EVP_PKEY_get_bn_param(key, name, &number) == 1 ? number : nullptr);
}

std::string number_text(const BIGNUM* number, std::size_t width = 0) {
  CHECK(number != nullptr);
  const auto size = static_cast<std::size_t>(BN_num_bytes(number));
  std::string text(std::max(size, width), '\0');
  CHECK(BN_bn2binpad(number, bytes(text), static_cast<int>(text.size())) >= 0);
  return text;
}

Result<void> check_rsa(EVP_PKEY* key) {
  const int bits = EVP_PKEY_get_bits(key);
  if (bits < kMinRsaBits || bits > kMaxRsaBits) {
    return openssl_failed(Errc::bad_key, "an RSA key of " + std::to_string(bits) +
                                             " bits is not accepted (2048 to 8192)");
  }
  const BignumPtr exponent = number_parameter(key, OSSL_PKEY_PARAM_RSA_E);
  if (!exponent || !BN_is_odd(exponent.get()) || BN_is_one(exponent.get()) ||
      BN_num_bits(exponent.get()) > kMaxExponentBits) {
    return bad_exponent();
  }
  return {};
}

Result<KeyKind> curve_of(EVP_PKEY* key) {
  int explicit_parameters = 0;
  EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
                         &explicit_parameters);
  char group[64] = {};
  if (explicit_parameters == 0 && EVP_PKEY_get_group_name(key, group, sizeof group, nullptr) == 1) {
    for (const CurveFacts& known : kCurves) {
      if (std::string_view(group) == known.group) return known.kind;
    }
  }
  return openssl_failed(Errc::bad_key,
                        "this elliptic curve is not accepted (P-256, P-384 or P-521, by name)");
}

// What kind of key this is, if we accept it at all.
Result<KeyKind> kind_of(EVP_PKEY* key) {
  if (EVP_PKEY_is_a(key, "RSA")) {
    TRY_VOID(check_rsa(key));
    return KeyKind::rsa;
  }
  if (EVP_PKEY_is_a(key, "EC")) return curve_of(key);
  return openssl_failed(Errc::bad_key, "only RSA and EC keys are accepted");
}

DigestContextPtr prepare(EVP_PKEY* key, const AlgorithmFacts& algorithm, bool signing) {
  DigestContextPtr context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* inner = nullptr;  // owned by `context`
  const auto initialise = signing ? EVP_DigestSignInit_ex : EVP_DigestVerifyInit_ex;
  CHECK(initialise(context.get(), &inner, algorithm.digest, nullptr, nullptr, key, nullptr) == 1);
  if (algorithm.pss) {
    CHECK(EVP_PKEY_CTX_set_rsa_padding(inner, RSA_PKCS1_PSS_PADDING) == 1);
    CHECK(EVP_PKEY_CTX_set_rsa_pss_saltlen(inner, RSA_PSS_SALTLEN_DIGEST) == 1);
  }
  return context;
}

PreparedContexts prepare_all(EVP_PKEY* key, KeyKind kind, bool signing) {
  PreparedContexts contexts;
  for (std::size_t i = 0; i < kAlgorithms.size(); ++i) {
    if (kind_fits(kind, static_cast<Algorithm>(i))) {
      contexts[i] = prepare(key, kAlgorithms[i], signing);
    }
  }
  return contexts;
}

// Good for one operation: FINALISE saves OpenSSL from duplicating it once more inside.
DigestContextPtr duplicate(const DigestContextPtr& prepared) {
  DigestContextPtr context(EVP_MD_CTX_new());
  CHECK(EVP_MD_CTX_copy_ex(context.get(), prepared.get()) == 1);
  EVP_MD_CTX_set_flags(context.get(), EVP_MD_CTX_FLAG_FINALISE);
  return context;
}

// RFC 7518 §3.4: r ‖ s, each of the field's size → DER. nullopt if the lengths are wrong or r or s
// is zero; whether they are below the group's order is checked with the signature.
std::optional<std::string> ecdsa_to_der(std::string_view raw, std::size_t field_bytes) {
  if (raw.size() != 2 * field_bytes) return std::nullopt;
  const int size = static_cast<int>(field_bytes);
  BignumPtr r(BN_bin2bn(bytes(raw), size, nullptr));
  BignumPtr s(BN_bin2bn(bytes(raw.substr(field_bytes)), size, nullptr));
  CHECK(r && s);
  if (BN_is_zero(r.get()) || BN_is_zero(s.get())) return std::nullopt;
  const EcdsaSignaturePtr signature(ECDSA_SIG_new());
  CHECK(ECDSA_SIG_set0(signature.get(), r.release(), s.release()) == 1);
  const int length = i2d_ECDSA_SIG(signature.get(), nullptr);
  CHECK(length > 0);
  std::string der(static_cast<std::size_t>(length), '\0');
  unsigned char* at = bytes(der);
  CHECK(i2d_ECDSA_SIG(signature.get(), &at) == length);
  return der;
}

// Only for what OpenSSL has made itself.
std::string ecdsa_from_der(std::string_view der, std::size_t field_bytes) {
  const unsigned char* at = bytes(der);
  const EcdsaSignaturePtr signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  CHECK(signature);
  return number_text(ECDSA_SIG_get0_r(signature.get()), field_bytes) +
         number_text(ECDSA_SIG_get0_s(signature.get()), field_bytes);
}

// In JWS form; nullopt where the key's numbers don't go together.
std::optional<std::string> try_sign(const PrivateKey::Impl& key, Algorithm algorithm,
                                    std::string_view data) {
  const DigestContextPtr context = duplicate(key.signing[index(algorithm)]);
  auto length = static_cast<std::size_t>(EVP_PKEY_get_size(key.key.get()));
  std::string signature(length, '\0');
  if (EVP_DigestSign(context.get(), bytes(signature), &length, bytes(data), data.size()) != 1) {
    ERR_clear_error();
    return std::nullopt;
  }
  signature.resize(length);
  if (facts(algorithm).curve) return ecdsa_from_der(signature, curve(key.kind).field_bytes);
  return signature;
}

// A key of the same numbers without the private ones.
KeyPtr public_half(EVP_PKEY* key) {
  OSSL_PARAM* numbers = nullptr;
  if (EVP_PKEY_todata(key, EVP_PKEY_PUBLIC_KEY, &numbers) != 1) return nullptr;
  const ParametersPtr owned(numbers);
  const KeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  EVP_PKEY* made = nullptr;
  if (!context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, numbers) != 1) {
    return nullptr;
  }
  return KeyPtr(made);
}

Result<KeyPtr> key_from(const char* kind, const OSSL_PARAM_BLD* numbers) {
  const ParametersPtr parameters(OSSL_PARAM_BLD_to_param(const_cast<OSSL_PARAM_BLD*>(numbers)));
  const KeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, kind, nullptr));
  EVP_PKEY* made = nullptr;
  if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
    return not_public_numbers();
  }
  return KeyPtr(made);
}

Result<KeyPtr> rsa_key(const PublicNumbers& numbers) {
  // Before the numbers are worth any work; the exact bounds are check_rsa's.
  if (numbers.n.size() > kMaxRsaBits / 8 + 1) {
    return fail(Errc::bad_key, "an RSA key of more than 8192 bits is not accepted");
  }
  if (numbers.e.size() > kMaxExponentBits / 8 + 1) return bad_exponent();
  const BignumPtr n(BN_bin2bn(bytes(numbers.n), static_cast<int>(numbers.n.size()), nullptr));
  const BignumPtr e(BN_bin2bn(bytes(numbers.e), static_cast<int>(numbers.e.size()), nullptr));
  const BuilderPtr builder(OSSL_PARAM_BLD_new());
  if (!n || !e || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return not_public_numbers();
  }
  return key_from("RSA", builder.get());
}

Result<KeyPtr> ec_key(const PublicNumbers& numbers) {
  const CurveFacts& wanted = curve(numbers.kind);
  if (numbers.x.size() != wanted.field_bytes || numbers.y.size() != wanted.field_bytes) {
    return fail(Errc::bad_key, "an EC key's x and y must have the length of its curve");
  }
  const std::string point = '\x04' + numbers.x + numbers.y;  // SEC 1 §2.3.3, uncompressed
  const BuilderPtr builder(OSSL_PARAM_BLD_new());
  CHECK(OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, wanted.group,
                                        0) == 1);
  CHECK(OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                         point.size()) == 1);
  return key_from("EC", builder.get());
}

}  // namespace

std::string_view name(Algorithm algorithm) {
  return facts(algorithm).name;
}

Result<Algorithm> parse_algorithm(std::string_view text) {
  for (std::size_t i = 0; i < kAlgorithms.size(); ++i) {
    if (kAlgorithms[i].name == text) return static_cast<Algorithm>(i);
  }
  return fail(Errc::bad_key, "this signature algorithm is not accepted");
}

Result<PublicKey> adopt_public(KeyPtr key) {
  const KeyKind kind = TRY(kind_of(key.get()));
  const KeyContextPtr checker(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  if (!checker || EVP_PKEY_public_check(checker.get()) != 1) return not_public_numbers();
  PreparedContexts contexts = prepare_all(key.get(), kind, false);
  return PublicKey(std::make_shared<PublicKey::Impl>(std::move(key), kind, std::move(contexts)));
}

Result<PrivateKey> adopt_private(KeyPtr key) {
  const KeyKind kind = TRY(kind_of(key.get()));
  KeyPtr half = public_half(key.get());
  if (!half) return openssl_failed(Errc::bad_key, "the private key lacks its public half");
  const PublicKey public_key = TRY(adopt_public(std::move(half)));
  PreparedContexts contexts = prepare_all(key.get(), kind, true);
  const auto impl =
      std::make_shared<PrivateKey::Impl>(std::move(key), kind, std::move(contexts), public_key);
  // A file may hold a private and a public half that don't belong together: nothing that we signed
  // would verify.
  const auto algorithm = static_cast<Algorithm>(
      std::ranges::find_if(impl->signing, [](const auto& c) { return c != nullptr; }) -
      impl->signing.begin());
  const auto signature = try_sign(*impl, algorithm, "pairwise consistency");
  if (!signature || !public_key.verify(algorithm, "pairwise consistency", *signature)) {
    return openssl_failed(Errc::bad_key, "the key's private and public half don't belong together");
  }
  return PrivateKey(impl);
}

Result<PublicKey> PublicKey::create(const PublicNumbers& numbers) {
  return adopt_public(TRY(numbers.kind == KeyKind::rsa ? rsa_key(numbers) : ec_key(numbers)));
}

KeyKind PublicKey::kind() const {
  return impl_->kind;
}
bool PublicKey::fits(Algorithm algorithm) const {
  return kind_fits(impl_->kind, algorithm);
}

PublicNumbers PublicKey::numbers() const {
  PublicNumbers numbers{impl_->kind, {}, {}, {}, {}};
  EVP_PKEY* key = impl_->key.get();
  if (impl_->kind == KeyKind::rsa) {
    numbers.n = number_text(number_parameter(key, OSSL_PKEY_PARAM_RSA_N).get());
    numbers.e = number_text(number_parameter(key, OSSL_PKEY_PARAM_RSA_E).get());
  } else {
    const std::size_t width = curve(impl_->kind).field_bytes;
    numbers.x = number_text(number_parameter(key, OSSL_PKEY_PARAM_EC_PUB_X).get(), width);
    numbers.y = number_text(number_parameter(key, OSSL_PKEY_PARAM_EC_PUB_Y).get(), width);
  }
  return numbers;
}

Result<void> PublicKey::verify(Algorithm algorithm, std::string_view data,
                               std::string_view signature) const {
  if (!fits(algorithm)) {
    return fail(Errc::bad_key, "the signature's algorithm doesn't fit the key");
  }
  std::string der;
  if (facts(algorithm).curve) {
    auto converted = ecdsa_to_der(signature, curve(impl_->kind).field_bytes);
    if (!converted) return fail(Errc::bad_signature, "the signature is wrong");
    der = std::move(*converted);
    signature = der;
  } else if (signature.size() != static_cast<std::size_t>(EVP_PKEY_get_size(impl_->key.get()))) {
    // RFC 8017 §8.1.2 and §8.2.2, step 1; OpenSSL would let a PSS signature lack leading zeros.
    return fail(Errc::bad_signature, "the signature is wrong");
  }
  const DigestContextPtr context = duplicate(impl_->verifying[index(algorithm)]);
  if (EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(data),
                       data.size()) != 1) {
    return openssl_failed(Errc::bad_signature, "the signature is wrong");
  }
  return {};
}

Result<PrivateKey> PrivateKey::generate(Algorithm algorithm, unsigned rsa_bits) {
  const auto& wanted = facts(algorithm).curve;
  if (!wanted && (rsa_bits < kMinRsaBits || rsa_bits > kMaxRsaBits)) {
    return fail(Errc::bad_key, "an RSA key must have 2048 to 8192 bits");
  }
  KeyPtr key(wanted ? EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve(*wanted).group)
                    : EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{rsa_bits}));
  if (!key) return openssl_failed(Errc::library, "a key could not be generated");
  return adopt_private(std::move(key));
}

KeyKind PrivateKey::kind() const {
  return impl_->kind;
}
bool PrivateKey::fits(Algorithm algorithm) const {
  return kind_fits(impl_->kind, algorithm);
}
PublicKey PrivateKey::public_key() const {
  return impl_->public_key;
}

std::string PrivateKey::sign(Algorithm algorithm, std::string_view data) const {
  CHECK(fits(algorithm));
  auto signature = try_sign(*impl_, algorithm, data);
  CHECK(signature);  // adopt_private() has signed with this key before
  return std::move(*signature);
}

}  // namespace openunison::crypto
