// SPDX-License-Identifier: Apache-2.0
//
// The schema, third part: OpenUnison's keys that are ignored or refused. Refused is whatever
// decides who is let in or who they are; what only adds something that this program doesn't serve
// is ignored, since nothing is exposed without it.
#include "config/schema_parts.h"

namespace openunison::config {
namespace {

using enum Type;
using enum Status;

constexpr std::string_view kByChart =
    "It is for the chart and the cluster; the server has no use for it.";
constexpr std::string_view kNoPart = "It belongs to a part that this program doesn't have.";
constexpr std::string_view kNoDashboard =
    "The dashboards aren't served by this version; nothing is exposed.";
constexpr std::string_view kNoProxy =
    "It is used only with enable_impersonation, which this version doesn't have; nothing is "
    "exposed.";
constexpr std::string_view kNoNaas =
    "Namespaces as a service isn't in this version; nothing can be requested.";

constexpr Key kKeys[] = {
    // What decides who is let in, and as whom.
    {"active_directory", anything, "",
     "Active Directory isn't supported yet by this version. Sign in through oidc, or with built-in "
     "users (identity_providers).",
     refused},
    {"saml", anything, "",
     "SAML2 isn't supported yet by this version. Sign in through oidc, or with built-in users "
     "(identity_providers).",
     refused},
    {"github", anything, "",
     "GitHub isn't supported yet by this version. Sign in through oidc, or with built-in users "
     "(identity_providers).",
     refused},
    {"kerberos", map, "", "Sign-in with Kerberos.", honoured},
    {"kerberos.enabled", boolean, "false", "Kerberos isn't supported yet by this version.",
     refused},
    {"kerberos.keytab", string, "", kNoPart, ignored},
    {"kerberos.principal", string, "", kNoPart, ignored},
    {"kerberos.sidecar_image", string, "", kNoPart, ignored},
    {"myvd_configmap",
     string,
     "",
     "A directory configuration of one's own decides who people are and what groups they have; it "
     "isn't supported by this version.",
     refused,
     0,
     0,
     {},
     "myvd"},
    {"myvd_config_path",
     string,
     "WEB-INF/myvd.conf",
     "A directory configuration of one's own decides who people are and what groups they have; it "
     "isn't supported by this version.",
     refused,
     0,
     0,
     {},
     "WEB-INF/myvd.conf"},
    {"oidc.client_id_is_secret", boolean, "false",
     "The client id as a secret isn't supported by this version; write it into oidc.client_id (it "
     "is no secret: every browser sees it) and remove this key.",
     refused},
    {"openunison.enable_portal",
     boolean,
     "true",
     "The portal can't be turned off in this version, so false would still show it to people.",
     refused,
     0,
     0,
     {},
     "true"},
    {"openunison.enable_provisioning", boolean, "false",
     "Namespaces as a service, and the groups from its database, aren't supported yet by this "
     "version.",
     refused},
    {"openunison.include_auth_chain", string, "",
     "More steps at sign-in aren't supported yet by this version, and without them people would "
     "get in with fewer.",
     refused},
    {"openunison.post_jit_workflow", string, "",
     "A workflow after sign-in can turn people away; it isn't supported yet by this version.",
     refused},
    {"openunison.use_standard_jit_workflow",
     boolean,
     "true",
     "A workflow of one's own at sign-in can turn people away; it isn't supported yet by this "
     "version.",
     refused,
     0,
     0,
     {},
     "true"},
    {"openunison.role_attribute",
     string,
     "groups",
     "Groups from another attribute aren't supported by this version; name the claim in "
     "oidc.claims.groups and remove this key.",
     refused,
     0,
     0,
     {},
     "groups"},
    {"openunison.groups", map, "", "How groups are read.", honoured},
    {"openunison.groups.areJson", boolean, "false",
     "Groups inside JSON aren't supported by this version; let the provider send a list of names.",
     refused},
    {"openunison.groups.fields", anything, "", "It is used only with openunison.groups.areJson.",
     ignored},
    {"openunison.k8sidp_additional_redirects", strings, "",
     "Only loopback addresses may receive kubectl's tokens; register other programs under "
     "openunison.clients.",
     refused},
    {"openunison.apps[].proxyTo", string, "",
     "Proxying of applications isn't supported yet by this version, and a link in its place would "
     "skip the check of az_groups. Remove the application or wait.",
     refused},
    {"openunison.naas", map, "", "Namespaces as a service.", honoured},
    {"openunison.naas.azRules", anything, "",
     "It says who may ask for namespaces, which isn't supported yet by this version.", refused},
    {"openunison.naas.groups", map, "", "Groups of namespaces as a service.", honoured},
    {"openunison.naas.groups.privilegedAccessGroup", anything, "",
     "It says who may take privileged access, which isn't supported yet by this version.", refused},
    {"openunison.naas.groups.default", anything, "", kNoNaas, ignored},
    {"openunison.naas.groups.roles", anything, "", kNoNaas, ignored},
    {"openunison.naas.groups.internal", anything, "", kNoNaas, ignored},
    {"openunison.naas.groups.external", anything, "", kNoNaas, ignored},
    {"openunison.naas.groupsFromMyVD", boolean, "false",
     "Groups from its directory aren't supported yet by this version.", refused},
    {"openunison.naas.forms", anything, "", kNoNaas, ignored},
    {"openunison.naas.workflows", anything, "", kNoNaas, ignored},
    {"openunison.naas.jobs", anything, "", kNoNaas, ignored},
    {"openunison.naas.git", anything, "", kNoNaas, ignored},
    {"openunison.naas.ops", anything, "", kNoNaas, ignored},
    {"openunison.naas.reasons", anything, "", kNoNaas, ignored},
    {"openunison.naas.requireReasons", anything, "", kNoNaas, ignored},
    {"openunison.naas.readOnly", anything, "", kNoNaas, ignored},

    // What isn't needed.
    {"network.dashboard_host", string, "", kNoDashboard, ignored},
    {"network.api_server_host", string, "", kNoProxy, ignored},
    {"network.force_redirect_to_tls", boolean, "true", kByChart, ignored},
    {"network.createIngressCertificate", boolean, "true", kByChart, ignored},
    {"network.ingress_certificate", string, "", kByChart, ignored},
    {"network.ingress_type", string, "nginx", kByChart, ignored},
    {"network.ingress_annotations", anything, "", kByChart, ignored},
    {"network.ingress_class", string, "", kByChart, ignored},
    {"network.service_type", string, "", kByChart, ignored},
    {"network.enableHostNetwork", boolean, "false", kByChart, ignored},
    {"network.istio", anything, "", kByChart, ignored},
    {"network.traefik", anything, "", kByChart, ignored},
    {"network.kong", anything, "", kByChart, ignored},
    {"network.gatewayapi", anything, "", kByChart, ignored},
    {"network.f5nginx", anything, "", kByChart, ignored},
    {"openunison.apps[].injectToken", boolean, "",
     "The portal links to applications and doesn't proxy them in this version.", ignored},
    {"openunison.apps[].azSuccessResponse", anything, "",
     "The portal links to applications and doesn't proxy them in this version.", ignored},
    {"openunison.secrets", strings, "", kByChart, ignored},
    {"openunison.env", anything, "", kNoPart, ignored},
    {"openunison.keys", anything, "", kNoPart, ignored},
    {"openunison.secret_ext", string, "", kByChart, ignored},
    {"openunison.make_secrets_readonly", boolean, "", kByChart, ignored},
    {"openunison.kubeAuth", anything, "", kByChart, ignored},
    {"openunison.auto_timestamp", boolean, "", kByChart, ignored},
    {"openunison.force_update", boolean, "", kByChart, ignored},
    {"openunison.enable_pre_check", boolean, "", kByChart, ignored},
    {"openunison.generate_idp_key_secret", boolean, "", "The server keeps its own signing keys.",
     ignored},
    {"openunison.imagePullPolicy", string, "", kByChart, ignored},
    {"openunison.html", anything, "", "Name, logo and colour are under openunison.portal.",
     ignored},
    {"openunison.portal_release_name", string, "", kByChart, ignored},
    {"openunison.enabled_provisioning", boolean, "false", kNoPart, ignored},
    {"openunison.enable_activemq", boolean, "", kNoPart, ignored},
    {"openunison.amq", anything, "", kNoPart, ignored},
    {"openunison.queue", anything, "", kNoPart, ignored},
    {"openunison.management_proxy", anything, "",
     "The management proxy isn't in this version; nothing is exposed.", ignored},
    {"openunison.additional_api_servers", anything, "",
     "Write them under clusters, each with a client_id of its own.", ignored},
    {"openunison.enable_end_session", boolean, "true", "Signing out always ends sessions.",
     ignored},
    {"openunison.enable_token_lifecyle_log", boolean, "", "Every token is in the audit log.",
     ignored},
    {"openunison.jit_grace_period", integer, "", kNoPart, ignored},
    {"openunison.title_attribute", string, "", kNoPart, ignored},
    {"openunison.description_attribute", string, "", kNoPart, ignored},
    {"openunison.display_name_attribute", string, "",
     "The claim is named in oidc.claims.display_name.", ignored},
    {"openunison.control_plane", anything, "", kByChart, ignored},
    {"image", string, "", kByChart, ignored},
    {"amq_image", string, "", kNoPart, ignored},
    {"cert_update_image", string, "", kByChart, ignored},
    {"cert_update_schedule", string, "", kByChart, ignored},
    {"precheck", anything, "", kByChart, ignored},
    {"cert_template", anything, "", kByChart, ignored},
    {"impersonation", anything, "", kNoProxy, ignored},
    {"headlamp", anything, "", kNoDashboard, ignored},
    {"dashboard", anything, "", kNoDashboard, ignored},
    {"certs", anything, "", kByChart, ignored},
    {"network_policies", anything, "", kByChart, ignored},
    {"services", anything, "", kByChart, ignored},
    {"database", anything, "", kNoPart, ignored},
    {"smtp", anything, "", kNoPart, ignored},
    {"operator", anything, "", kByChart, ignored},
    {"enable_wait_for_job", boolean, "", kByChart, ignored},
    {"amq", anything, "", kNoPart, ignored},
};

}  // namespace

std::span<const Key> openunison_keys() {
  return kKeys;
}

}  // namespace openunison::config
