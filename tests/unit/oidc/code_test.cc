// SPDX-License-Identifier: Apache-2.0
#include "oidc/code.h"

#include <gtest/gtest.h>

#include "base/base64.h"
#include "crypto/hash.h"
#include "oidc/authorization_request.h"
#include "oidc/client.h"

namespace openunison::oidc {
namespace {

const WallTime kNow = from_unix_seconds(1'700'000'000);

crypto::MasterKey master() {
  return *crypto::MasterKey::create(Secret("a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="));
}

config::Cluster cluster() {
  config::Cluster c;
  c.name = "demo";
  return c;
}

Client confidential() {
  config::Client settings;
  settings.client_id = "app";
  settings.redirect_uris = {"https://app.example/cb"};
  settings.post_logout_redirect_uris = {"https://app.example/bye"};
  return configured_client(settings, Secret("s3cret:/+ é"));
}

text::Form form(std::string_view encoded) {
  return *text::Form::parse(encoded);
}

http::Request request_with(std::string authorization) {
  http::Request request;
  if (!authorization.empty()) request.headers.add("authorization", std::move(authorization));
  return request;
}

TEST(Code, OpensOnlyAsSealedAndOnlyAtItsIssuer) {
  crypto::SeededRandom random(1);
  const Codes codes(master(), "https://i"), other(master(), "https://j");
  Code code;
  code.id = random.id<store::CodeTag>();
  code.client_id = "app";
  code.nonce = "n\n\"x";
  code.expires_at = kNow + kCodeLife;
  const std::string sealed = codes.seal(code, random);
  const auto opened = codes.open(sealed);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->id, code.id);
  EXPECT_EQ(opened->nonce, code.nonce);
  EXPECT_FALSE(other.open(sealed)) << "a code of one issuer is none of another";
  EXPECT_EQ(opened->expires_at, kNow + kCodeLife);
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string bad = sealed;
    bad[i] = bad[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(codes.open(bad)) << i;
  }
}

// RFC 7636 appendix B.
TEST(Pkce, VectorAndShapes) {
  EXPECT_TRUE(verifies("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
                       "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
  EXPECT_FALSE(verifies("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
                        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXl"));
  EXPECT_FALSE(verifies("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", ""));
  EXPECT_TRUE(valid_verifier(std::string(43, 'a')));
  EXPECT_TRUE(valid_verifier(std::string(128, '~')));
  EXPECT_FALSE(valid_verifier(std::string(42, 'a')));
  EXPECT_FALSE(valid_verifier(std::string(129, 'a')));
  EXPECT_FALSE(valid_verifier(std::string(43, '+')));
  const std::string plain(43, 'a');
  EXPECT_FALSE(verifies(plain, plain)) << "the method plain is not accepted";
}

// RFC 9700 §2.1, RFC 8252 §7.3.
TEST(Redirects, KubectlsLoopbackAddresses) {
  const config::Cluster demo = cluster();
  const Client client = cluster_client(demo);
  for (const char* good :
       {"http://127.0.0.1", "http://127.0.0.1/", "http://127.0.0.1:8000/callback",
        "http://[::1]:1/redirect", "http://localhost:18000", "http://localhost:65535/"})
    EXPECT_TRUE(client.allows_redirect(good)) << good;
  for (const char* bad : {"https://127.0.0.1/",
                          "http://127.0.0.1/other",
                          "http://127.0.0.1:8000/callback/",
                          "http://127.0.0.1:8000/callback?x=1",
                          "http://127.0.0.1:8000#f",
                          "http://127.0.0.1:0/",
                          "http://127.0.0.1:65536/",
                          "http://127.0.0.1:08000/",
                          "http://127.0.0.1:/",
                          "http://127.0.0.1:80x/",
                          "http://127.0.0.1.evil.example/",
                          "http://127.0.0.1@evil.example/",
                          "http://localhost.evil.example/",
                          "http://localhost@evil/",
                          "http://LOCALHOST/",
                          "HTTP://localhost/",
                          "http://localhost\\@evil/",
                          "http://localhost/%2e%2e",
                          "http://127.0.0.2/",
                          "http://[::1%25lo]/",
                          "http://evil.example/",
                          "",
                          "http://",
                          "//127.0.0.1/",
                          "http://127.1/",
                          "http://localhost./",
                          "http://localhost:8000//"}) {
    EXPECT_FALSE(client.allows_redirect(bad)) << bad;
  }
}

TEST(Redirects, OfOtherClientsAreExact) {
  const Client client = confidential();
  EXPECT_TRUE(client.allows_redirect("https://app.example/cb"));
  for (const char* bad :
       {"https://app.example/cb/", "https://app.example/cb?x", "https://app.example/CB",
        "https://APP.example/cb", "https://app.example:443/cb", "http://app.example/cb",
        "https://app.example/a/../cb", "https://app.example/cb#", "https://u@app.example/cb",
        "https://app.example/%63b", "https://app.example.evil/cb"}) {
    EXPECT_FALSE(client.allows_redirect(bad)) << bad;
  }
  EXPECT_TRUE(client.allows_post_logout_redirect("https://app.example/bye"));
  EXPECT_FALSE(client.allows_post_logout_redirect("https://app.example/cb"));
}

TEST(ClientAuthentication, Table) {
  const config::Cluster demo = cluster();
  const Clients clients({cluster_client(demo), confidential()});
  const auto basic = [](std::string_view pair) { return "Basic " + base64_encode(pair); };
  const std::string secret =
      "s3cret%3A%2F%2B+%C3%A9";  // form-encoded inside Basic (RFC 6749 §2.3.1)
  struct Case {
    const char* name;
    std::string authorization;
    const char* body;
    int status;  // 0: accepted
  };
  const Case cases[] = {
      {"basic", basic("app:" + secret), "", 0},
      {"basic, scheme in another case", "bAsIc " + base64_encode("app:" + secret), "", 0},
      {"post", "", "client_id=app&client_secret=s3cret%3A%2F%2B+%C3%A9", 0},
      {"none", "", "client_id=kubernetes", 0},
      {"kubectl's basic with an empty secret", basic("kubernetes:"), "", 0},
      {"kubectl's second try", "", "client_id=kubernetes&client_secret=", 0},
      {"public with a secret", basic("kubernetes:x"), "", 401},
      {"public with a posted secret", "", "client_id=kubernetes&client_secret=x", 401},
      {"wrong secret", basic("app:wrong"), "", 401},
      {"no secret", "", "client_id=app", 401},
      {"empty secret", basic("app:"), "", 401},
      {"unknown client", basic("nobody:x"), "", 401},
      {"no client", "", "", 401},
      {"not form-encoded", basic("app:s3cret:/+ é"), "", 401},
      {"two ways", basic("app:" + secret), "client_secret=x", 400},
      {"two ids", basic("app:" + secret), "client_id=kubernetes", 400},
      {"bearer", "Bearer x", "client_id=kubernetes", 401},
      {"broken base64", "Basic !!", "", 401},
      {"no colon", basic("app"), "", 401},
  };
  for (const Case& each : cases) {
    const auto result = clients.authenticate(request_with(each.authorization), form(each.body));
    EXPECT_EQ(result ? 0 : result.error().status, each.status) << each.name;
  }
  http::Request twice = request_with(basic("kubernetes:"));
  twice.headers.add("authorization", basic("kubernetes:"));
  EXPECT_EQ(clients.authenticate(twice, form("")).error().status, 400);
}

TEST(AClientWithoutItsSecretLetsNobodyIn, NotEvenWithAnEmptyOne) {
  config::Client settings;
  settings.client_id = "app";
  const Clients clients({configured_client(settings, Secret())});
  EXPECT_FALSE(clients.authenticate(request_with(""), form("client_id=app")));
  EXPECT_FALSE(clients.authenticate(request_with(""), form("client_id=app&client_secret=")));
}

class Authorization : public testing::Test {
 protected:
  config::Cluster demo_ = cluster();
  Clients clients_{{cluster_client(demo_), confidential()}};
  static constexpr std::string_view kGood =
      "client_id=kubernetes&redirect_uri=http%3A%2F%2Flocalhost%3A8000&response_type=code&scope="
      "openid&state=s&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_"
      "method=S256";

  std::string outcome(std::string_view query) {
    const auto parsed = parse_authorization(form(query), clients_);
    if (const auto* error = std::get_if<Error>(&parsed)) return "page: " + error->code().message();
    if (const auto* error = std::get_if<RedirectableError>(&parsed))
      return error->error.code + (error->to.state == "s" ? "" : " without state");
    return "accepted";
  }
  static std::string with(std::string_view extra) {
    return std::string(kGood) + "&" + std::string(extra);
  }
  static std::string without(std::string_view name) {
    text::Form rest;
    for (const auto& [key, value] : form(kGood).fields()) {
      if (key != name) rest.add(key, value);
    }
    return rest.encode();
  }
};

TEST_F(Authorization, Table) {
  EXPECT_EQ(outcome(kGood), "accepted");
  EXPECT_EQ(outcome(with("unknown_parameter=1")), "accepted");
  EXPECT_EQ(outcome(with("response_mode=query&prompt=login&max_age=0&nonce=n")), "accepted");
  // Shown, never redirected.
  EXPECT_EQ(outcome(without("client_id")), "page: bad_client");
  EXPECT_EQ(outcome(without("redirect_uri")), "page: bad_client");
  EXPECT_EQ(outcome("client_id=nobody&redirect_uri=https%3A%2F%2Fevil.example%2F"),
            "page: bad_client");
  EXPECT_EQ(outcome(with("client_id=app")), "page: malformed_request");
  EXPECT_EQ(outcome(with("redirect_uri=https%3A%2F%2Fevil.example%2F")), "page: malformed_request");
  // Sent back to the client.
  EXPECT_EQ(outcome(with("state=t")), "invalid_request without state");
  EXPECT_EQ(outcome(with("nonce=a&nonce=b")), "invalid_request");
  EXPECT_EQ(outcome(without("response_type")), "invalid_request");
  EXPECT_EQ(outcome(without("scope")), "invalid_scope");
  EXPECT_EQ(outcome(without("code_challenge")), "invalid_request");
  EXPECT_EQ(outcome(without("code_challenge_method")), "invalid_request");
  EXPECT_EQ(outcome(with("response_mode=web_message")), "invalid_request");
  EXPECT_EQ(outcome(with("request=x")), "request_not_supported");
  EXPECT_EQ(outcome(with("request_uri=https%3A%2F%2F169.254.169.254%2F")),
            "request_uri_not_supported");
  EXPECT_EQ(outcome(with("registration=x")), "registration_not_supported");
  EXPECT_EQ(outcome(with("prompt=none+login")), "invalid_request");
  EXPECT_EQ(outcome(with("max_age=-1")), "invalid_request");
  EXPECT_EQ(outcome(with("max_age=1x")), "invalid_request");
  EXPECT_EQ(outcome(with("nonce=" + std::string(513, 'n'))), "invalid_request");
}

TEST_F(Authorization, PublicClientsMustUsePkceWithS256) {
  std::string plain = without("code_challenge_method") + "&code_challenge_method=plain";
  EXPECT_EQ(outcome(plain), "invalid_request");
  EXPECT_EQ(outcome(without("code_challenge") + "&code_challenge=short"), "invalid_request");
  EXPECT_EQ(outcome("client_id=app&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&response_type=code&"
                    "scope=openid&state=s"),
            "accepted")
      << "confidential clients may go without";
}

TEST_F(Authorization, OtherResponseTypesAreNotOffered) {
  for (const char* type : {"token", "id_token", "code+id_token", "none", "CODE"}) {
    EXPECT_EQ(outcome(without("response_type") + "&response_type=" + type),
              "unsupported_response_type")
        << type;
  }
}

TEST(Scopes, AClusterGetsAllThatItsTokensNeedAndOthersWhatTheyAsk) {
  const config::Cluster demo = cluster();
  EXPECT_EQ(cluster_client(demo).grant_scope("openid"),
            "openid profile email groups offline_access");
  EXPECT_EQ(confidential().grant_scope("openid email unknown"), "openid email");
}

}  // namespace
}  // namespace openunison::oidc
