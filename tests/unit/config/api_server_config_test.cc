// SPDX-License-Identifier: Apache-2.0
#include "config/api_server_config.h"

#include "config/error.h"
#include "config/values_fixture.h"
#include "text/json.h"
#include "text/yaml.h"

namespace openunison::config {
namespace {

constexpr const char* kFormats[] = {
    "all", "flags", "authentication-configuration", "eks-cli", "eksctl", "terraform", "json"};

std::string print(const Values& values, const Cluster& cluster, std::string_view format,
                  const ApiServerConfigOptions& options = {}) {
  return api_server_config(values, cluster, parse_api_server_format(format).value(), options);
}

// Each form for no prefix (-) with the CA, for prefixes, for the default (issuer#), and for an
// issuer of its own.
TEST(ApiServerConfig, Golden) {
  const Values demo = parse_file("design.yaml");
  const Values several = parse_file("clusters.yaml");
  const ApiServerConfigOptions with_ca{"/etc/kubernetes/pki/ou-ca.pem",
                                       demo.trusted_certs.at(0).pem};
  for (const char* format : kFormats) {
    const auto golden = [&](const char* name) {
      return data_path(std::string("api_server_config/") + name + "." + format);
    };
    expect_golden(golden("demo"), print(demo, demo.clusters.at(0), format, with_ca));
    expect_golden(golden("production"), print(several, several.clusters.at(0), format));
    expect_golden(golden("staging"), print(several, several.clusters.at(1), format));
    expect_golden(golden("eu"), print(several, several.clusters.at(2), format));
  }
}

// `$(openunison api-server-config --format flags)` must be nothing but flags.
TEST(ApiServerConfig, FlagsAreOnePerLine) {
  const Values values = parse_file("clusters.yaml");
  for (const Cluster& cluster : values.clusters) {
    std::istringstream lines(print(values, cluster, "flags", {"/ca.pem", "pem"}));
    int count = 0;
    for (std::string line; std::getline(lines, line); ++count) {
      EXPECT_TRUE(line.starts_with("--oidc-")) << line;
      EXPECT_EQ(line.find_first_of(" \t'\""), std::string::npos) << line;
    }
    EXPECT_GE(count, 6);
  }
}

// kube-apiserver's flags mean RS256 unless they say otherwise; EKS can't say otherwise.
TEST(ApiServerConfig, Es256IsSaidWhereItCanBe) {
  Values values = parse_file("design.yaml");
  const Cluster& cluster = values.clusters.at(0);
  EXPECT_EQ(print(values, cluster, "flags").find("signing-algs"), std::string::npos);
  values.signing_algorithm = SigningAlgorithm::es256;
  EXPECT_NE(print(values, cluster, "flags").find("\n--oidc-signing-algs=ES256\n"),
            std::string::npos);
  const std::string all = print(values, cluster, "all");
  EXPECT_NE(all.find("--oidc-signing-algs=ES256"), std::string::npos);
  EXPECT_EQ(all.find("aws eks"), std::string::npos);
  EXPECT_NE(all.find("# EKS: not with openunison.signing_algorithm: ES256"), std::string::npos);
}

TEST(ApiServerConfig, PrefixFlagsAreLeftOutWhereTheyAreNotSet) {
  Values values = parse_file("design.yaml");
  Cluster cluster = values.clusters.at(0);
  const auto flags = [&](const char* username_prefix, const char* groups_prefix) {
    cluster.username_prefix = username_prefix;
    cluster.groups_prefix = groups_prefix;
    std::string all = print(values, cluster, "flags"), kept;
    std::istringstream lines(all);
    for (std::string line; std::getline(lines, line);) {
      if (line.find("-prefix=") != std::string::npos) kept += line + "\n";
    }
    return kept;
  };
  EXPECT_EQ(flags("-", ""), "--oidc-username-prefix=-\n");
  EXPECT_EQ(flags("", ""), "");
  EXPECT_EQ(flags("u:", "g:"), "--oidc-username-prefix=u:\n--oidc-groups-prefix=g:\n");
}

TEST(ApiServerConfig, AuthenticationConfigurationAlwaysWritesPrefixes) {
  Values values = parse_file("design.yaml");
  Cluster cluster = values.clusters.at(0);
  for (const auto& [flag, written] :
       {std::pair{"-", ""}, std::pair{"", "https://localhost:8443/auth/idp/k8sIdp#"},
        std::pair{"u:", "u:"}}) {
    cluster.username_prefix = flag;
    const auto yaml = text::Yaml::parse(print(values, cluster, "authentication-configuration",
                                              {"", values.trusted_certs.at(0).pem}));
    ASSERT_TRUE(yaml) << yaml.error().message();
    EXPECT_EQ(yaml->find("apiVersion")->scalar, "apiserver.config.k8s.io/v1");
    const text::Yaml& jwt = yaml->find("jwt")->items.at(0);
    EXPECT_EQ(jwt.find("claimMappings")->find("username")->find("prefix")->scalar, written);
    EXPECT_TRUE(jwt.find("claimMappings")->find("groups")->find("prefix")->scalar.empty());
    EXPECT_EQ(jwt.find("claimValidationRules")->items.at(0).find("requiredValue")->scalar, "id");
    EXPECT_EQ(jwt.find("issuer")->find("url")->scalar, values.issuer(cluster));
    EXPECT_EQ(jwt.find("issuer")->find("audiences")->items.at(0).scalar, "kubernetes");
    EXPECT_EQ(jwt.find("issuer")->find("certificateAuthority")->scalar,
              values.trusted_certs.at(0).pem);
  }
}

TEST(ApiServerConfig, CertificateAuthorityWithDosLineEnds) {
  const Values values = parse_file("design.yaml");
  const std::string text = print(values, values.clusters.at(0), "authentication-configuration",
                                 {"", "-----BEGIN\r\nx\r\n\r\n-----END\r\n"});
  EXPECT_NE(text.find("    certificateAuthority: |\n      -----BEGIN\n      x\n      -----END\n  "
                      "claimValidationRules"),
            std::string::npos)
      << text;
}

TEST(ApiServerConfig, YamlAndJsonCanBeRead) {
  const Values values = parse_file("clusters.yaml");
  for (const Cluster& cluster : values.clusters) {
    const auto eksctl = text::Yaml::parse(print(values, cluster, "eksctl"));
    ASSERT_TRUE(eksctl);
    EXPECT_EQ(eksctl->find("identityProviders")->items.at(0).find("clientId")->scalar,
              cluster.client_id);
    const auto json = text::Json::parse(print(values, cluster, "json"));
    ASSERT_TRUE(json);
    EXPECT_EQ(*json->find_string("issuerUrl"), values.issuer(cluster));
  }
}

TEST(ApiServerConfig, UnknownFormat) {
  const auto format = parse_api_server_format("yaml");
  ASSERT_FALSE(format);
  EXPECT_TRUE(format.error().is(Errc::bad_argument));
  EXPECT_NE(format.error().message().find("eksctl"), std::string::npos);
}

TEST(ConfigError, CodesHaveNames) {
  EXPECT_EQ(make_error_code(Errc::bad_values).message(), "bad_values");
  EXPECT_EQ(make_error_code(Errc::bad_argument).message(), "bad_argument");
}

}  // namespace
}  // namespace openunison::config
