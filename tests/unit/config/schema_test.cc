// SPDX-License-Identifier: Apache-2.0
#include "config/schema.h"

#include <set>

#include "config/values_fixture.h"
#include "text/json.h"

namespace openunison::config {
namespace {

std::string reference_path(const std::string& name) {
  return std::string(OPENUNISON_TEST_DATA) + "/../../docs/reference/" + name;
}

// CI fails here when the schema has changed and the files haven't.
TEST(Schema, ReferenceFilesAreThoseOfTheSchema) {
  expect_golden(reference_path("values.md"), reference_markdown());
  expect_golden(reference_path("values.schema.json"), json_schema());
}

TEST(Schema, PathsAreUniqueAndTheirParentsHoldThem) {
  std::set<std::string_view> paths;
  for (const Key& key : schema()) {
    EXPECT_TRUE(paths.insert(key.path).second) << key.path;
    EXPECT_EQ(find_key(key.path), &key);
    const std::size_t dot = key.path.rfind('.');
    if (dot == std::string_view::npos) continue;
    std::string_view parent = key.path.substr(0, dot);
    const bool in_list = parent.ends_with("[]");
    if (in_list) parent.remove_suffix(2);
    const Key* holder = find_key(parent);
    ASSERT_NE(holder, nullptr) << key.path;
    EXPECT_EQ(holder->type, in_list ? Type::list : Type::map) << key.path;
    EXPECT_TRUE(holder->status != Status::ignored && holder->status != Status::refused) << key.path;
  }
}

TEST(Schema, EveryKeySaysWhatItMeansAndHasALegalDefault) {
  for (const Key& key : schema()) {
    EXPECT_TRUE(key.meaning.ends_with('.')) << key.path;
    EXPECT_EQ(key.meaning.find('|'), std::string_view::npos)
        << key.path << ": it would end a cell of the reference page";
    if (key.type == Type::boolean && key.status != Status::ignored &&
        key.status != Status::refused) {
      EXPECT_TRUE(key.fallback == "true" || key.fallback == "false") << key.path;
    }
    if (key.type == Type::integer && key.status != Status::ignored) {
      const std::int64_t fallback = std::stoll(std::string(key.fallback));
      EXPECT_TRUE(key.max > 0 && fallback >= key.min && fallback <= key.max) << key.path;
    }
    if (!key.choices.empty()) EXPECT_TRUE(has_choice(key.choices, key.fallback)) << key.path;
    if (!key.harmless.empty()) EXPECT_EQ(key.status, Status::refused) << key.path;
  }
}

TEST(Schema, Choices) {
  EXPECT_TRUE(has_choice("a|b|c", "a"));
  EXPECT_TRUE(has_choice("a|b|c", "c"));
  EXPECT_FALSE(has_choice("a|b|c", "a|b"));
  EXPECT_FALSE(has_choice("a|b|c", ""));
  EXPECT_FALSE(has_choice("", "a"));
}

// A key of OpenUnison's, by its path; all that is below a wildcard is known by the wildcard.
bool is_known(std::string path) {
  for (;;) {
    const Key* key = find_key(path);
    if (key != nullptr) return true;
    const std::size_t dot = path.find_last_of('.');
    if (dot == std::string::npos) return false;
    path.resize(dot);
    const Key* above = find_key(path);
    if (above != nullptr) return above->type == Type::anything;
  }
}

TEST(Schema, OpenUnisonsKeysAreKnown) {
  for (const char* path : {"network.openunison_host",
                           "network.dashboard_host",
                           "network.api_server_host",
                           "network.session_inactivity_timeout_seconds",
                           "network.k8s_url",
                           "network.force_redirect_to_tls",
                           "network.createIngressCertificate",
                           "network.ingress_certificate",
                           "network.ingress_type",
                           "network.ingress_annotations",
                           "network.ingress_class",
                           "network.service_type",
                           "network.enableHostNetwork",
                           "network.istio.selectors",
                           "network.traefik.secure",
                           "network.traefik.entrypoints",
                           "network.kong.plugins",
                           "network.kong.allow_spdy",
                           "network.gatewayapi.class",
                           "network.f5nginx.plus",
                           "cert_template.ou",
                           "cert_template.o",
                           "cert_template.l",
                           "cert_template.st",
                           "cert_template.c",
                           "image",
                           "amq_image",
                           "cert_update_image",
                           "precheck.image",
                           "cert_update_schedule",
                           "k8s_cluster_name",
                           "enable_impersonation",
                           "impersonation.use_jetstack",
                           "impersonation.jetstack_oidc_proxy_image",
                           "impersonation.explicit_certificate_trust",
                           "impersonation.ca_secret_name",
                           "impersonation.resources",
                           "impersonation.enablePassthrough",
                           "impersonation.passthroughAudience",
                           "headlamp.enabled",
                           "headlamp.config.enableHelm",
                           "headlamp.namespace_api.test",
                           "dashboard.enabled",
                           "dashboard.require_session",
                           "certs.use_k8s_cm",
                           "trusted_certs[].name",
                           "trusted_certs[].pem_b64",
                           "active_directory.base",
                           "active_directory.srv_dns",
                           "oidc.client_id",
                           "oidc.client_id_is_secret",
                           "oidc.issuer",
                           "oidc.auth_url",
                           "oidc.token_url",
                           "oidc.userinfo_url",
                           "oidc.user_in_idtoken",
                           "oidc.domain",
                           "oidc.scopes",
                           "oidc.claims.sub",
                           "oidc.claims.email",
                           "oidc.claims.given_name",
                           "oidc.claims.family_name",
                           "oidc.claims.display_name",
                           "oidc.claims.groups",
                           "oidc.forceauthentication",
                           "oidc.type",
                           "saml.idp_url",
                           "saml.metadata_xml_b64",
                           "saml.authnCtxClassRef",
                           "saml.logoutRedirectUrl",
                           "github.client_id",
                           "github.teams",
                           "github.naas.x",
                           "network_policies.enabled",
                           "network_policies.apiserver.labels",
                           "services.enable_tokenrequest",
                           "services.liveness_probe",
                           "database.hibernate_dialect",
                           "smtp.host",
                           "monitoring.prometheus_service_account",
                           "myvd_configmap",
                           "myvd_config_path",
                           "operator.legacy",
                           "enable_wait_for_job",
                           "kerberos.enabled",
                           "kerberos.keytab",
                           "kerberos.principal",
                           "kerberos.sidecar_image",
                           "amq.resources",
                           "openunison.replicas",
                           "openunison.non_secret_data",
                           "openunison.secrets",
                           "openunison.env",
                           "openunison.keys",
                           "openunison.secret_ext",
                           "openunison.make_secrets_readonly",
                           "openunison.enable_portal",
                           "openunison.kubeAuth.enabled",
                           "openunison.auto_timestamp",
                           "openunison.force_update",
                           "openunison.enable_pre_check",
                           "openunison.generate_idp_key_secret",
                           "openunison.imagePullPolicy",
                           "openunison.html.image",
                           "openunison.html.theme.x",
                           "openunison.portal_release_name",
                           "openunison.enable_provisioning",
                           "openunison.enabled_provisioning",
                           "openunison.enable_activemq",
                           "openunison.amq.enabled",
                           "openunison.amq.remote_brokers",
                           "openunison.queue.x",
                           "openunison.management_proxy.enabled",
                           "openunison.management_proxy.remote.issuer",
                           "openunison.apps[].name",
                           "openunison.apps[].label",
                           "openunison.apps[].org",
                           "openunison.apps[].badgeUrl",
                           "openunison.apps[].injectToken",
                           "openunison.apps[].azSuccessResponse",
                           "openunison.apps[].proxyTo",
                           "openunison.apps[].az_groups",
                           "openunison.apps[].icon",
                           "openunison.az_groups",
                           "openunison.extra_az_groups",
                           "openunison.additional_api_servers",
                           "openunison.k8sidp_additional_redirects",
                           "openunison.authentication.refresh_token.grace_period_millis",
                           "openunison.enable_end_session",
                           "openunison.enable_token_lifecyle_log",
                           "openunison.jit_grace_period",
                           "openunison.use_standard_jit_workflow",
                           "openunison.post_jit_workflow",
                           "openunison.include_auth_chain",
                           "openunison.role_attribute",
                           "openunison.groups.areJson",
                           "openunison.groups.fields",
                           "openunison.title_attribute",
                           "openunison.description_attribute",
                           "openunison.display_name_attribute",
                           "openunison.control_plane.parent",
                           "openunison.control_plane.additional_badges",
                           "openunison.naas.groups.default",
                           "openunison.naas.groups.roles",
                           "openunison.naas.groups.internal",
                           "openunison.naas.groups.external",
                           "openunison.naas.groups.privilegedAccessGroup",
                           "openunison.naas.forms",
                           "openunison.naas.workflows",
                           "openunison.naas.jobs.rebase",
                           "openunison.naas.git.x",
                           "openunison.naas.ops.x",
                           "openunison.naas.reasons",
                           "openunison.naas.requireReasons",
                           "openunison.naas.readOnly",
                           "openunison.naas.azRules",
                           "openunison.naas.groupsFromMyVD"}) {
    EXPECT_TRUE(is_known(path)) << path;
  }
  EXPECT_FALSE(is_known("openunison.x"));
  EXPECT_FALSE(is_known("x.y"));
}

TEST(Schema, WhatRestrictsIsNeverIgnored) {
  for (const char* path :
       {"openunison.az_groups", "openunison.extra_az_groups", "oidc.domain",
        "openunison.apps[].az_groups", "monitoring.prometheus_service_account"}) {
    EXPECT_EQ(find_key(path)->status, Status::enforced) << path;
  }
  for (const char* path :
       {"openunison.naas.azRules", "openunison.naas.groups.privilegedAccessGroup", "github", "saml",
        "active_directory", "kerberos.enabled", "openunison.apps[].proxyTo",
        "openunison.include_auth_chain", "openunison.post_jit_workflow",
        "openunison.use_standard_jit_workflow", "openunison.role_attribute",
        "openunison.enable_portal"}) {
    EXPECT_EQ(find_key(path)->status, Status::refused) << path;
  }
}

TEST(Schema, JsonSchemaSaysWhatTheReaderHoldsTo) {
  const auto parsed = text::Json::parse(json_schema());
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ(*parsed->find_string("$schema"), "http://json-schema.org/draft-07/schema#");
  const auto at = [&](std::initializer_list<const char*> names) {
    const text::Json* json = &*parsed;
    for (const char* name : names) {
      const text::Json* properties = json->find("properties");
      json = properties != nullptr ? properties->find(name)
                                   : json->find("items")->find("properties")->find(name);
    }
    return *json;
  };
  EXPECT_EQ(*parsed->find("additionalProperties")->boolean(), false);
  EXPECT_EQ(*at({"openunison"}).find("additionalProperties")->boolean(), false);
  EXPECT_EQ(*at({"server", "threads"}).find("maximum")->integer(), 256);
  EXPECT_EQ(at({"server", "store"}).find("enum")->dump(), R"(["memory","sqlite",null])");
  EXPECT_EQ(at({"saml"}).find("enum")->dump(), R"([null,[],{},"",false])");
  EXPECT_EQ(at({"openunison", "enable_portal"}).find("enum")->dump(), R"([null,[],{},true])");
  EXPECT_EQ(at({"openunison", "amq"}).find("type"), nullptr);
  EXPECT_EQ(at({"clusters", "name"}).find("type")->dump(),
            R"(["string","number","boolean","null"])");
  EXPECT_EQ(at({"openunison", "apps", "az_groups"}).find("type")->dump(), R"(["array","null"])");
}

}  // namespace
}  // namespace openunison::config
