// SPDX-License-Identifier: Apache-2.0
#include "oidc/code.h"

#include <algorithm>

#include "base/base64.h"
#include "crypto/hash.h"
#include "session/error.h"
#include "text/json.h"

namespace openunison::oidc {

Codes::Codes(const crypto::MasterKey& master, std::string issuer)
    : sealer_(master, "authorization-code"), issuer_(std::move(issuer)) {}

std::string Codes::seal(const Code& code, crypto::Random& random) const {
  std::string plain;
  text::JsonWriter(plain)
      .begin_object()
      .member("i", code.id.text())
      .member("s", code.sign_in.text())
      .member("c", code.client_id)
      .member("r", code.redirect_uri)
      .member("o", code.scope)
      .member("n", code.nonce)
      .member("p", code.challenge)
      .member("e", code.expires_at.time_since_epoch().count())
      .end_object();
  return sealer_.seal(plain, random, issuer_);
}

Result<Code> Codes::open(std::string_view sealed) const {
  const auto bad = [] { return fail(session::Errc::bad_token, "not a code of this server"); };
  const auto plain = sealer_.open(sealed, issuer_);
  if (!plain) return bad();
  const auto json = text::Json::parse(*plain);
  if (!json) return bad();

  Code code;
  std::string id, sign_in;
  for (const auto& [name, into] :
       {std::pair{"i", &id}, std::pair{"s", &sign_in}, std::pair{"c", &code.client_id},
        std::pair{"r", &code.redirect_uri}, std::pair{"o", &code.scope},
        std::pair{"n", &code.nonce}, std::pair{"p", &code.challenge}}) {
    const std::string* value = json->find_string(name);
    if (value == nullptr) return bad();
    *into = *value;
  }
  const auto code_id = store::CodeId::parse(id);
  const auto sign_in_id = store::SignInId::parse(sign_in);
  const text::Json* expires = json->find("e");
  if (!code_id || !sign_in_id || expires == nullptr || expires->integer() == nullptr) return bad();
  code.id = *code_id;
  code.sign_in = *sign_in_id;
  code.expires_at = WallTime(Millis(*expires->integer()));
  return code;
}

bool valid_verifier(std::string_view verifier) {
  return verifier.size() >= 43 && verifier.size() <= 128 &&
         std::all_of(verifier.begin(), verifier.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '.' || c == '_' || c == '~';
         });
}

bool verifies(std::string_view challenge, std::string_view verifier) {
  const std::string computed = base64url_encode(crypto::view(crypto::sha256(verifier)));
  return valid_verifier(verifier) && crypto::constant_time_equal(challenge, computed);
}

}  // namespace openunison::oidc
