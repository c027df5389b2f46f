// SPDX-License-Identifier: Apache-2.0
//
// Keys in files: PEM (RFC 7468) and PKCS#12 (RFC 7292), in and out.
#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include <vector>

#include "crypto/key.h"
#include "crypto/key_impl.h"

namespace openunison::crypto {
namespace {

void free_safes(STACK_OF(PKCS7) * safes) {
  sk_PKCS7_pop_free(safes, PKCS7_free);
}
void free_bags(STACK_OF(PKCS12_SAFEBAG) * bags) {
  sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
}

using BagsPtr = std::unique_ptr<STACK_OF(PKCS12_SAFEBAG), Deleter<free_bags>>;
using Pkcs12Ptr = std::unique_ptr<PKCS12, Deleter<PKCS12_free>>;
using PrivateKeyInfoPtr = std::unique_ptr<PKCS8_PRIV_KEY_INFO, Deleter<PKCS8_PRIV_KEY_INFO_free>>;
using SafesPtr = std::unique_ptr<STACK_OF(PKCS7), Deleter<free_safes>>;

// pem_password_cb. Without a passphrase it fails, instead of asking at the terminal.
int give_passphrase(char* buffer, int size, int, void* user) {
  const std::string_view passphrase = static_cast<const Secret*>(user)->reveal();
  if (passphrase.empty() || passphrase.size() > static_cast<std::size_t>(size)) return -1;
  passphrase.copy(buffer, passphrase.size());
  return static_cast<int>(passphrase.size());
}

// A passphrase as PKCS#12 takes it: "" and none at all give different keys.
struct Passphrase {
  const char* text;
  int length;
};

// The form of `passphrase` that the file's MAC was made with; nullptr if neither was.
const Passphrase* matching(PKCS12* file, const Passphrase& given, const Passphrase& none) {
  if (PKCS12_verify_mac(file, given.text, given.length) == 1) return &given;
  if (given.length == 0 && PKCS12_verify_mac(file, none.text, none.length) == 1) return &none;
  return nullptr;
}

// The key of a bag; null where it holds something else or can't be decrypted.
KeyPtr key_of(const PKCS12_SAFEBAG* bag, const Passphrase& passphrase) {
  const int kind = PKCS12_SAFEBAG_get_nid(bag);
  if (kind == NID_keyBag) return KeyPtr(EVP_PKCS82PKEY(PKCS12_SAFEBAG_get0_p8inf(bag)));
  if (kind != NID_pkcs8ShroudedKeyBag) return nullptr;
  const PrivateKeyInfoPtr info(PKCS12_decrypt_skey(bag, passphrase.text, passphrase.length));
  return info ? KeyPtr(EVP_PKCS82PKEY(info.get())) : nullptr;
}

BagsPtr bags_of(PKCS7* safe, const Passphrase& passphrase) {
  if (PKCS7_type_is_data(safe)) return BagsPtr(PKCS12_unpack_p7data(safe));
  if (!PKCS7_type_is_encrypted(safe)) return nullptr;
  return BagsPtr(PKCS12_unpack_p7encdata(safe, passphrase.text, passphrase.length));
}

// All keys that can be read. Certificates are not looked at, so that one encrypted with the RC2 of
// old tools, which OpenSSL no longer reads, doesn't stand in the way of the key.
std::vector<KeyPtr> keys_of(PKCS12* file, const Passphrase& passphrase) {
  std::vector<KeyPtr> keys;
  const SafesPtr safes(PKCS12_unpack_authsafes(file));
  for (int i = 0; i < sk_PKCS7_num(safes.get()); ++i) {
    const BagsPtr bags = bags_of(sk_PKCS7_value(safes.get(), i), passphrase);
    for (int j = 0; j < sk_PKCS12_SAFEBAG_num(bags.get()); ++j) {
      if (auto key = key_of(sk_PKCS12_SAFEBAG_value(bags.get(), j), passphrase)) {
        keys.push_back(std::move(key));
      }
    }
  }
  ERR_clear_error();
  return keys;
}

}  // namespace

Result<PublicKey> PublicKey::from_pem(std::string_view pem) {
  KeyPtr key(PEM_read_bio_PUBKEY(memory_bio(pem).get(), nullptr, nullptr, nullptr));
  if (!key) {
    const X509Ptr certificate(PEM_read_bio_X509(memory_bio(pem).get(), nullptr, nullptr, nullptr));
    if (certificate) key.reset(X509_get_pubkey(certificate.get()));
  }
  ERR_clear_error();
  if (!key) return fail(Errc::bad_key, "there is no public key or certificate in PEM form");
  return adopt_public(std::move(key));
}

Result<PrivateKey> PrivateKey::from_pem(std::string_view pem, const Secret& passphrase) {
  Secret copy = passphrase;
  KeyPtr key(PEM_read_bio_PrivateKey(memory_bio(pem).get(), nullptr, give_passphrase, &copy));
  ERR_clear_error();
  if (key) return adopt_private(std::move(key));
  const bool encrypted = pem.find("ENCRYPTED") != std::string_view::npos;
  if (encrypted && passphrase.empty()) {
    return fail(Errc::wrong_passphrase, "the key is encrypted and no passphrase was given");
  }
  if (encrypted) return fail(Errc::wrong_passphrase, "the passphrase doesn't open the key");
  return fail(Errc::bad_key, "there is no private key in PEM form");
}

Result<PrivateKey> PrivateKey::from_pkcs12(std::string_view der, const Secret& passphrase) {
  const Pkcs12Ptr file(d2i_PKCS12_bio(memory_bio(der).get(), nullptr));
  if (!file) return openssl_failed(Errc::bad_key, "this is not a PKCS#12 file");
  if (PKCS12_mac_present(file.get()) != 1) {
    return openssl_failed(Errc::bad_key, "the PKCS#12 file has no MAC");
  }
  const std::string_view text = passphrase.reveal();
  const Passphrase given{text.data(), static_cast<int>(text.size())}, none{nullptr, 0};
  const Passphrase* fitting = matching(file.get(), given, none);
  if (fitting == nullptr) {
    return openssl_failed(Errc::wrong_passphrase, "the passphrase doesn't open the PKCS#12 file");
  }
  auto keys = keys_of(file.get(), *fitting);
  if (keys.empty()) {
    return fail(Errc::bad_key, "there is no private key in the PKCS#12 file that can be read");
  }
  if (keys.size() > 1) {
    return fail(Errc::bad_key,
                "the PKCS#12 file holds " + std::to_string(keys.size()) +
                    " private keys; export the one that is meant into a file of its own");
  }
  return adopt_private(std::move(keys.front()));
}

Secret PrivateKey::pem() const {
  const BioPtr out(BIO_new(BIO_s_secmem()));
  CHECK(PEM_write_bio_PKCS8PrivateKey(out.get(), impl_->key.get(), nullptr, nullptr, 0, nullptr,
                                      nullptr) == 1);
  char* text = nullptr;
  const long length = BIO_get_mem_data(out.get(), &text);
  return Secret(std::string(text, static_cast<std::size_t>(length)));
}

}  // namespace openunison::crypto
