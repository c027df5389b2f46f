// SPDX-License-Identifier: Apache-2.0
#include "crypto/hash.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "crypto/openssl.h"

namespace openunison::crypto {
namespace {

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

constexpr std::size_t kBlock = 64;  // SHA-256's

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

// From two digests: EVP_MAC would allocate and look its digest up at each call.
Sha256 hmac_sha256(std::string_view key, std::string_view data) {
  std::string block(kBlock, '\0');
  if (key.size() > kBlock) {
    const Sha256 shortened = sha256(key);
    std::copy(shortened.begin(), shortened.end(), block.begin());
  } else {
    std::copy(key.begin(), key.end(), block.begin());
  }
  std::string inner;
  inner.reserve(kBlock + data.size());
  for (const char c : block) inner += static_cast<char>(c ^ 0x36);
  inner += data;
  const Sha256 inner_digest = sha256(inner);

  std::string outer;
  outer.reserve(kBlock + inner_digest.size());
  for (const char c : block) outer += static_cast<char>(c ^ 0x5c);
  outer += view(inner_digest);
  const Sha256 result = sha256(outer);
  OPENSSL_cleanse(block.data(), block.size());
  OPENSSL_cleanse(inner.data(), inner.size());
  OPENSSL_cleanse(outer.data(), outer.size());
  return result;
}

std::string hkdf_sha256(std::string_view key, std::string_view salt, std::string_view info, std::size_t length) {
  EVP_KDF* kdf = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  CHECK(kdf != nullptr);
  EVP_KDF_CTX* context = EVP_KDF_CTX_new(kdf);
  EVP_KDF_free(kdf);
  CHECK(context != nullptr);
  std::string digest = "SHA256", key_copy(key), salt_copy(salt), info_copy(info);
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), digest.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key_copy.data(), key_copy.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt_copy.data(), salt_copy.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info_copy.data(), info_copy.size()),
      OSSL_PARAM_construct_end()};
  std::string result(length, '\0');
  const int derived = EVP_KDF_derive(context, bytes(result), result.size(), parameters);
  EVP_KDF_CTX_free(context);
  OPENSSL_cleanse(key_copy.data(), key_copy.size());
  CHECK(derived == 1);
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
