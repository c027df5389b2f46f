// SPDX-License-Identifier: Apache-2.0
//
// An OpenID provider in memory, behind the connector's Fetcher: well-behaved until a test scripts a
// fault for one of its paths or changes what it says. Single-threaded unless a test locks.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/base64.h"
#include "crypto/hash.h"
#include "crypto/key.h"
#include "identity/fetcher.h"
#include "jose/jwk.h"
#include "jose/jwt.h"
#include "text/form.h"
#include "text/json.h"

namespace openunison::identity {

inline text::Json json(std::string_view text) {
  auto parsed = text::Json::parse(text);
  return parsed ? *parsed : text::Json("not JSON");
}

inline http::Response reply(int status, std::string body, std::string type = "application/json") {
  http::Response response;
  response.status = status;
  response.body = std::move(body);
  response.headers.add("content-type", std::move(type));
  return response;
}

// One key for the whole test program: making them is what would cost time.
inline const crypto::PrivateKey& test_key(int number) {
  static const std::vector<crypto::PrivateKey> kKeys = [] {
    std::vector<crypto::PrivateKey> keys;
    for (int i = 0; i < 3; ++i)
      keys.push_back(*crypto::PrivateKey::generate(crypto::Algorithm::es256));
    return keys;
  }();
  return kKeys[static_cast<std::size_t>(number)];
}

class FakeProvider {
 public:
  using Answer = std::function<Result<http::Response>(const http::ClientRequest&)>;

  explicit FakeProvider(const Clock& clock) : clock_(&clock) {
    metadata =
        json(R"({"issuer":"https://idp.example","authorization_endpoint":"https://idp.example/auth",
      "token_endpoint":"https://idp.example/token","userinfo_endpoint":"https://idp.example/me",
      "jwks_uri":"https://idp.example/keys","end_session_endpoint":"https://idp.example/end"})");
    claims = json(
        R"({"preferred_username":"alice","name":"Alice","email":"a@example.com","email_verified":true,
      "groups":["ops"],"sid":"up-1","amr":["pwd","otp"],"acr":"2"})");
    userinfo = json(R"({"sub":"u1"})");
  }

  // --- What tests change ---
  text::Json metadata, claims, userinfo;
  std::string issuer = "https://idp.example", audience = "ou", subject = "u1", nonce;
  std::string type = "JWT", kid = "k0";
  int key = 0;                       // that signs
  std::vector<int> published = {0};  // that the JWKS has, as kid "k<number>"
  bool with_id_token = true, with_at_hash = true, with_nonce = true;
  std::optional<std::string> refresh_token = "r1";
  std::int64_t expires_in = 3'600;
  Seconds issued_ago{0}, life{300};
  std::optional<std::string> raw_id_token;
  std::map<std::string, Answer> scripts;  // by path; taken before the ordinary answer
  std::optional<std::string> date;        // header of every answer
  net::Completion* gate = nullptr;        // every answer waits for it

  // --- What tests look at ---
  std::vector<http::ClientRequest> requests;
  int count(std::string_view path) const {
    int found = 0;
    for (const auto& request : requests) found += request.url.path == path ? 1 : 0;
    return found;
  }
  const http::ClientRequest& last(std::string_view path) const {
    const http::ClientRequest* found = nullptr;
    for (const auto& request : requests) {
      if (request.url.path == path) found = &request;
    }
    if (found == nullptr) std::abort();
    return *found;
  }
  text::Form last_form(std::string_view path) const { return *text::Form::parse(last(path).body); }

  Fetcher fetcher() {
    return [this](http::ClientRequest request) { return fetch(this, std::move(request)); };
  }

  std::string sign(const text::Json& payload, std::string_view typ) const {
    return jose::Signer(test_key(key), crypto::Algorithm::es256, kid).sign(payload.dump(), typ);
  }
  // `access_token`: for at_hash.
  std::string id_token(std::string_view access_token) const {
    if (raw_id_token) return *raw_id_token;
    return sign(id_token_payload(access_token), type);
  }
  text::Json id_token_payload(std::string_view access_token) const {
    text::Json payload = claims;
    const std::int64_t issued = unix_seconds(clock_->now() - issued_ago);
    const auto set_unless_there = [&payload](const char* name, text::Json value) {
      if (payload.find(name) == nullptr) payload.set(name, std::move(value));
    };
    set_unless_there("iss", issuer);
    set_unless_there("aud", audience);
    set_unless_there("sub", subject);
    set_unless_there("iat", issued);
    set_unless_there("exp", issued + life.count());
    if (with_nonce && !nonce.empty()) set_unless_there("nonce", nonce);
    if (with_at_hash && !access_token.empty()) {
      set_unless_there("at_hash", jose::half_hash(access_token, crypto::Algorithm::es256));
    }
    // What a test has set to null isn't there.
    std::erase_if(*payload.object(), [](const auto& member) { return member.second.is_null(); });
    return payload;
  }
  // A token with any header, signed with the signing key or not at all.
  std::string forged(std::string_view header, const text::Json& payload,
                     std::string_view signature) const {
    return base64url_encode(header) + "." + base64url_encode(payload.dump()) + "." +
           base64url_encode(signature);
  }

  http::Response token_answer() {
    const std::string access = "access-" + std::to_string(++issued_);
    text::Json body{text::Json::Object()};
    body.set("access_token", access);
    body.set("token_type", "Bearer");
    body.set("expires_in", expires_in);
    if (refresh_token) body.set("refresh_token", *refresh_token);
    if (with_id_token) body.set("id_token", id_token(access));
    return reply(200, body.dump());
  }
  std::string jwks() const {
    std::vector<jose::Jwk> keys;
    for (const int number : published) {
      keys.push_back(
          {test_key(number).public_key(), "k" + std::to_string(number), crypto::Algorithm::es256});
    }
    return jose::JwkSet(std::move(keys)).dump();
  }

 private:
  static Task<Result<http::Response>> fetch(FakeProvider* self, http::ClientRequest request) {
    self->requests.push_back(request);
    if (self->gate != nullptr) {
      const bool open = co_await self->gate->wait(net::in(Seconds(20)));
      if (!open) co_return fail(net::Errc::timed_out, "the gate stayed shut");
    }
    Result<http::Response> response = self->answer(request);
    if (response && self->date) response->headers.set("date", *self->date);
    co_return response;
  }
  Result<http::Response> answer(const http::ClientRequest& request) {
    const std::string& path = request.url.path;
    if (const auto script = scripts.find(path); script != scripts.end())
      return script->second(request);
    if (path == "/.well-known/openid-configuration") return reply(200, metadata.dump());
    if (path == "/keys") return reply(200, jwks());
    if (path == "/token") return token_answer();
    if (path == "/me") {
      if (!request.headers.contains("authorization")) return reply(401, "");
      return reply(200, userinfo.dump());
    }
    return reply(404, "");
  }

  const Clock* clock_;
  int issued_ = 0;
};

}  // namespace openunison::identity
