// SPDX-License-Identifier: Apache-2.0
//
// Asymmetric keys and signatures: RSA (PKCS#1 v1.5 and PSS) and ECDSA on P-256/384/521.
// A key is parsed once and then shared; immutable; thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "crypto/error.h"

namespace openunison::crypto {

// JWS names (RFC 7518 §3.1); symmetric algorithms, EdDSA and "none" do not exist here.
enum class Algorithm { rs256, rs384, rs512, ps256, ps384, ps512, es256, es384, es512 };
std::string_view name(Algorithm algorithm);
// Exact, case-sensitive. Error: bad_key.
Result<Algorithm> parse_algorithm(std::string_view name);

enum class KeyKind { rsa, p256, p384, p521 };

// The numbers of a public key, big-endian; RSA without leading zeros, EC padded to the field's
// size.
struct PublicNumbers {
  KeyKind kind;
  std::string n, e;  // RSA
  std::string x, y;  // EC
};

class PublicKey {
 public:
  // RSA 2048–8192 bits with odd exponent ≥ 3; EC point on its curve. Error: bad_key.
  static Result<PublicKey> create(const PublicNumbers& numbers);
  static Result<PublicKey> from_pem(std::string_view pem);  // SubjectPublicKeyInfo or certificate

  KeyKind kind() const;
  PublicNumbers numbers() const;
  bool fits(Algorithm algorithm) const;
  // `signature` in JWS form (ECDSA: r ‖ s of fixed size, RFC 7518 §3.4). Error: bad_signature, or
  // bad_key when the algorithm does not fit the key.
  Result<void> verify(Algorithm algorithm, std::string_view data, std::string_view signature) const;

  struct Impl;
  explicit PublicKey(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

 private:
  std::shared_ptr<const Impl> impl_;
};

class PrivateKey {
 public:
  // rs*/ps*: RSA of `rsa_bits`; es*: its curve. Errors: bad_key for a size that is not accepted,
  // library.
  static Result<PrivateKey> generate(Algorithm algorithm, unsigned rsa_bits = 2048);
  // PKCS#8, PKCS#1 or SEC1; encrypted PEM is refused unless a passphrase is given.
  // Errors: bad_key, wrong_passphrase.
  static Result<PrivateKey> from_pem(std::string_view pem, const Secret& passphrase = {});
  // The key of a PKCS#12 file, which must hold exactly one. Errors: bad_key, wrong_passphrase.
  static Result<PrivateKey> from_pkcs12(std::string_view der, const Secret& passphrase);

  KeyKind kind() const;
  PublicKey public_key() const;
  bool fits(Algorithm algorithm) const;
  Secret pem() const;  // PKCS#8
  // JWS form. CHECKs that the algorithm fits.
  std::string sign(Algorithm algorithm, std::string_view data) const;

  struct Impl;
  explicit PrivateKey(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

 private:
  std::shared_ptr<const Impl> impl_;
};

}  // namespace openunison::crypto
