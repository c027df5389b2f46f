// SPDX-License-Identifier: Apache-2.0
//
// AES-256-GCM as in NIST SP 800-38D, with random nonces: one key is good for 2^32 seals (§8.3),
// which a purpose reaches after years at the rate of a large installation. Each purpose has keys of
// its own; replacing the master key begins anew.
#include "crypto/seal.h"

#include <openssl/crypto.h>

#include <optional>

#include "base/base64.h"
#include "crypto/hash.h"
#include "crypto/openssl.h"

namespace openunison::crypto {
namespace {

constexpr std::size_t kKeyBytes = 32, kNonceBytes = 12, kTagBytes = 16;

// Set up once a thread: later calls give key and nonce only.
EVP_CIPHER_CTX* aes_256_gcm() {
  thread_local const CipherContextPtr context = [] {
    const std::unique_ptr<EVP_CIPHER, Deleter<EVP_CIPHER_free>> cipher(
        EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr));
    CipherContextPtr made(EVP_CIPHER_CTX_new());
    CHECK(cipher && made);
    CHECK(EVP_CipherInit_ex2(made.get(), cipher.get(), nullptr, nullptr, 1, nullptr) == 1);
    return made;
  }();
  return context.get();
}

int size_of(std::string_view text) {
  CHECK(text.size() < (1u << 30));
  return static_cast<int>(text.size());
}

std::optional<std::string> open_with(const Secret& key, std::string_view sealed,
                                     std::string_view associated) {
  EVP_CIPHER_CTX* const context = aes_256_gcm();
  const std::string_view nonce = sealed.substr(0, kNonceBytes);
  const std::string_view text = sealed.substr(kNonceBytes, sealed.size() - kNonceBytes - kTagBytes);
  std::string tag(sealed.substr(sealed.size() - kTagBytes));
  std::string plain(text.size(), '\0');
  int length = 0;
  CHECK(EVP_DecryptInit_ex2(context, nullptr, bytes(key.reveal()), bytes(nonce), nullptr) == 1);
  CHECK(EVP_DecryptUpdate(context, nullptr, &length, bytes(associated), size_of(associated)) == 1);
  CHECK(EVP_DecryptUpdate(context, bytes(plain), &length, bytes(text), size_of(text)) == 1);
  CHECK(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) == 1);
  const bool genuine = EVP_DecryptFinal_ex(context, bytes(plain) + length, &length) == 1;
  if (!genuine) {
    ERR_clear_error();
    OPENSSL_cleanse(plain.data(), plain.size());
    return std::nullopt;
  }
  return plain;
}

Result<std::string> read_key(const Secret& text, const char* which) {
  auto key = base64_decode_loosely(text.reveal());
  if (!key || key->size() != kKeyBytes) {
    return fail(Errc::bad_key,
                std::string(which) +
                    ": it must be 32 bytes in base64; make one with: openssl rand -base64 32");
  }
  return std::move(*key);
}

}  // namespace

Result<MasterKey> MasterKey::create(const Secret& current, const Secret* previous) {
  MasterKey master;
  master.keys_.emplace_back(TRY(read_key(current, "OU_MASTER_KEY")));
  if (previous != nullptr)
    master.keys_.emplace_back(TRY(read_key(*previous, "OU_MASTER_KEY.previous")));
  return master;
}

std::vector<Secret> MasterKey::derive(std::string_view label) const {
  std::vector<Secret> derived;
  for (const Secret& key : keys_) {
    derived.emplace_back(
        hkdf_sha256(key.reveal(), {}, "openunison/" + std::string(label), kKeyBytes));
  }
  return derived;
}

Sealer::Sealer(const MasterKey& master, std::string_view purpose)
    : keys_(master.derive("seal/" + std::string(purpose))) {}

std::string Sealer::seal(std::string_view plaintext, Random& random,
                         std::string_view associated) const {
  return base64url_encode(seal_raw(plaintext, random, associated));
}

std::string Sealer::seal_raw(std::string_view plaintext, Random& random,
                             std::string_view associated) const {
  EVP_CIPHER_CTX* const context = aes_256_gcm();
  std::string sealed(kNonceBytes + plaintext.size() + kTagBytes, '\0');
  unsigned char* const nonce = bytes(sealed);
  unsigned char* const text = nonce + kNonceBytes;
  random.fill({nonce, kNonceBytes});
  int length = 0;
  CHECK(EVP_EncryptInit_ex2(context, nullptr, bytes(keys_.front().reveal()), nonce, nullptr) == 1);
  CHECK(EVP_EncryptUpdate(context, nullptr, &length, bytes(associated), size_of(associated)) == 1);
  CHECK(EVP_EncryptUpdate(context, text, &length, bytes(plaintext), size_of(plaintext)) == 1);
  CHECK(EVP_EncryptFinal_ex(context, text + length, &length) == 1);
  CHECK(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTagBytes, text + plaintext.size()) ==
        1);
  return sealed;
}

Result<std::string> Sealer::open(std::string_view sealed, std::string_view associated) const {
  const auto raw = base64url_decode(sealed);
  if (!raw) return fail(Errc::bad_seal, "not sealed by this server");
  return open_raw(*raw, associated);
}

Result<std::string> Sealer::open_raw(std::string_view sealed, std::string_view associated) const {
  if (sealed.size() >= kNonceBytes + kTagBytes) {
    for (const Secret& key : keys_) {
      if (auto plain = open_with(key, sealed, associated)) return std::move(*plain);
    }
  }
  return fail(Errc::bad_seal, "not sealed by this server");
}

}  // namespace openunison::crypto
