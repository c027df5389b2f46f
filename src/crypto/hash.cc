// SPDX-License-Identifier: Apache-2.0
#include "crypto/hash.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "base/secret.h"
#include "crypto/openssl.h"

namespace openunison::crypto {
namespace {

using MacPtr = std::unique_ptr<EVP_MAC_CTX, Deleter<EVP_MAC_CTX_free>>;

// Fetched once: a look-up by name at every call costs more than the digest of a short text.
const EVP_MD* digest_named(const char* name) {
  EVP_MD* digest = EVP_MD_fetch(nullptr, name, nullptr);
  CHECK(digest != nullptr);
  return digest;
}

void digest_into(const EVP_MD* digest, std::string_view data, unsigned char* out) {
  thread_local DigestContextPtr context(EVP_MD_CTX_new());
  CHECK(EVP_DigestInit_ex2(context.get(), digest, nullptr) == 1);
  CHECK(EVP_DigestUpdate(context.get(), data.data(), data.size()) == 1);
  CHECK(EVP_DigestFinal_ex(context.get(), out, nullptr) == 1);
}

// A context of a thread and the key that it has.
struct Hmac {
  MacPtr context;
  Secret key;
};

Hmac& hmac_of_thread() {
  thread_local Hmac hmac = [] {
    const std::unique_ptr<EVP_MAC, Deleter<EVP_MAC_free>> algorithm(
        EVP_MAC_fetch(nullptr, "HMAC", nullptr));
    CHECK(algorithm);
    MacPtr made(EVP_MAC_CTX_new(algorithm.get()));
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end()};
    CHECK(made && EVP_MAC_CTX_set_params(made.get(), parameters) == 1);
    return Hmac{std::move(made), Secret()};
  }();
  return hmac;
}

// HKDF only reads its parameters, but OSSL_PARAM has no const form. Null would be an error, even
// for nothing.
OSSL_PARAM octets(const char* name, std::string_view value) {
  const char* data = value.empty() ? "" : value.data();
  return OSSL_PARAM_construct_octet_string(name, const_cast<char*>(data), value.size());
}

}  // namespace

Sha256 sha256(std::string_view data) {
  static const EVP_MD* const kDigest = digest_named("SHA256");
  Sha256 result;
  digest_into(kDigest, data, result.data());
  return result;
}

std::string sha384(std::string_view data) {
  static const EVP_MD* const kDigest = digest_named("SHA384");
  std::string result(48, '\0');
  digest_into(kDigest, data, bytes(result));
  return result;
}

std::string sha512(std::string_view data) {
  static const EVP_MD* const kDigest = digest_named("SHA512");
  std::string result(64, '\0');
  digest_into(kDigest, data, bytes(result));
  return result;
}

Sha256 hmac_sha256(std::string_view key, std::string_view data) {
  Hmac& hmac = hmac_of_thread();
  EVP_MAC_CTX* const context = hmac.context.get();
  Sha256 result;
  std::size_t length = 0;
  // Taking a key costs half of the MAC of a short text, and mostly it is the one of the call
  // before, which no key means.
  if (!key.empty() && constant_time_equal(key, hmac.key.reveal())) {
    CHECK(EVP_MAC_init(context, nullptr, 0, nullptr) == 1);
  } else {
    const auto* key_bytes = bytes(key.empty() ? std::string_view("") : key);
    CHECK(EVP_MAC_init(context, key_bytes, key.size(), nullptr) == 1);
    hmac.key = Secret(std::string(key));
  }
  CHECK(EVP_MAC_update(context, bytes(data), data.size()) == 1);
  CHECK(EVP_MAC_final(context, result.data(), &length, result.size()) == 1 &&
        length == result.size());
  return result;
}

std::string hkdf_sha256(std::string_view key, std::string_view salt, std::string_view info,
                        std::size_t length) {
  const std::unique_ptr<EVP_KDF, Deleter<EVP_KDF_free>> hkdf(
      EVP_KDF_fetch(nullptr, "HKDF", nullptr));
  CHECK(hkdf);
  const std::unique_ptr<EVP_KDF_CTX, Deleter<EVP_KDF_CTX_free>> context(
      EVP_KDF_CTX_new(hkdf.get()));
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      octets(OSSL_KDF_PARAM_KEY, key), octets(OSSL_KDF_PARAM_SALT, salt),
      octets(OSSL_KDF_PARAM_INFO, info), OSSL_PARAM_construct_end()};
  std::string result(length, '\0');
  CHECK(context && EVP_KDF_derive(context.get(), bytes(result), length, parameters) == 1);
  return result;
}

bool constant_time_equal(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string hex(std::string_view data) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(data.size() * 2);
  for (const char c : data) {
    const auto byte = static_cast<unsigned char>(c);
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace openunison::crypto
