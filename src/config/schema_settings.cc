// SPDX-License-Identifier: Apache-2.0
//
// The schema, first part: the cluster, the network and the identity providers.
#include "config/schema_parts.h"

namespace openunison::config {
namespace {

using enum Type;
using enum Status;

constexpr Key kKeys[] = {
    {"k8s_cluster_name", string, "kubernetes",
     "The cluster's name: in addresses and kubeconfig entries. Letters, digits, dots, dashes and "
     "underscores, up to 63.",
     honoured},
    {"k8s_cluster_label", string, "", "The cluster's name for people."},
    {"enable_impersonation", boolean, "false",
     "The impersonating API proxy, for clusters that can't trust an OpenID provider. This version "
     "doesn't have it: true is refused.",
     honoured},
    {"az_groups", strings, "", "Who may use the first cluster; empty: everyone who may sign in."},
    {"network", map, "", "Host names and addresses.", honoured},
    {"network.openunison_host", string, "", "The portal's host name. Required.", honoured},
    {"network.external_port", integer, "443",
     "The port that browsers and API servers use; other than 443 it is part of the issuer.", ours,
     1, 65535},
    {"network.k8s_url", string, "", "The API server's URL, for kubeconfigs. Required.", honoured},
    {"network.k8s_username_prefix", string, "-",
     "How the API server's --oidc-username-prefix is set; - for none, empty for its default "
     "(issuer#)."},
    {"network.k8s_groups_prefix", string, "", "How the API server's --oidc-groups-prefix is set."},
    {"network.session_inactivity_timeout_seconds", integer, "900",
     "A web session ends after so many seconds without a request.", honoured, 60, 86400},
    {"trusted_certs", list, "", "Certificate authorities to trust for outgoing connections.",
     honoured},
    {"trusted_certs[].name", string, "",
     "A unique name. unison-ca is the portal's own authority, given to kubectl; k8s-master the API "
     "server's.",
     honoured},
    {"trusted_certs[].pem_b64", block, "", "The certificates: PEM, in base64.", honoured},
    {"oidc", map, "", "The company's OpenID provider.", honoured},
    {"oidc.issuer", string, "", "Its issuer URL; endpoints are discovered.", honoured},
    {"oidc.auth_url", string, "",
     "Its authorization endpoint, where there is no issuer to discover it from.", honoured},
    {"oidc.token_url", string, "", "Its token endpoint, likewise.", honoured},
    {"oidc.userinfo_url", string, "", "Its userinfo endpoint, likewise.", honoured},
    {"oidc.client_id", string, "",
     "Our client id there. The secret is the file OIDC_CLIENT_SECRET.", honoured},
    {"oidc.scopes", string, "openid email profile groups",
     "The scopes to ask for, sent exactly as written.", honoured},
    {"oidc.user_in_idtoken", boolean, "true",
     "false: groups and attributes come only from userinfo.", honoured},
    {"oidc.domain", string, "",
     "Only people of this mail or hosted domain may sign in, such as example.com.", enforced},
    {"oidc.claims", map, "", "The names of claims.", honoured},
    {"oidc.claims.sub", string, "sub", "Becomes the user name in clusters.", honoured},
    {"oidc.claims.email", string, "email", "Mail address.", honoured},
    {"oidc.claims.given_name", string, "given_name", "Given name.", honoured},
    {"oidc.claims.family_name", string, "family_name", "Family name.", honoured},
    {"oidc.claims.display_name", string, "name", "Name for people.", honoured},
    {"oidc.claims.groups", string, "groups", "Groups: a list, or one name.", honoured},
    {"oidc.forceauthentication", boolean, "false",
     "Ask for the password at the provider at every sign-in.", honoured},
    {"oidc.type", string, "generic", "What kind of provider it is, where they differ.", honoured, 0,
     0, "generic|okta|entra|azuread|keycloak|google"},
    {"oidc.logout", string, "local", "upstream: signing out here signs out at the provider too.",
     ours, 0, 0, "local|upstream"},
    {"oidc.label", string, "", "Its name on the sign-in page."},
    {"oidc.tenants", strings, "", "Ids of the Entra tenants whose people may sign in."},
    {"oidc.http_proxy", string, "", "A proxy for connections to this provider: http://host:port."},
    {"oidc.username_prefix", string, "",
     "Stands before user names from this provider. It differs between providers and may not "
     "contain system:."},
    {"oidc.groups_prefix", string, "", "Stands before group names from this provider, likewise."},
    {"identity_providers", list, "",
     "Several identity providers, with oidc as the first where that is given too."},
    {"identity_providers[].name", string, "",
     "a-z, 0-9 and dashes, up to 32; in its callback /auth/oidc/NAME."},
    {"identity_providers[].label", string, "", "Its name on the sign-in page."},
    {"identity_providers[].type", string, "oidc",
     "oidc, or local: users.yaml in the secrets directory. The keys below, but for the prefixes, "
     "are for oidc.",
     ours, 0, 0, "oidc|local"},
    {"identity_providers[].profile", string, "generic", "As oidc.type.", ours, 0, 0,
     "generic|okta|entra|azuread|keycloak|google"},
    {"identity_providers[].issuer", string, "", "As oidc.issuer."},
    {"identity_providers[].auth_url", string, "", "As oidc.auth_url."},
    {"identity_providers[].token_url", string, "", "As oidc.token_url."},
    {"identity_providers[].userinfo_url", string, "", "As oidc.userinfo_url."},
    {"identity_providers[].client_id", string, "",
     "As oidc.client_id. The secret is the file OIDC_CLIENT_SECRET_NAME, with the provider's name "
     "as it is written here."},
    {"identity_providers[].scopes", string, "openid email profile groups", "As oidc.scopes."},
    {"identity_providers[].user_in_idtoken", boolean, "true", "As oidc.user_in_idtoken."},
    {"identity_providers[].domain", string, "", "As oidc.domain."},
    {"identity_providers[].claims", map, "", "As oidc.claims."},
    {"identity_providers[].claims.sub", string, "sub", "As oidc.claims.sub."},
    {"identity_providers[].claims.email", string, "email", "As oidc.claims.email."},
    {"identity_providers[].claims.given_name", string, "given_name", "As oidc.claims.given_name."},
    {"identity_providers[].claims.family_name", string, "family_name",
     "As oidc.claims.family_name."},
    {"identity_providers[].claims.display_name", string, "name", "As oidc.claims.display_name."},
    {"identity_providers[].claims.groups", string, "groups", "As oidc.claims.groups."},
    {"identity_providers[].forceauthentication", boolean, "false", "As oidc.forceauthentication."},
    {"identity_providers[].logout", string, "local", "As oidc.logout.", ours, 0, 0,
     "local|upstream"},
    {"identity_providers[].tenants", strings, "", "As oidc.tenants."},
    {"identity_providers[].http_proxy", string, "", "As oidc.http_proxy."},
    {"identity_providers[].username_prefix", string, "", "As oidc.username_prefix."},
    {"identity_providers[].groups_prefix", string, "", "As oidc.groups_prefix."},
    {"identity_providers_share_namespace", boolean, "false",
     "Allows several providers with equal prefixes: the same name from two of them is then the "
     "same user."},

    {"monitoring", map, "", "Who may read the metrics.", honoured},
    {"monitoring.prometheus_service_account", string, "",
     "This version doesn't ask for a token at /metrics. The key is therefore accepted only while "
     "server.management is a loopback address, where nothing outside the pod reads them, and "
     "refused otherwise.",
     enforced},
};

}  // namespace

std::span<const Key> settings_keys() {
  return kKeys;
}

}  // namespace openunison::config
