// SPDX-License-Identifier: Apache-2.0
//
// What can be wrong with a file's form, the network, identity providers and clusters, one case
// each: where the problem points and what it says.
#include "config/problem_case.h"

namespace openunison::config {
namespace {

class ProblemTest : public ::testing::TestWithParam<Case> {};

TEST_P(ProblemTest, IsReportedWhereItStands) {
  expect_problems(GetParam());
}

// The parser's own words point behind the mistake.
TEST(Syntax, SaysWhereElseToLook) {
  const auto problem = parse("network:\n  openunison_host: [a\n  k8s_url: b\n").problems.at(0);
  EXPECT_TRUE(problem.message.ends_with(
      " (look at the indentation, or for a missing bracket or quote, in the lines before too)"))
      << problem.text();
  const auto twice = parse("a: 1\na: 2\n").problems.at(0);
  EXPECT_EQ(twice.message, "the key \"a\" is given twice") << "of this the place is known";
}

// A short name is a part of many others.
TEST(UnknownKey, IsNotTakenForAShortNameInIt) {
  EXPECT_EQ(parse(good_and("surname: a\n")).problems.at(0).message, "unknown key");
}

std::string with_oidc(const std::string& lines) {
  return "network: {openunison_host: ou.example.com, k8s_url: https://k8s.example.com}\n"
         "oidc:\n"
         "  forceauthentication: false\n" +
         lines;
}
std::string with_good_oidc(const std::string& lines) {
  return with_oidc("  issuer: https://idp.example.com\n  client_id: ou\n" + lines);
}
std::string with_host(const std::string& host) {
  return "identity_providers: [{name: local, type: local}]\nnetwork:\n  k8s_url: "
         "https://k8s.example.com\n  openunison_host: " +
         host + "\n";
}
INSTANTIATE_TEST_SUITE_P(
    Shape, ProblemTest,
    ::testing::ValuesIn(std::vector<Case>{
        {"not yaml", "a: [", {"1:"}},
        {"not a map", "[1]", {"1:1: error: values: the file must be a map"}},
        {"empty",
         "",
         {"1:1: error: network.k8s_url: is missing",
          "1:1: error: network.openunison_host: is missing", "1:1: warning: oidc: isn't written"}},
        {"duplicate key",
         good_and("network: {}\n"),
         {"7:1: error: the key \"network\" is given twice"}},
        {"unknown key, near",
         good_and("netwrok:\n  x: 1\n"),
         {"7:1: error: netwrok: unknown key; did you mean network?"}},
        {"unknown key inside",
         with_oidc("  isuer: https://a.example.com\n  client_id: a\n"),
         {"2:1: error: oidc.issuer: is missing",
          "4:3: error: oidc.isuer: unknown key; did you mean oidc.issuer?"}},
        {"a secret in values",
         good_and("openunison: {clients: [{client_id: c, client_secret: x, redirect_uris: "
                  "[\"https://c/\"]}]}\n"),
         {"7:39: error: openunison.clients[0].client_secret: unknown key; secrets don't stand in "
          "values"}},
        {"unknown key that is known elsewhere",
         good_and("openunison_host: a\n"),
         {"7:1: error: openunison_host: unknown key; did you mean network.openunison_host?"}},
        {"unknown key that says more than one that is known",
         good_and("openunison_hostname: a\n"),
         {"7:1: error: openunison_hostname: unknown key; did you mean network.openunison_host?"}},
        {"unknown key that says less",
         good_and("openunison: {authentication: {lifetime_seconds: 1}}\n"),
         {"7:31: error: openunison.authentication.lifetime_seconds: unknown key; did you mean "
          "openunison.authentication.absolute_lifetime_seconds?"}},
        {"unknown key in a list",
         good_and("clusters:\n- {name: a, k8s_url: https://a.example.com, labell: x}\n"),
         {"8:45: error: clusters[0].labell: unknown key; did you mean clusters[].label?"}},
        {"unknown key, nothing near",
         good_and("qqqqqqqqqqqq: 1\n"),
         {"7:1: error: qqqqqqqqqqqq: unknown key"}},
        // Taken for the nested key it would be known, and then never read: nobody would be kept
        // out.
        {"path as a key",
         good_and("openunison.az_groups: [a]\n"),
         {"7:1: error: openunison.az_groups: unknown key; write its parts as maps inside each "
          "other"}},
        {"path as a key inside",
         good_and("openunison:\n  authentication.token_life_seconds: 60\n"),
         {"8:3: error: openunison.authentication.token_life_seconds: unknown key"}},
        {"list path as a key",
         good_and("clusters[]: 1\n"),
         {"7:1: error: clusters[]: unknown key"}},
        {"control characters in a key",
         good_and("\"a\\e[31m\": 1\n"),
         {"7:1: error: a?[31m: unknown key"}},
        {"long key",
         good_and(std::string(200, 'k') + ": 1\n"),
         {"7:1: error: " + std::string(80, 'k') + "...: unknown key"}},
        {"map is text", good_and("openunison: x\n"), {"7:13: error: openunison: must be a map"}},
        {"map is text, and nothing follows from it",
         "network: x\nidentity_providers: [{name: local, type: local}]\n",
         {"1:10: error: network: must be a map"}},
        {"list is a map",
         good_and("clusters: {a: 1}\n"),
         {"7:11: error: clusters: must be a list of maps"}},
        {"entry is text", good_and("clusters: [a]\n"), {"7:12: error: clusters[0]: must be a map"}},
        {"list of text is text",
         good_and("openunison:\n  az_groups: admins\n"),
         {"8:14: error: openunison.az_groups: must be a list of text"}},
        {"list of text holds a map",
         good_and("openunison: {az_groups: [{a: 1}]}\n"),
         {"7:26: error: openunison.az_groups[0]: must be text"}},
        {"list of text holds nothing",
         good_and("openunison: {az_groups: [\"\"]}\n"),
         {"7:26: error: openunison.az_groups[0]: must be text"}},
        {"list of text holds null",
         good_and("openunison: {az_groups: [~]}\n"),
         {"7:26: error: openunison.az_groups[0]: must be text"}},
        {"list of text holds a control character",
         good_and("openunison: {az_groups: [\"a\\nb\"]}\n"),
         {"7:26: error: openunison.az_groups[0]: must not have control characters"}},
        {"boolean is text",
         good_and("server: {plain_http: \"true\"}\n"),
         {"7:22: error: server.plain_http: must be true or false"}},
        {"boolean is yes",
         good_and("server: {plain_http: yes}\n"),
         {"7:22: error: server.plain_http: must be true or false"}},
        {"number is text",
         good_and("server: {threads: many}\n"),
         {"7:19: error: server.threads: must be a whole number"}},
        {"number has a fraction",
         good_and("server: {threads: 1.5}\n"),
         {"7:19: error: server.threads: must be a whole number"}},
        {"number is beyond 64 bits",
         good_and("server: {threads: 99999999999999999999}\n"),
         {"7:19: error: server.threads: must be a whole number"}},
        {"number is negative",
         good_and("server: {threads: -1}\n"),
         {"7:19: error: server.threads: must be from 0 to 256"}},
        {"number is too large",
         good_and("server: {threads: 257}\n"),
         {"7:19: error: server.threads: must be from 0 to 256"}},
        {"number is a map",
         good_and("server: {threads: {}}\n"),
         {"7:19: error: server.threads: must be a whole number"}},
        {"text is a list",
         good_and("k8s_cluster_label: [a]\n"),
         {"7:20: error: k8s_cluster_label: must be text"}},
        {"text has a line break",
         good_and("k8s_cluster_label: \"a\\nb\"\n"),
         {"7:20: error: k8s_cluster_label: must not have control characters"}},
        {"choice",
         good_and("server: {store: mysql}\n"),
         {"7:17: error: server.store: must be one of: memory, sqlite"}},
        {"several, in file order",
         good_and("zzzzzzzz: 1\nserver: {threads: x}\nk8s_cluster_label: []\n"),
         {"7:1: error: zzzzzzzz", "8:19: error: server.threads", "9:20: error: k8s_cluster_label"}},
    }));

INSTANTIATE_TEST_SUITE_P(
    Network, ProblemTest,
    ::testing::ValuesIn(std::vector<Case>{
        {"host missing",
         "identity_providers: [{name: local, type: local}]\nnetwork:\n  k8s_url: https://k\n",
         {"2:1: error: network.openunison_host: is missing"}},
        {"host is null", with_host("~"), {"4:3: error: network.openunison_host: is missing"}},
        {"host is empty", with_host("\"\""), {"4:20: error: network.openunison_host: is missing"}},
        {"host is a URL",
         with_host("https://ou.example.com"),
         {"4:20: error: network.openunison_host: must be a host name alone"}},
        {"host with a port",
         with_host("ou.example.com:8443"),
         {"4:20: error: network.openunison_host: must be a host name alone"}},
        {"host with a path",
         with_host("ou.example.com/x"),
         {"4:20: error: network.openunison_host: must be a host name alone"}},
        {"host with user",
         with_host("a@ou.example.com"),
         {"4:20: error: network.openunison_host: must be a host name alone"}},
        {"host with a last dot",
         with_host("ou.example.com."),
         {"4:20: error: network.openunison_host: must be a host name alone"}},
        {"host with an empty label",
         with_host("ou..example.com"),
         {"4:20: error: network.openunison_host: must be a host name alone"}},
        {"host with a dash in front",
         with_host("-ou.example.com"),
         {"4:20: error: network.openunison_host: must be a host name alone"}},
        {"host beyond ASCII",
         with_host("öu.example.com"),
         {"4:20: error: network.openunison_host: must be a host name alone"}},
        {"port",
         good_and("").insert(9, "  external_port: 0\n"),
         {"2:18: error: network.external_port: must be from 1 to 65535"}},
        {"idle",
         good_and("").insert(9, "  session_inactivity_timeout_seconds: 5\n"),
         {"2:39: error: network.session_inactivity_timeout_seconds: must be from 60 to 86400"}},
        {"k8s_url missing",
         "identity_providers: [{name: local, type: local}]\nnetwork:\n  openunison_host: "
         "a.example.com\n",
         {"2:1: error: network.k8s_url: is missing"}},
        {"k8s_url is http",
         "identity_providers: [{name: local, type: local}]\nnetwork: {openunison_host: a, k8s_url: "
         "http://k}\n",
         {"2:40: error: network.k8s_url: must be an https URL"}},
        {"k8s_url has a query",
         "identity_providers: [{name: local, type: local}]\nnetwork: {openunison_host: a, k8s_url: "
         "\"https://k?x\"}\n",
         {"2:40: error: network.k8s_url: must not have a query"}},
        {"impersonation",
         good_and("enable_impersonation: true\n"),
         {"7:23: error: enable_impersonation: the impersonating API proxy isn't in this version"}},
        {"impersonation by OpenUnison's default",
         good_and("").insert(9, "  api_server_host: k8sapi.example.com\n"),
         {"1:1: warning: enable_impersonation: isn't written and counts as false here",
          "2:3: warning: network.api_server_host: is ignored."}},
        {"certificate is not base64",
         good_and("trusted_certs: [{name: a, pem_b64: \"***\"}]\n"),
         {"7:36: error: trusted_certs[0].pem_b64: is not base64"}},
        {"certificate is not PEM",
         good_and("trusted_certs: [{name: a, pem_b64: aGVsbG8=}]\n"),
         {"7:36: error: trusted_certs[0].pem_b64: there is no certificate"}},
        {"certificate missing",
         good_and("trusted_certs: [{name: a}]\n"),
         {"7:17: error: trusted_certs[0].pem_b64: is missing"}},
        {"certificate empty",
         good_and("trusted_certs: [{name: a, pem_b64: \"\"}]\n"),
         {"7:36: error: trusted_certs[0].pem_b64: is empty"}},
        {"certificate is a private key",
         good_and(
             "trusted_certs: [{name: a, pem_b64: "
             "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCk1JR0hBZ0VBTUJNR0J5cUdTTTQ5QWdFR0NDcUdTTTQ5QXdFS"
             "EJHMHdhd0lCQVFRZ3pydVI2Ni9Ya0c4a1lKTjQKWFhjZFlXbjNsUnpnR3E0L1lObjJqYjYwOHFLaFJBTkNBQV"
             "JVODFYSjRWaGQ4RHRFK2RNOUhqcG5FTGc3VHY3YwplNWVPRmVBeTQvQkI5TnM4MUt2ZTJ0VGZzYWJtaVVITEh"
             "zeGRwc0pGRUpYbGVxSWxUQkxXWDNUcgotLS0tLUVORCBQUklWQVRFIEtFWS0tLS0tCg==}]\n"),
         {"7:36: error: trusted_certs[0].pem_b64: holds a private key"}},
        {"certificate without a name",
         good_and(
             "trusted_certs: [{pem_b64: "
             "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJtRENDQVQyZ0F3SUJBZ0lVT0xPbTJBQ3JaL1B3QXZDe"
             "TJWTndEMWE5c2Rzd0NnWUlLb1pJemowRUF3SXcKSURFZU1Cd0dBMVVFQXd3VmRtRnNkV1Z6SUhSbGMzUWdZWF"
             "YwYUc5eWFYUjVNQ0FYRFRJMk1URXlOREF6TXpndwpNMW9ZRHpJeE1qWXhNRE14TURNek9EQXpXakFnTVI0d0h"
             "BWURWUVFEREJWMllXeDFaWE1nZEdWemRDQmhkWFJvCmIzSnBkSGt3V1RBVEJnY3Foa2pPUFFJQkJnZ3Foa2pP"
             "UFFNQkJ3TkNBQVJVODFYSjRWaGQ4RHRFK2RNOUhqcG4KRUxnN1R2N2NlNWVPRmVBeTQvQkI5TnM4MUt2ZTJ0V"
             "GZzYWJtaVVITEhzeGRwc0pGRUpYbGVxSWxUQkxXWDNUcgpvMU13VVRBZEJnTlZIUTRFRmdRVU8vV2VMV1FVOT"
             "NYWWFyZ29KVzdOL2tlTThUQXdId1lEVlIwakJCZ3dGb0FVCk8vV2VMV1FVOTNYWWFyZ29KVzdOL2tlTThUQXd"
             "Ed1lEVlIwVEFRSC9CQVV3QXdFQi96QUtCZ2dxaGtqT1BRUUQKQWdOSkFEQkdBaUVBak9Qc1BTeW1mT1JaSVIv"
             "ekk3Y05iTUt6TnFDSTlFZ2NITjhMT29LcWh1RUNJUUM5VWVmNApvdnMrb012WHNSM2FNa2dPcXhpZU1sU0Y0M"
             "lVNWUFKa3lXdWRUUT09Ci0tLS0tRU5EIENFUlRJRklDQVRFLS0tLS0K}]\n"),
         {"7:17: error: trusted_certs[0].name: is missing"}},
        {"two certificates of a name",
         good_and(
             "trusted_certs:\n- {name: a, pem_b64: "
             "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJtRENDQVQyZ0F3SUJBZ0lVT0xPbTJBQ3JaL1B3QXZDe"
             "TJWTndEMWE5c2Rzd0NnWUlLb1pJemowRUF3SXcKSURFZU1Cd0dBMVVFQXd3VmRtRnNkV1Z6SUhSbGMzUWdZWF"
             "YwYUc5eWFYUjVNQ0FYRFRJMk1URXlOREF6TXpndwpNMW9ZRHpJeE1qWXhNRE14TURNek9EQXpXakFnTVI0d0h"
             "BWURWUVFEREJWMllXeDFaWE1nZEdWemRDQmhkWFJvCmIzSnBkSGt3V1RBVEJnY3Foa2pPUFFJQkJnZ3Foa2pP"
             "UFFNQkJ3TkNBQVJVODFYSjRWaGQ4RHRFK2RNOUhqcG4KRUxnN1R2N2NlNWVPRmVBeTQvQkI5TnM4MUt2ZTJ0V"
             "GZzYWJtaVVITEhzeGRwc0pGRUpYbGVxSWxUQkxXWDNUcgpvMU13VVRBZEJnTlZIUTRFRmdRVU8vV2VMV1FVOT"
             "NYWWFyZ29KVzdOL2tlTThUQXdId1lEVlIwakJCZ3dGb0FVCk8vV2VMV1FVOTNYWWFyZ29KVzdOL2tlTThUQXd"
             "Ed1lEVlIwVEFRSC9CQVV3QXdFQi96QUtCZ2dxaGtqT1BRUUQKQWdOSkFEQkdBaUVBak9Qc1BTeW1mT1JaSVIv"
             "ekk3Y05iTUt6TnFDSTlFZ2NITjhMT29LcWh1RUNJUUM5VWVmNApvdnMrb012WHNSM2FNa2dPcXhpZU1sU0Y0M"
             "lVNWUFKa3lXdWRUUT09Ci0tLS0tRU5EIENFUlRJRklDQVRFLS0tLS0K}\n- {name: a, pem_b64: "
             "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJtRENDQVQyZ0F3SUJBZ0lVT0xPbTJBQ3JaL1B3QXZDe"
             "TJWTndEMWE5c2Rzd0NnWUlLb1pJemowRUF3SXcKSURFZU1Cd0dBMVVFQXd3VmRtRnNkV1Z6SUhSbGMzUWdZWF"
             "YwYUc5eWFYUjVNQ0FYRFRJMk1URXlOREF6TXpndwpNMW9ZRHpJeE1qWXhNRE14TURNek9EQXpXakFnTVI0d0h"
             "BWURWUVFEREJWMllXeDFaWE1nZEdWemRDQmhkWFJvCmIzSnBkSGt3V1RBVEJnY3Foa2pPUFFJQkJnZ3Foa2pP"
             "UFFNQkJ3TkNBQVJVODFYSjRWaGQ4RHRFK2RNOUhqcG4KRUxnN1R2N2NlNWVPRmVBeTQvQkI5TnM4MUt2ZTJ0V"
             "GZzYWJtaVVITEhzeGRwc0pGRUpYbGVxSWxUQkxXWDNUcgpvMU13VVRBZEJnTlZIUTRFRmdRVU8vV2VMV1FVOT"
             "NYWWFyZ29KVzdOL2tlTThUQXdId1lEVlIwakJCZ3dGb0FVCk8vV2VMV1FVOTNYWWFyZ29KVzdOL2tlTThUQXd"
             "Ed1lEVlIwVEFRSC9CQVV3QXdFQi96QUtCZ2dxaGtqT1BRUUQKQWdOSkFEQkdBaUVBak9Qc1BTeW1mT1JaSVIv"
             "ekk3Y05iTUt6TnFDSTlFZ2NITjhMT29LcWh1RUNJUUM5VWVmNApvdnMrb012WHNSM2FNa2dPcXhpZU1sU0Y0M"
             "lVNWUFKa3lXdWRUUT09Ci0tLS0tRU5EIENFUlRJRklDQVRFLS0tLS0K}\n"),
         {"9:10: error: trusted_certs[1].name: two certificates have this name"}},
        {"k8s_master",
         good_and(
             "trusted_certs: [{name: k8s_master, pem_b64: "
             "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJtRENDQVQyZ0F3SUJBZ0lVT0xPbTJBQ3JaL1B3QXZDe"
             "TJWTndEMWE5c2Rzd0NnWUlLb1pJemowRUF3SXcKSURFZU1Cd0dBMVVFQXd3VmRtRnNkV1Z6SUhSbGMzUWdZWF"
             "YwYUc5eWFYUjVNQ0FYRFRJMk1URXlOREF6TXpndwpNMW9ZRHpJeE1qWXhNRE14TURNek9EQXpXakFnTVI0d0h"
             "BWURWUVFEREJWMllXeDFaWE1nZEdWemRDQmhkWFJvCmIzSnBkSGt3V1RBVEJnY3Foa2pPUFFJQkJnZ3Foa2pP"
             "UFFNQkJ3TkNBQVJVODFYSjRWaGQ4RHRFK2RNOUhqcG4KRUxnN1R2N2NlNWVPRmVBeTQvQkI5TnM4MUt2ZTJ0V"
             "GZzYWJtaVVITEhzeGRwc0pGRUpYbGVxSWxUQkxXWDNUcgpvMU13VVRBZEJnTlZIUTRFRmdRVU8vV2VMV1FVOT"
             "NYWWFyZ29KVzdOL2tlTThUQXdId1lEVlIwakJCZ3dGb0FVCk8vV2VMV1FVOTNYWWFyZ29KVzdOL2tlTThUQXd"
             "Ed1lEVlIwVEFRSC9CQVV3QXdFQi96QUtCZ2dxaGtqT1BRUUQKQWdOSkFEQkdBaUVBak9Qc1BTeW1mT1JaSVIv"
             "ekk3Y05iTUt6TnFDSTlFZ2NITjhMT29LcWh1RUNJUUM5VWVmNApvdnMrb012WHNSM2FNa2dPcXhpZU1sU0Y0M"
             "lVNWUFKa3lXdWRUUT09Ci0tLS0tRU5EIENFUlRJRklDQVRFLS0tLS0K}]\n"),
         {"7:24: warning: trusted_certs[0].name: is taken for k8s-master"}},
    }));

INSTANTIATE_TEST_SUITE_P(
    Providers, ProblemTest,
    ::testing::ValuesIn(std::vector<Case>{
        {"none written",
         "network: {openunison_host: a, k8s_url: https://k}\n",
         {"1:1: warning: oidc: isn't written, so people sign in as the built-in users"}},
        {"oidc is text",
         "network: {openunison_host: a, k8s_url: https://k}\noidc: x\n",
         {"2:7: error: oidc: must be a map"}},
        {"client id missing",
         with_oidc("  issuer: https://idp.example.com\n"),
         {"2:1: error: oidc.client_id: is missing"}},
        {"client id as a secret",
         with_good_oidc("  client_id_is_secret: true\n"),
         {"6:3: error: oidc.client_id_is_secret: is refused."}},
        {"issuer missing", with_oidc("  client_id: ou\n"), {"2:1: error: oidc.issuer: is missing"}},
        {"issuer is http",
         with_oidc("  client_id: ou\n  issuer: http://idp.example.com\n"),
         {"5:11: error: oidc.issuer: must be an https URL"}},
        {"issuer has a query",
         with_oidc("  client_id: ou\n  issuer: https://idp.example.com?a=b\n"),
         {"5:11: error: oidc.issuer: must not have a query"}},
        {"issuer has a user",
         with_oidc("  client_id: ou\n  issuer: https://u@idp.example.com\n"),
         {"5:11: error: oidc.issuer: not a usable URL"}},
        {"two addresses of three",
         with_oidc("  client_id: ou\n  auth_url: https://i/a\n  token_url: https://i/t\n"),
         {"2:1: error: oidc.userinfo_url: is missing"}},
        {"an address is http",
         with_oidc("  client_id: ou\n  auth_url: https://i/a\n  token_url: http://i/t\n  "
                   "userinfo_url: https://i/u\n"),
         {"6:14: error: oidc.token_url: must be an https URL"}},
        {"an address beside the issuer",
         with_good_oidc("  token_url: https://i/t\n"),
         {"6:14: warning: oidc.token_url: isn't used"}},
        {"scopes without openid",
         with_good_oidc("  scopes: email openid2\n"),
         {"6:11: error: oidc.scopes: must have the scope openid"}},
        {"scopes without offline_access",
         with_good_oidc("  scopes: openid groups\n"),
         {"6:11: warning: oidc.scopes: has no offline_access, without which most providers give no "
          "refresh token: that somebody left or changed groups then shows only at the next "
          "sign-in"}},
        {"scopes unwritten",
         with_good_oidc("  label: Okta\n"),
         {"2:1: warning: oidc.scopes: has no offline_access"}},
        {"a scope that only begins so",
         with_good_oidc("  scopes: openid offline_access2\n"),
         {"6:11: warning: oidc.scopes: has no offline_access"}},
        {"no claim for the user",
         with_good_oidc("  claims: {sub: \"\"}\n"),
         {"6:17: error: oidc.claims.sub: is empty"}},
        {"unknown claim",
         with_good_oidc("  claims: {subb: a}\n"),
         {"6:12: error: oidc.claims.subb: unknown key; did you mean oidc.claims.sub?"}},
        {"domain with @",
         with_good_oidc("  domain: \"@example.com\"\n"),
         {"6:11: error: oidc.domain: must be one domain alone"}},
        {"several domains",
         with_good_oidc("  domain: a.com,b.com\n"),
         {"6:11: error: oidc.domain: must be one domain alone"}},
        {"tenant by name",
         with_good_oidc("  type: entra\n  tenants: [example.com]\n"),
         {"7:13: error: oidc.tenants[0]: must be a tenant's id"}},
        {"unknown type",
         with_good_oidc("  type: saml\n"),
         {"6:9: error: oidc.type: must be one of: generic, okta, entra, azuread, keycloak, "
          "google"}},
        {"unknown logout",
         with_good_oidc("  logout: both\n"),
         {"6:11: error: oidc.logout: must be one of: local, upstream"}},
        {"https proxy",
         with_good_oidc("  http_proxy: https://p:3128\n"),
         {"6:15: error: oidc.http_proxy: must look like http://host:port"}},
        {"proxy with a path",
         with_good_oidc("  http_proxy: http://p:3128/x\n"),
         {"6:15: error: oidc.http_proxy: must look like http://host:port"}},
        {"proxy without scheme",
         with_good_oidc("  http_proxy: p:3128\n"),
         {"6:15: error: oidc.http_proxy: must look like http://host:port"}},
        {"forceauthentication unset",
         "network: {openunison_host: a, k8s_url: https://k}\noidc: {issuer: https://i, client_id: "
         "ou}\n",
         {"2:1: warning: oidc.forceauthentication: isn't written and counts as false here"}},
        {"forceauthentication with short sessions",
         "network: {openunison_host: a, k8s_url: https://k}\noidc: {issuer: https://i, client_id: "
         "ou, forceauthentication: true}\n",
         {"2:63: warning: oidc.forceauthentication: with web sessions of 900 s"}},
        {"prefix that a shell would take apart",
         with_good_oidc("  username_prefix: \"a b\"\n"),
         {"6:20: error: oidc.username_prefix: may have"}},
        {"system prefix",
         with_good_oidc("  groups_prefix: \"system:\"\n"),
         {"6:18: error: oidc.groups_prefix: must not begin with system:"}},
        {"name missing",
         with_good_oidc(
             "identity_providers: [{type: local, username_prefix: a, groups_prefix: a}]\n"),
         {"2:1: warning: oidc.groups_prefix: begins", "2:1: warning: oidc.username_prefix: begins",
          "6:22: error: identity_providers[0].name: is missing"}},
    }));

// The rest of Providers: several of them.
std::string with_providers(const std::string& first, const std::string& second) {
  return "network: {openunison_host: a, k8s_url: https://k}\nidentity_providers:\n- " + first +
         "\n- " + second + "\n";
}

INSTANTIATE_TEST_SUITE_P(
    SeveralProviders, ProblemTest,
    ::testing::ValuesIn(std::vector<Case>{
        {"bad name",
         with_providers(
             "{name: A_b, issuer: https://i, client_id: c, username_prefix: x, groups_prefix: x}",
             "{name: local, type: local, username_prefix: y, groups_prefix: y}"),
         {"3:10: error: identity_providers[0].name: may have a-z, 0-9 and dashes"}},
        {"equal names",
         with_providers(
             "{name: a, issuer: https://i, client_id: c, username_prefix: x, groups_prefix: x}",
             "{name: a, type: local, username_prefix: y, groups_prefix: y}"),
         {"4:10: error: identity_providers[1].name: another identity provider has this name"}},
        {"equal user prefixes",
         with_providers("{name: a, issuer: https://i, client_id: c, groups_prefix: x}",
                        "{name: b, type: local, groups_prefix: y}"),
         {"4:3: error: identity_providers[1].username_prefix: is that of another provider"}},
        {"equal group prefixes",
         with_providers("{name: a, issuer: https://i, client_id: c, username_prefix: x}",
                        "{name: b, type: local, username_prefix: y}"),
         {"4:3: error: identity_providers[1].groups_prefix: is that of another provider"}},
        {"equal prefixes of one namespace",
         with_providers("{name: a, issuer: https://i, client_id: c}", "{name: b, type: local}") +
             "identity_providers_share_namespace: true\n",
         {}},
        {"a prefix that begins another",
         with_providers(
             "{name: a, issuer: https://i, client_id: c, username_prefix: x, groups_prefix: y}",
             "{name: b, type: local, username_prefix: \"x:\", groups_prefix: z}"),
         {"3:63: warning: identity_providers[0].username_prefix: begins the prefix x: of another "
          "provider"}},
        {"two local ones",
         with_providers("{name: a, type: local, username_prefix: x, groups_prefix: x}",
                        "{name: b, type: local, username_prefix: y, groups_prefix: y}"),
         {"4:19: error: identity_providers[1].type: only one provider can be local"}},
        {"unknown type",
         with_providers("{name: a, type: ldap, issuer: https://i, client_id: c, username_prefix: "
                        "x, groups_prefix: x}",
                        "{name: b, type: local, username_prefix: y, groups_prefix: y}"),
         {"3:19: error: identity_providers[0].type: must be one of: oidc, local"}},
        // Ignored, they would keep nobody out.
        {"local with a domain",
         with_providers(
             "{name: a, type: local, domain: example.com, username_prefix: x, groups_prefix: x}",
             "{name: b, issuer: https://i, client_id: c, username_prefix: y, groups_prefix: y}"),
         {"3:34: error: identity_providers[0].domain: is only for type oidc"}},
        {"local with tenants",
         with_providers(
             "{name: a, type: local, tenants: [x], username_prefix: x, groups_prefix: x}",
             "{name: b, issuer: https://i, client_id: c, username_prefix: y, groups_prefix: y}"),
         {"3:35: error: identity_providers[0].tenants: is only for type oidc"}},
    }));

std::string with_cluster(const std::string& item) {
  return good_and("clusters:\n- " + item + "\n");
}

INSTANTIATE_TEST_SUITE_P(
    Clusters, ProblemTest,
    ::testing::ValuesIn(std::vector<Case>{
        {"first one's name",
         good_and("k8s_cluster_name: a/b\n"),
         {"7:19: error: k8s_cluster_name: may have letters"}},
        {"first one's name is empty",
         good_and("k8s_cluster_name: \"\"\n"),
         {"7:19: error: k8s_cluster_name: may have letters"}},
        {"name is a directory",
         with_cluster("{name: .., k8s_url: https://k}"),
         {"8:10: error: clusters[0].name: may have letters"}},
        {"name is missing",
         with_cluster("{k8s_url: https://k}"),
         {"8:3: error: clusters[0].name: is missing"}},
        {"name is too long",
         with_cluster("{name: " + std::string(64, 'a') + ", k8s_url: https://k}"),
         {"8:10: error: clusters[0].name: may have letters"}},
        {"name of the first",
         with_cluster("{name: kubernetes, k8s_url: https://k}"),
         {"8:10: error: clusters[0].name: another cluster has this name"}},
        {"client id of the first",
         with_cluster("{name: b, client_id: kubernetes, k8s_url: https://k}"),
         {"8:24: error: clusters[0].client_id: is that of the cluster kubernetes"}},
        {"client id of the first, other issuer",
         with_cluster("{name: b, client_id: kubernetes, own_issuer: true, k8s_url: https://k}"),
         {}},
        {"issuer of the first as its own",
         with_cluster("{name: k8sIdp, own_issuer: true, k8s_url: https://k}"),
         {"8:10: error: clusters[0].name: would give it the first cluster's issuer"}},
        {"client id of kubectl oulogin",
         with_cluster("{name: b, client_id: kubectl-oulogin, k8s_url: https://k}"),
         {"8:24: error: clusters[0].client_id: is the one of kubectl oulogin"}},
        {"client id of kubectl oulogin, other issuer and turned off",
         good_and("openunison: {authentication: {command_line: false}}\n"
                  "clusters:\n- {name: b, client_id: kubectl-oulogin, own_issuer: true, k8s_url: "
                  "https://k}\n"),
         {"9:24: error: clusters[0].client_id: is the one of kubectl oulogin"}},
        {"application with the client id of kubectl oulogin",
         good_and("openunison:\n  clients:\n  - {client_id: kubectl-oulogin, redirect_uris: "
                  "[https://a]}\n"),
         {"9:17: error: openunison.clients[0].client_id: is the one of kubectl oulogin"}},
        {"bad client id",
         with_cluster("{name: b, client_id: \"a b\", k8s_url: https://k}"),
         {"8:24: error: clusters[0].client_id: may have letters"}},
        {"k8s_url missing",
         with_cluster("{name: b}"),
         {"8:3: error: clusters[0].k8s_url: is missing"}},
        {"k8s_url is http",
         with_cluster("{name: b, k8s_url: http://k}"),
         {"8:22: error: clusters[0].k8s_url: must be an https URL"}},
        {"authority",
         with_cluster("{name: b, k8s_url: https://k, k8s_ca_pem_b64: aGVsbG8=}"),
         {"8:49: error: clusters[0].k8s_ca_pem_b64: there is no certificate"}},
        {"private API server without its authority",
         with_cluster("{name: b, k8s_url: \"https://10.1.2.3:6443\"}"),
         {"8:22: warning: clusters[0].k8s_url: no public authority gives certificates for such an "
          "address, so kubectl will refuse the API server: put its authority into k8s_ca_pem_b64"}},
        {"private API server of IPv6",
         with_cluster("{name: b, k8s_url: \"https://[fd00::1]:6443\"}"),
         {"8:22: warning: clusters[0].k8s_url: no public authority"}},
        {"EKS without its authority",
         with_cluster("{name: b, k8s_url: https://ABC.gr7.eu-west-1.eks.amazonaws.com}"),
         {"8:22: warning: clusters[0].k8s_url: no public authority"}},
        {"public address", with_cluster("{name: b, k8s_url: https://8.8.8.8}"), {}},
        {"system prefix",
         with_cluster("{name: b, k8s_url: https://k, k8s_groups_prefix: \"asystem:\"}"),
         {"8:52: error: clusters[0].k8s_groups_prefix: must not make names that begin with "
          "system:"}},
        {"prefix system without its colon",
         with_cluster("{name: b, k8s_url: https://k, k8s_groups_prefix: \"system\"}"),
         {"8:52: error: clusters[0].k8s_groups_prefix: must not make names that begin with "
          "system:"}},
        {"prefix that begins like system:",
         with_cluster("{name: b, k8s_url: https://k, k8s_groups_prefix: \"sys\"}"),
         {"8:52: error: clusters[0].k8s_groups_prefix: must not make names that begin with "
          "system:"}},
        {"prefix that ends a quote",
         good_and("").insert(9, "  k8s_username_prefix: \"'; rm\"\n"),
         {"2:24: error: network.k8s_username_prefix: may have letters"}},
        {"dash for groups",
         good_and("").insert(9, "  k8s_groups_prefix: \"-\"\n"),
         {"2:22: warning: network.k8s_groups_prefix: is a dash before every group"}},
        {"az_groups is text",
         with_cluster("{name: b, k8s_url: https://k, az_groups: a}"),
         {"8:44: error: clusters[0].az_groups: must be a list of text"}},
    }));

// A good entry in lines 9 to 14, a key a line; each of `changes` replaces a key, which comes last
// then, or takes it away where it is "-".
std::string with_workload(const std::vector<std::pair<std::string, std::string>>& changes) {
  std::vector<std::pair<std::string, std::string>> keys{{"name", "ci"},
                                                        {"issuer", "https://i.example"},
                                                        {"audience", "ou"},
                                                        {"subjects", "[\"a:*\"]"},
                                                        {"username_prefix", "\"ci:\""},
                                                        {"clusters", "[kubernetes]"}};
  for (const auto& [name, value] : changes) {
    std::erase_if(keys, [&](const auto& key) { return key.first == name; });
    if (value != "-") keys.emplace_back(name, value);
  }
  std::string item;
  for (const auto& [name, value] : keys)
    item += (item.empty() ? "  - " : "    ") + name + ": " + value + "\n";
  return good_and("openunison:\n  workloads:\n" + item);
}
// The same, after another good entry in line 9.
std::string with_second_workload(const std::string& changes) {
  return good_and(
      "openunison:\n  workloads:\n"
      "  - {name: a, issuer: https://a.example, audience: ou, subjects: [\"a:*\"], "
      "username_prefix: \"ci:\", clusters: [kubernetes]}\n"
      "  - {audience: ou, subjects: [\"a:*\"], clusters: [kubernetes], " +
      changes + "}\n");
}

INSTANTIATE_TEST_SUITE_P(
    Workloads, ProblemTest,
    ::testing::ValuesIn(std::vector<Case>{
        {"good", with_workload({}), {}},
        {"name missing",
         with_workload({{"name", "-"}}),
         {"9:5: error: openunison.workloads[0].name: is missing"}},
        {"name with blanks",
         with_workload({{"name", "\"a b\""}}),
         {"14:11: error: openunison.workloads[0].name: may have letters"}},
        {"issuer missing",
         with_workload({{"issuer", "-"}}),
         {"9:5: error: openunison.workloads[0].issuer: is missing"}},
        {"issuer is http",
         with_workload({{"issuer", "http://i.example"}}),
         {"14:13: error: openunison.workloads[0].issuer: must be an https URL"}},
        {"issuer is this portal",
         with_workload({{"issuer", "https://ou.example.com/auth/idp/k8sIdp"}}),
         {"14:13: error: openunison.workloads[0].issuer: is this portal's own"}},
        {"keys over http",
         with_workload({{"jwks_uri", "http://i.example/k"}}),
         {"15:15: error: openunison.workloads[0].jwks_uri: must be an https URL"}},
        {"audience missing",
         with_workload({{"audience", "-"}}),
         {"9:5: error: openunison.workloads[0].audience: is missing"}},
        {"audience is the issuer",
         with_workload({{"audience", "https://i.example"}}),
         {"14:15: warning: openunison.workloads[0].audience: is the issuer itself"}},
        {"subjects missing",
         with_workload({{"subjects", "-"}}),
         {"9:5: warning: openunison.workloads[0].subjects: is empty, so that it lets nobody in"}},
        {"subjects empty",
         with_workload({{"subjects", "[]"}}),
         {"14:15: warning: openunison.workloads[0].subjects: is empty"}},
        {"everybody",
         with_workload({{"subjects", "[\"*\"]"}}),
         {"14:16: error: openunison.workloads[0].subjects[0]: would let in whoever"}},
        {"everybody, in more words",
         with_workload({{"subjects", "[\"a\", \"**\"]"}}),
         {"14:21: error: openunison.workloads[0].subjects[1]: would let in whoever"}},
        {"everybody with a claim",
         with_workload({{"subjects", "[\"*\"]"}, {"claims", "{repository: org/app}"}}),
         {}},
        {"a subject of nothing",
         with_workload({{"subjects", "[\"\"]"}}),
         {"14:16: error: openunison.workloads[0].subjects[0]: must be text"}},
        {"claims are a list",
         with_workload({{"claims", "[a]"}}),
         {"15:13: error: openunison.workloads[0].claims: must be a map"}},
        {"a claim is a list",
         with_workload({{"claims", "{a: [b]}"}}),
         {"15:17: error: openunison.workloads[0].claims.a: must be text"}},
        {"a claim is empty",
         with_workload({{"claims", "{a: \"\"}"}}),
         {"15:17: error: openunison.workloads[0].claims.a: must be text"}},
        {"prefix missing",
         with_workload({{"username_prefix", "-"}}),
         {"9:5: error: openunison.workloads[0].username_prefix: is missing"}},
        {"prefix without an end",
         with_workload({{"username_prefix", "ci"}}),
         {"14:22: error: openunison.workloads[0].username_prefix: must end in : or /"}},
        {"prefix is an end alone",
         with_workload({{"username_prefix", "\":\""}}),
         {"14:22: error: openunison.workloads[0].username_prefix: must end in : or /"}},
        {"prefix with blanks",
         with_workload({{"username_prefix", "\"a b:\""}}),
         {"14:22: error: openunison.workloads[0].username_prefix: must end in : or /"}},
        {"prefix of Kubernetes",
         with_workload({{"username_prefix", "\"system:\""}}),
         {"14:22: error: openunison.workloads[0].username_prefix: must not have system: in it"}},
        {"a group of Kubernetes",
         with_workload({{"groups", "[a, \"system:masters\"]"}}),
         {"15:17: error: openunison.workloads[0].groups[1]: begins with system:"}},
        {"clusters missing",
         with_workload({{"clusters", "-"}}),
         {"9:5: error: openunison.workloads[0].clusters: is missing"}},
        {"clusters empty",
         with_workload({{"clusters", "[]"}}),
         {"14:15: error: openunison.workloads[0].clusters: is missing"}},
        {"no such cluster",
         with_workload({{"clusters", "[kubernetes, other]"}}),
         {"14:28: error: openunison.workloads[0].clusters[1]: there is no cluster"}},
        {"unknown key",
         with_workload({{"subject", "a"}}),
         {"15:5: error: openunison.workloads[0].subject: unknown key"}},
        {"two of one name",
         with_second_workload("name: a, issuer: https://b.example, username_prefix: \"x:\""),
         {"10:69: error: openunison.workloads[1].name: another workload has this name"}},
        {"two issuers, one prefix",
         with_second_workload("name: b, issuer: https://b.example, username_prefix: \"ci:\""),
         {"10:116: error: openunison.workloads[1].username_prefix: and that of a"}},
        {"two issuers, a prefix that goes on",
         with_second_workload("name: b, issuer: https://b.example, username_prefix: \"ci:x/\""),
         {"10:116: error: openunison.workloads[1].username_prefix: and that of a"}},
        {"one issuer, one prefix",
         with_second_workload("name: b, issuer: https://a.example, username_prefix: \"ci:\""),
         {}},
        {"one issuer, its keys in two places",
         with_second_workload("name: b, issuer: https://a.example, jwks_uri: https://k, "
                              "username_prefix: \"ci:\""),
         {"10:109: error: openunison.workloads[1].jwks_uri: differs from that of a"}},
    }));

TEST(Workloads, PeopleAndProgramsAreKeptApart) {
  const auto problems = [](const std::string& provider, const std::string& workload) {
    return texts(
        parse(with_providers(provider,
                             "{name: l, type: local, username_prefix: \"l-\", "
                             "groups_prefix: \"l-\"}") +
              "openunison: {workloads: [{name: ci, subjects: [a], clusters: [kubernetes], " +
              workload + "}]}\n")
            .problems);
  };
  const std::string people =
      "{name: p, issuer: https://i.example, client_id: ou, groups_prefix: x, scopes: openid "
      "offline_access, username_prefix: ";
  const std::string programs = "issuer: https://i.example, username_prefix: \"ci:\", audience: ";
  EXPECT_NE(problems(people + "p}", programs + "ou").find("is the client id that people sign in"),
            std::string::npos);
  EXPECT_EQ(problems(people + "p}", programs + "other"), "");
  EXPECT_NE(problems(people + "\"ci:p\"}", programs + "other").find("all people of p"),
            std::string::npos);
}

}  // namespace
}  // namespace openunison::config
