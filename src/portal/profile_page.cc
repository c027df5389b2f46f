// SPDX-License-Identifier: Apache-2.0
//
// Profile: who the portal thinks you are, how it knows, what arrived and what is passed on.
#include "identity/connector.h"
#include "portal/pages.h"
#include "portal/time_text.h"
#include "session/id_token.h"

namespace openunison::portal {
namespace {

std::string shown(const text::Json& value) {
  if (const std::string* string = value.string()) return *string;
  return value.dump();
}

// What an ID token for the first cluster would hold now.
std::string leaving_claims(const Current& current, const config::Values& values, WallTime now) {
  const config::Cluster& cluster = values.clusters.front();
  const std::string issuer = values.issuer(cluster);
  session::IdTokenRequest request;
  request.issuer = issuer;
  request.audience = cluster.client_id;
  request.scope = "openid profile email groups";
  request.life = values.authentication.token_life;
  const std::string claims =
      session::id_token_claims(request, current.principal, current.live, "one for each token", now,
                               crypto::Algorithm::rs256);
  const auto json = text::Json::parse(claims);
  return json ? json->dump_pretty() : claims;
}

// How soon the portal notices that somebody left or changed groups.
std::string freshness(const Current& current, const config::Values& values) {
  if (!current.live.sign_in.recheckable) {
    return "Your identity provider can’t be asked again without you. Leaving the company or a "
           "change of groups shows only "
           "at your next sign-in, at the latest when this one ends.";
  }
  return "Your groups are checked with the identity provider about every " +
         in_words(values.authentication.group_refresh) + " while you use kubectl or this portal.";
}

}  // namespace

Task<http::Response> Portal::Impl::profile(http::Request& request) {
  auto current = co_await require(request);
  if (!current) co_return std::move(current.error());
  const identity::Principal& principal = current->principal;
  const store::SignIn& sign_in_record = current->live.sign_in;

  Page page{"profile", "Profile", "profile", {}, 200, {}};
  text::Json& data = page.data;
  data.set("user", principal.user);
  data.set("display_name", principal.display_name);
  data.set("email", principal.email);
  data.set("has_email", !principal.email.empty());
  data.set("email_unverified", principal.email_verified && !*principal.email_verified);
  data.set("signed_in", when(sign_in_record.authenticated_at, now()));
  data.set("ends", when(sign_in_record.expires_at, now()));
  data.set("checked", when(sign_in_record.checked_at, now()));
  data.set("freshness", freshness(*current, values()));
  std::string methods;
  for (const std::string& method : principal.amr) methods += (methods.empty() ? "" : ", ") + method;
  data.set("has_methods", !methods.empty());
  data.set("methods", methods);
  data.set("address", sign_in_record.address);
  data.set("token_life", std::to_string(values().authentication.token_life.count()));

  text::Json::Array groups;
  for (const std::string& group : principal.groups) groups.emplace_back(group);
  data.set("group_count", groups.size());
  data.set("no_groups", groups.empty());
  data.set("filter_groups", groups.size() >= 9);
  data.set("groups", text::Json(std::move(groups)));
  text::Json::Array dropped;
  for (const identity::DroppedGroup& group : principal.dropped) {
    text::Json entry;
    entry.set("name", group.name);
    entry.set("reason", group.reason);
    dropped.push_back(std::move(entry));
  }
  data.set("has_dropped", !dropped.empty());
  data.set("one_dropped", dropped.size() == 1);
  data.set("dropped_count", dropped.size());
  data.set("dropped", text::Json(std::move(dropped)));

  text::Json::Array claims;
  if (const auto arrived = text::Json::parse(principal.claims); arrived && arrived->object()) {
    for (const auto& [name, value] : *arrived->object()) {
      text::Json entry;
      entry.set("name", name);
      entry.set("value", shown(value));
      claims.push_back(std::move(entry));
    }
  }
  data.set("leaving", leaving_claims(*current, values(), now()));
  data.set("has_claims", !claims.empty());
  data.set("claims", text::Json(std::move(claims)));
  co_return render(request, &*current, std::move(page));
}

}  // namespace openunison::portal
