// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "config/values_fixture.h"

namespace openunison::config {
namespace {

std::string check(const Values& values, const std::set<std::string>& there) {
  return texts(
      check_secrets(values, [&](const std::string& name) { return there.contains(name); }));
}

TEST(CheckSecrets, AllThere) {
  EXPECT_EQ(check(parse_file("clusters.yaml"),
                  {"OU_MASTER_KEY", "OIDC_CLIENT_SECRET", "OIDC_CLIENT_SECRET_partner",
                   "users.yaml", "CLIENT_wiki", "tls.crt", "tls.key"}),
            "");
}

TEST(CheckSecrets, NothingThere) {
  EXPECT_EQ(check(parse_file("clusters.yaml"), {}),
            "clusters.yaml: error: secrets: the secret file OU_MASTER_KEY is missing: make it "
            "with: openssl rand -base64 32\n"
            "clusters.yaml: warning: oidc: there is no secret file OIDC_CLIENT_SECRET: the "
            "provider must know this client as a public one\n"
            "clusters.yaml: warning: partner: there is no secret file "
            "OIDC_CLIENT_SECRET_partner: the provider must know this client as a public one\n"
            "clusters.yaml: warning: emergency: there is no users.yaml yet, so nobody can sign "
            "in with it; add a user with: openunison users add\n"
            "clusters.yaml: error: openunison.clients: the secret file CLIENT_wiki is missing: "
            "the secret of the client wiki\n"
            "clusters.yaml: error: server.tls: the secret file tls.crt is missing: the serving "
            "certificate, PEM, leaf first\n"
            "clusters.yaml: error: server.tls: the secret file tls.key is missing: the private "
            "key of the serving certificate\n");
}

TEST(CheckSecrets, SecretOfAPublicClient) {
  const std::string all =
      check(parse_file("clusters.yaml"),
            {"OU_MASTER_KEY", "OIDC_CLIENT_SECRET", "OIDC_CLIENT_SECRET_partner", "users.yaml",
             "CLIENT_wiki", "CLIENT_tool", "tls.crt", "tls.key"});
  EXPECT_EQ(all,
            "clusters.yaml: warning: openunison.clients: CLIENT_tool isn't used: the client "
            "tool is public\n");
}

TEST(CheckSecrets, PlainHttpNeedsNoCertificate) {
  EXPECT_EQ(
      check(values_of(good_and("server: {plain_http: true}\n")), {"OU_MASTER_KEY", "users.yaml"}),
      "");
}

}  // namespace
}  // namespace openunison::config
