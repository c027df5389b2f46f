// SPDX-License-Identifier: Apache-2.0
#include "crypto/key.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <array>
#include <optional>

#include "crypto/openssl.h"

namespace openunison::crypto {
namespace {

using BuilderPtr = std::unique_ptr<OSSL_PARAM_BLD, Deleter<OSSL_PARAM_BLD_free>>;
using ParametersPtr = std::unique_ptr<OSSL_PARAM, Deleter<OSSL_PARAM_free>>;

constexpr int kMinRsaBits = 2048, kMaxRsaBits = 8192;

struct AlgorithmFacts {
  std::string_view name;
  const char* digest;
  std::optional<KeyKind> curve;  // absent: RSA
  bool pss;
};
constexpr std::array<AlgorithmFacts, 9> kAlgorithms{{{"RS256", "SHA256", {}, false},
                                                     {"RS384", "SHA384", {}, false},
                                                     {"RS512", "SHA512", {}, false},
                                                     {"PS256", "SHA256", {}, true},
                                                     {"PS384", "SHA384", {}, true},
                                                     {"PS512", "SHA512", {}, true},
                                                     {"ES256", "SHA256", KeyKind::p256, false},
                                                     {"ES384", "SHA384", KeyKind::p384, false},
                                                     {"ES512", "SHA512", KeyKind::p521, false}}};
const AlgorithmFacts& facts(Algorithm algorithm) { return kAlgorithms[static_cast<std::size_t>(algorithm)]; }

struct CurveFacts {
  const char* group;
  std::size_t field_bytes;
};
CurveFacts curve(KeyKind kind) {
  switch (kind) {
    case KeyKind::p256: return {"prime256v1", 32};
    case KeyKind::p384: return {"secp384r1", 48};
    default: return {"secp521r1", 66};
  }
}

bool kind_fits(KeyKind kind, Algorithm algorithm) {
  const auto& wanted = facts(algorithm).curve;
  return wanted ? kind == *wanted : kind == KeyKind::rsa;
}

// What kind of key this is, if we accept it at all. Error: bad_key.
Result<KeyKind> kind_of(EVP_PKEY* key) {
  if (EVP_PKEY_is_a(key, "RSA")) {
    const int bits = EVP_PKEY_get_bits(key);
    if (bits < kMinRsaBits || bits > kMaxRsaBits) {
      return fail(Errc::bad_key, "an RSA key of " + std::to_string(bits) + " bits is not accepted (2048 to 8192)");
    }
    BIGNUM* exponent = nullptr;
    CHECK(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1);
    const BignumPtr owned(exponent);
    if (!BN_is_odd(exponent) || BN_is_one(exponent) || BN_num_bits(exponent) > 64) {
      return fail(Errc::bad_key, "an RSA key with this public exponent is not accepted");
    }
    return KeyKind::rsa;
  }
  if (EVP_PKEY_is_a(key, "EC")) {
    char group[64] = {};
    if (EVP_PKEY_get_group_name(key, group, sizeof group, nullptr) == 1) {
      for (const KeyKind kind : {KeyKind::p256, KeyKind::p384, KeyKind::p521}) {
        if (std::string_view(group) == curve(kind).group) return kind;
      }
    }
    return openssl_failed(Errc::bad_key, "this elliptic curve is not accepted (P-256, P-384, P-521)");
  }
  return openssl_failed(Errc::bad_key, "only RSA and EC keys are accepted");
}

std::string number_text(const BIGNUM* number, std::size_t width = 0) {
  const auto size = static_cast<std::size_t>(BN_num_bytes(number));
  std::string text(std::max(size, width), '\0');
  CHECK(BN_bn2binpad(number, bytes(text), static_cast<int>(text.size())) >= 0);
  return text;
}

std::string number_parameter(EVP_PKEY* key, const char* name, std::size_t width = 0) {
  BIGNUM* number = nullptr;
  CHECK(EVP_PKEY_get_bn_param(key, name, &number) == 1);
  const BignumPtr owned(number);
  return number_text(number, width);
}


// A context set up for signing (or verifying) with this key and algorithm. Setting one up costs several look-ups by
// name, so it is made once a key and duplicated for each use.
DigestContextPtr prepare(EVP_PKEY* key, Algorithm algorithm, bool signing) {
  DigestContextPtr context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* inner = nullptr;  // owned by `context`
  const char* digest = facts(algorithm).digest;
  const int started = signing ? EVP_DigestSignInit_ex(context.get(), &inner, digest, nullptr, nullptr, key, nullptr)
                              : EVP_DigestVerifyInit_ex(context.get(), &inner, digest, nullptr, nullptr, key, nullptr);
  CHECK(started == 1);
  if (facts(algorithm).pss) {
    CHECK(EVP_PKEY_CTX_set_rsa_padding(inner, RSA_PKCS1_PSS_PADDING) == 1);
    CHECK(EVP_PKEY_CTX_set_rsa_pss_saltlen(inner, RSA_PSS_SALTLEN_DIGEST) == 1);
  }
  return context;
}

// RFC 7518 §3.4: r ‖ s, each of the field's size → DER. nullopt if the lengths are wrong or r or s is zero.
std::optional<std::string> ecdsa_to_der(std::string_view raw, std::size_t field_bytes) {
  if (raw.size() != 2 * field_bytes) return std::nullopt;
  BignumPtr r(BN_bin2bn(bytes(raw), static_cast<int>(field_bytes), nullptr));
  BignumPtr s(BN_bin2bn(bytes(raw.substr(field_bytes)), static_cast<int>(field_bytes), nullptr));
  if (BN_is_zero(r.get()) || BN_is_zero(s.get())) return std::nullopt;
  const std::unique_ptr<ECDSA_SIG, Deleter<ECDSA_SIG_free>> signature(ECDSA_SIG_new());
  CHECK(ECDSA_SIG_set0(signature.get(), r.release(), s.release()) == 1);
  unsigned char* der = nullptr;
  const int length = i2d_ECDSA_SIG(signature.get(), &der);
  CHECK(length > 0);
  std::string text(reinterpret_cast<char*>(der), static_cast<std::size_t>(length));
  OPENSSL_free(der);
  return text;
}

std::string ecdsa_from_der(std::string_view der, std::size_t field_bytes) {
  const unsigned char* at = bytes(der);
  const std::unique_ptr<ECDSA_SIG, Deleter<ECDSA_SIG_free>> signature(
      d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  CHECK(signature != nullptr);
  return number_text(ECDSA_SIG_get0_r(signature.get()), field_bytes) +
         number_text(ECDSA_SIG_get0_s(signature.get()), field_bytes);
}

int passphrase_callback(char* buffer, int size, int, void* user) {
  const auto* passphrase = static_cast<const Secret*>(user);
  const auto length = static_cast<int>(passphrase->reveal().size());
  if (length == 0 || length > size) return -1;
  passphrase->reveal().copy(buffer, static_cast<std::size_t>(length));
  return length;
}

}  // namespace

std::string_view name(Algorithm algorithm) { return facts(algorithm).name; }

Result<Algorithm> parse_algorithm(std::string_view text) {
  for (std::size_t i = 0; i < kAlgorithms.size(); ++i) {
    if (kAlgorithms[i].name == text) return static_cast<Algorithm>(i);
  }
  return fail(Errc::bad_key, "this signature algorithm is not accepted");
}

struct PublicKey::Impl {
  KeyPtr key;
  KeyKind kind;
};

struct PrivateKey::Impl {
  KeyPtr key;
  KeyKind kind;
  // By algorithm; only those that fit the kind are set.
  std::array<DigestContextPtr, kAlgorithms.size()> prepared;
};

Result<PublicKey> PublicKey::create(const PublicNumbers& numbers) {
  const BuilderPtr builder(OSSL_PARAM_BLD_new());
  BignumPtr n, e;
  std::string point;
  if (numbers.kind == KeyKind::rsa) {
    n.reset(BN_bin2bn(bytes(numbers.n), static_cast<int>(numbers.n.size()), nullptr));
    e.reset(BN_bin2bn(bytes(numbers.e), static_cast<int>(numbers.e.size()), nullptr));
    CHECK(OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) == 1);
    CHECK(OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) == 1);
  } else {
    const CurveFacts facts = curve(numbers.kind);
    if (numbers.x.size() != facts.field_bytes || numbers.y.size() != facts.field_bytes) {
      return fail(Errc::bad_key, "an EC key's x and y must have the length of its curve");
    }
    point = '\x04' + numbers.x + numbers.y;  // uncompressed
    CHECK(OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, facts.group, 0) == 1);
    CHECK(OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) == 1);
  }
  const ParametersPtr parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  const KeyContextPtr context(
      EVP_PKEY_CTX_new_from_name(nullptr, numbers.kind == KeyKind::rsa ? "RSA" : "EC", nullptr));
  EVP_PKEY* made = nullptr;
  if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
    return openssl_failed(Errc::bad_key, "these numbers are not a public key");
  }
  KeyPtr key(made);
  const KeyContextPtr checker(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  if (EVP_PKEY_public_check(checker.get()) != 1) {
    return openssl_failed(Errc::bad_key, "these numbers are not a sound public key");
  }
  const KeyKind kind = TRY(kind_of(key.get()));
  return PublicKey(std::make_shared<Impl>(Impl{std::move(key), kind}));
}

Result<PublicKey> PublicKey::from_pem(std::string_view pem) {
  KeyPtr key(PEM_read_bio_PUBKEY(memory_bio(pem).get(), nullptr, nullptr, nullptr));
  if (!key) {
    ERR_clear_error();
    const X509Ptr certificate(PEM_read_bio_X509(memory_bio(pem).get(), nullptr, nullptr, nullptr));
    if (certificate) key.reset(X509_get_pubkey(certificate.get()));
  }
  if (!key) return openssl_failed(Errc::bad_key, "there is no public key or certificate in PEM form");
  const KeyKind kind = TRY(kind_of(key.get()));
  return PublicKey(std::make_shared<Impl>(Impl{std::move(key), kind}));
}

KeyKind PublicKey::kind() const { return impl_->kind; }
bool PublicKey::fits(Algorithm algorithm) const { return kind_fits(impl_->kind, algorithm); }

PublicNumbers PublicKey::numbers() const {
  PublicNumbers numbers{impl_->kind, {}, {}, {}, {}};
  EVP_PKEY* key = impl_->key.get();
  if (impl_->kind == KeyKind::rsa) {
    numbers.n = number_parameter(key, OSSL_PKEY_PARAM_RSA_N);
    numbers.e = number_parameter(key, OSSL_PKEY_PARAM_RSA_E);
  } else {
    const std::size_t width = curve(impl_->kind).field_bytes;
    numbers.x = number_parameter(key, OSSL_PKEY_PARAM_EC_PUB_X, width);
    numbers.y = number_parameter(key, OSSL_PKEY_PARAM_EC_PUB_Y, width);
  }
  return numbers;
}

Result<void> PublicKey::verify(Algorithm algorithm, std::string_view data, std::string_view signature) const {
  if (!fits(algorithm)) return fail(Errc::bad_key, "the signature's algorithm doesn't fit the key");
  std::string der;
  if (facts(algorithm).curve) {
    auto converted = ecdsa_to_der(signature, curve(impl_->kind).field_bytes);
    if (!converted) return fail(Errc::bad_signature, "the signature is wrong");
    der = std::move(*converted);
    signature = der;
  }
  const DigestContextPtr context = prepare(impl_->key.get(), algorithm, false);
  const int verified =
      EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(data), data.size());
  if (verified != 1) return openssl_failed(Errc::bad_signature, "the signature is wrong");
  return {};
}

namespace {

Result<PrivateKey> adopt(KeyPtr key) {
  const KeyKind kind = TRY(kind_of(key.get()));
  auto impl = std::make_shared<PrivateKey::Impl>();
  for (std::size_t i = 0; i < kAlgorithms.size(); ++i) {
    const auto algorithm = static_cast<Algorithm>(i);
    if (kind_fits(kind, algorithm)) impl->prepared[i] = prepare(key.get(), algorithm, true);
  }
  impl->key = std::move(key);
  impl->kind = kind;
  return PrivateKey(std::move(impl));
}

}  // namespace

Result<PrivateKey> PrivateKey::generate(Algorithm algorithm, unsigned rsa_bits) {
  const auto& wanted = facts(algorithm).curve;
  KeyPtr key(wanted ? EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve(*wanted).group)
                    : EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<std::size_t>(rsa_bits)));
  if (!key) return openssl_failed(Errc::library, "a key could not be generated");
  return adopt(std::move(key));
}

Result<PrivateKey> PrivateKey::from_pem(std::string_view pem, const Secret& passphrase) {
  Secret copy = passphrase;
  KeyPtr key(PEM_read_bio_PrivateKey(memory_bio(pem).get(), nullptr, passphrase_callback, &copy));
  if (!key) {
    const bool encrypted = pem.find("ENCRYPTED") != std::string_view::npos;
    if (encrypted) return openssl_failed(Errc::wrong_passphrase, "the key is encrypted and the passphrase doesn't open it");
    return openssl_failed(Errc::bad_key, "there is no private key in PEM form");
  }
  return adopt(std::move(key));
}

Result<PrivateKey> PrivateKey::from_pkcs12(std::string_view der, const Secret& passphrase) {
  const Pkcs12Ptr store(d2i_PKCS12_bio(memory_bio(der).get(), nullptr));
  if (!store) return openssl_failed(Errc::bad_key, "this is not a PKCS#12 file");
  const std::string text(passphrase.reveal());
  if (PKCS12_verify_mac(store.get(), text.c_str(), static_cast<int>(text.size())) != 1) {
    return openssl_failed(Errc::wrong_passphrase, "the passphrase doesn't open the PKCS#12 file");
  }
  EVP_PKEY* key = nullptr;
  X509* certificate = nullptr;
  if (PKCS12_parse(store.get(), text.c_str(), &key, &certificate, nullptr) != 1) {
    return openssl_failed(Errc::bad_key, "the PKCS#12 file can't be read");
  }
  const X509Ptr owned(certificate);
  if (key == nullptr) return fail(Errc::bad_key, "there is no private key in the PKCS#12 file");
  return adopt(KeyPtr(key));
}

KeyKind PrivateKey::kind() const { return impl_->kind; }
bool PrivateKey::fits(Algorithm algorithm) const { return kind_fits(impl_->kind, algorithm); }

PublicKey PrivateKey::public_key() const {
  // The same EVP_PKEY; PublicKey only ever reads its public part.
  EVP_PKEY_up_ref(impl_->key.get());
  return PublicKey(std::make_shared<PublicKey::Impl>(PublicKey::Impl{KeyPtr(impl_->key.get()), impl_->kind}));
}

Secret PrivateKey::pem() const {
  const BioPtr out(BIO_new(BIO_s_secmem()));
  CHECK(PEM_write_bio_PKCS8PrivateKey(out.get(), impl_->key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  char* text = nullptr;
  const long length = BIO_get_mem_data(out.get(), &text);
  return Secret(std::string(text, static_cast<std::size_t>(length)));
}

std::string PrivateKey::sign(Algorithm algorithm, std::string_view data) const {
  CHECK(fits(algorithm));
  const DigestContextPtr context(EVP_MD_CTX_new());
  CHECK(EVP_MD_CTX_copy_ex(context.get(), impl_->prepared[static_cast<std::size_t>(algorithm)].get()) == 1);
  std::size_t length = static_cast<std::size_t>(EVP_PKEY_get_size(impl_->key.get()));
  std::string signature(length, '\0');
  CHECK(EVP_DigestSign(context.get(), bytes(signature), &length, bytes(data), data.size()) == 1);
  signature.resize(length);
  if (facts(algorithm).curve) return ecdsa_from_der(signature, curve(impl_->kind).field_bytes);
  return signature;
}

}  // namespace openunison::crypto
