// SPDX-License-Identifier: Apache-2.0
//
// Kubernetes access: one cluster at a glance, and the ways to get kubectl. Opening the page makes
// nothing; a button opens a session of its own and shows its command whole, once. Unused it dies
// after ten minutes.
#include <algorithm>

#include "kube/names.h"
#include "portal/kubeconfig.h"
#include "portal/pages.h"
#include "portal/time_text.h"
#include "session/id_token.h"
#include "text/url.h"

namespace openunison::portal {
namespace {

constexpr Seconds kUnusedLife{600};
constexpr std::string_view kAllScopes = "openid profile email groups offline_access";

const config::Cluster* find_cluster(const config::Values& values, std::string_view name) {
  const auto found =
      std::find_if(values.clusters.begin(), values.clusters.end(),
                   [&](const config::Cluster& cluster) { return cluster.name == name; });
  return found == values.clusters.end() ? nullptr : &*found;
}

bool is_windows(const http::Request& request) {
  return request.headers.get("user-agent").value_or("").find("Windows") != std::string_view::npos;
}

// "HOST[:PORT]", as the plugin takes it.
std::string host_of(const config::Values& values) {
  return values.portal_origin().substr(std::string_view("https://").size());
}

http::Response kubeconfig_download(const config::Cluster& cluster, std::string content) {
  http::Response response;
  response.headers = {{"content-type", "application/yaml"},
                      {"cache-control", "no-store"},
                      {"content-disposition", "attachment; filename=\"kubeconfig-" +
                                                  kube::entry_name(cluster.name) + ".yaml\""}};
  response.body = std::move(content);
  return response;
}

text::Json entry_of(const Download& download) {
  text::Json entry;
  entry.set("label", download.label);
  entry.set("link", std::string(kDownloads) + download.name);
  entry.set("name", download.name);
  entry.set("sha256", download.sha256);
  entry.set("size", std::to_string((download.body->size() + 50'000) / 1'000'000) + "." +
                        std::to_string((download.body->size() + 50'000) / 100'000 % 10));
  return entry;
}

// The plugin's archives, those for the visitor's system apart from the others.
void add_downloads(const Portal::Impl& portal, const http::Request& request, text::Json& data) {
  const Downloads& downloads = portal.options.downloads;
  const auto choice = downloads.for_visitor(request.headers.get("user-agent").value_or(""));
  text::Json::Array fitting, others;
  for (std::size_t i = 0; i < choice.all.size(); ++i)
    (i < choice.fitting ? fitting : others).push_back(entry_of(*choice.all[i]));
  data.set("downloads", !choice.all.empty());
  data.set("fits", !fitting.empty());
  data.set("more", !others.empty());
  data.set("fitting", text::Json(std::move(fitting)));
  data.set("others", text::Json(std::move(others)));
  data.set("krew", downloads.has_manifest());
  data.set("krew_command",
           "kubectl krew install --manifest-url=" + portal.values().portal_origin() +
               std::string(kDownloads) + "oulogin.yaml");
}

// The page's data but for a command.
Page cluster_page(const Portal::Impl& portal, const http::Request& request, const Current& current,
                  const config::Cluster& cluster) {
  const config::Values& values = portal.values();
  const std::string label = cluster.label.empty() ? cluster.name : cluster.label;
  Page page{"kubernetes", label, "k8s", {}, 200, {}};
  text::Json& data = page.data;
  data.set("label", label);
  data.set("base", "/k8s/" + text::percent_encode(cluster.name));
  data.set("server", cluster.k8s_url);
  data.set("user_in_cluster",
           name_in_cluster(current.principal.user, cluster, values.issuer(cluster)));
  text::Json::Array groups;
  for (const std::string& group : current.principal.groups)
    groups.emplace_back(cluster.groups_prefix + group);
  data.set("group_count", groups.size());
  data.set("no_groups", groups.empty());
  data.set("groups", text::Json(std::move(groups)));
  data.set("ends", when(current.live.sign_in.expires_at, portal.now()));
  data.set("idle", in_words(portal.sessions.client_idle(current.live.sign_in)));
  data.set("token_life", std::to_string(values.authentication.token_life.count()));
  data.set("windows", is_windows(request));
  data.set("plugin", values.authentication.command_line);
  data.set("plugin_command", "kubectl oulogin --host=" + host_of(values) +
                                 (values.clusters.size() > 1 ? " --cluster=" + cluster.name : ""));
  add_downloads(portal, request, data);
  data.set("has_command", false);
  text::Json::Array others;
  for (const config::Cluster& each : values.clusters) {
    if (!current.principal.in_any(each.az_groups)) continue;
    text::Json entry;
    entry.set("label", each.label.empty() ? each.name : each.label);
    entry.set("link", "/k8s/" + text::percent_encode(each.name));
    entry.set("here", each.name == cluster.name);
    others.push_back(std::move(entry));
  }
  data.set("several", others.size() > 1);
  data.set("clusters", text::Json(std::move(others)));

  session::IdTokenRequest token;
  const std::string issuer = values.issuer(cluster);
  token.issuer = issuer;
  token.audience = cluster.client_id;
  token.scope = kAllScopes;
  const auto fits =
      session::check_id_token_size(token, current.principal, current.live, portal.now());
  data.set("too_large", !fits.has_value());
  if (!fits) data.set("too_large_why", fits.error().message());
  return page;
}

// A cluster that this person may use, by the path; or the page that says why not.
std::expected<const config::Cluster*, http::Response> usable_cluster(
    const Portal::Impl& portal, const http::Request& request, const Current& current,
    const std::optional<std::string>& name) {
  const config::Cluster* cluster = name ? find_cluster(portal.values(), *name) : nullptr;
  if (cluster == nullptr) {
    return std::unexpected(portal.error_page(
        request, &current,
        Error(http::Errc::not_found, "This portal has no cluster of that name.")));
  }
  if (!current.principal.in_any(cluster->az_groups)) {
    std::string wanted;
    for (const std::string& group : cluster->az_groups)
      wanted += (wanted.empty() ? "" : ", ") + group;
    return std::unexpected(portal.error_page(
        request, &current,
        Error(session::Errc::not_allowed, "This cluster is for members of: " + wanted + ".")));
  }
  return cluster;
}

// Opens the session whose refresh token the command or the file carries.
Task<std::expected<KubectlAccess, http::Response>> make_access(Portal::Impl& portal,
                                                               http::Request& request,
                                                               const Current& current,
                                                               const config::Cluster& cluster,
                                                               std::string label) {
  const config::Values& values = portal.values();
  session::IdTokenRequest token;
  const std::string issuer = values.issuer(cluster);
  token.issuer = issuer;
  token.audience = cluster.client_id;
  token.scope = kAllScopes;
  if (auto fits =
          session::check_id_token_size(token, current.principal, current.live, portal.now());
      !fits) {
    co_return std::unexpected(portal.error_page(request, &current, fits.error()));
  }
  session::Sessions::FamilySpec spec;
  spec.holder = {issuer, cluster.client_id};
  spec.cluster = cluster.name;
  spec.scope = kAllScopes;
  spec.origin = store::Origin::pasted;
  spec.label = std::move(label);
  spec.unused_until = portal.now() + kUnusedLife;
  auto family = co_await portal.sessions.open_family(current.live.sign_in.id, std::move(spec),
                                                     std::nullopt, session::caller_of(request));
  if (!family) co_return std::unexpected(portal.error_page(request, &current, family.error()));

  KubectlAccess access;
  access.cluster = cluster.name;
  access.user = current.principal.user;
  access.server = cluster.k8s_url;
  access.server_ca_pem = cluster.k8s_ca_pem;
  access.issuer = issuer;
  access.client_id = cluster.client_id;
  access.issuer_ca_pem = portal.options.portal_ca_pem;
  access.refresh_token = std::move(family->refresh_token);
  co_return access;
}

}  // namespace

Task<http::Response> Portal::Impl::kubernetes(http::Request& request) {
  auto current = co_await require(request);
  if (!current) co_return std::move(current.error());
  if (request.path == "/k8s") {
    for (const config::Cluster& cluster : values().clusters) {
      if (current->principal.in_any(cluster.az_groups))
        co_return see_other("/k8s/" + text::percent_encode(cluster.name));
    }
    co_return error_page(
        request, &*current,
        Error(session::Errc::not_allowed, "None of your groups gives access to a cluster."));
  }
  auto cluster = usable_cluster(*this, request, *current, path_part(request.path, "/k8s/"));
  if (!cluster) co_return std::move(cluster.error());
  co_return render(request, &*current, cluster_page(*this, request, *current, **cluster));
}

Task<http::Response> Portal::Impl::kubernetes_command(http::Request& request) {
  auto submitted = co_await require_form(request);
  if (!submitted) co_return std::move(submitted.error());
  const Current& current = submitted->current;
  auto cluster =
      usable_cluster(*this, request, current, path_part(request.path, "/k8s/", "/command"));
  if (!cluster) co_return std::move(cluster.error());

  const bool powershell = submitted->form.value("shell") == "powershell";
  auto access = co_await make_access(*this, request, current, **cluster,
                                     powershell ? "Pasted command (PowerShell)" : "Pasted command");
  if (!access) co_return std::move(access.error());
  Page page = cluster_page(*this, request, current, **cluster);
  page.data.set("has_command", true);
  page.data.set("command", powershell ? powershell_command(*access) : posix_command(*access));
  page.data.set("command_shell", powershell ? "PowerShell" : "sh, bash, zsh or fish");
  page.data.set("dies", when(now() + kUnusedLife, now()));
  co_return render(request, &current, std::move(page));
}

Task<http::Response> Portal::Impl::kubernetes_kubeconfig(http::Request& request) {
  auto submitted = co_await require_form(request);
  if (!submitted) co_return std::move(submitted.error());
  const Current& current = submitted->current;
  auto cluster =
      usable_cluster(*this, request, current, path_part(request.path, "/k8s/", "/kubeconfig"));
  if (!cluster) co_return std::move(cluster.error());
  auto access = co_await make_access(*this, request, current, **cluster, "kubeconfig file");
  if (!access) co_return std::move(access.error());

  co_return kubeconfig_download(**cluster, kubeconfig_file(*access));
}

// Nothing in it is secret, and no session is made for it.
Task<http::Response> Portal::Impl::plugin_kubeconfig(http::Request& request) {
  auto current = co_await require(request);
  if (!current) co_return std::move(current.error());
  auto cluster = usable_cluster(*this, request, *current,
                                path_part(request.path, "/k8s/", "/plugin-kubeconfig"));
  if (!cluster) co_return std::move(cluster.error());
  KubectlAccess access;
  access.cluster = (*cluster)->name;
  access.user = current->principal.user;
  access.server = (*cluster)->k8s_url;
  access.server_ca_pem = (*cluster)->k8s_ca_pem;
  co_return kubeconfig_download(**cluster, portal::plugin_kubeconfig(access, host_of(values())));
}

}  // namespace openunison::portal
