// SPDX-License-Identifier: Apache-2.0
//
// Applications: the clusters first, then what values list, grouped by organisation; only what this
// person may use.
#include <algorithm>

#include "portal/pages.h"
#include "text/url.h"

namespace openunison::portal {
namespace {

constexpr std::size_t kSearchFrom = 9;  // cards

struct Card {
  std::string organisation;
  text::Json json;
};

Card cluster_card(const config::Cluster& cluster) {
  text::Json json;
  const std::string label = cluster.label.empty() ? cluster.name : cluster.label;
  json.set("label", label);
  json.set("link", "/k8s/" + text::percent_encode(cluster.name));
  json.set("line", "kubectl with tokens that live for a minute");
  json.set("is_cluster", true);
  return {"Kubernetes", std::move(json)};
}

Card application_card(const config::Application& application) {
  text::Json json;
  const std::string label = application.label.empty() ? application.name : application.label;
  json.set("label", label);
  json.set("link", application.badge_url);
  json.set("line", application.description);
  json.set("is_cluster", false);
  const bool has_icon =
      application.icon.starts_with("https://") || application.icon.starts_with("data:image/");
  json.set("has_icon", has_icon);
  json.set("icon_url", has_icon ? application.icon : std::string());
  json.set("initial", first_character(label));
  return {application.org.empty() ? "Applications" : application.org, std::move(json)};
}

}  // namespace

Task<http::Response> Portal::Impl::applications(http::Request& request) {
  auto current = co_await require(request);
  if (!current) co_return std::move(current.error());
  const identity::Principal& principal = current->principal;

  std::vector<Card> cards;
  for (const config::Cluster& cluster : values().clusters) {
    if (principal.in_any(cluster.az_groups)) cards.push_back(cluster_card(cluster));
  }
  for (const config::Application& application : values().apps) {
    if (principal.in_any(application.az_groups)) cards.push_back(application_card(application));
  }

  // Organisations in the order in which they first come.
  std::vector<std::pair<std::string, text::Json::Array>> organisations;
  for (Card& card : cards) {
    auto found = std::find_if(organisations.begin(), organisations.end(),
                              [&](const auto& each) { return each.first == card.organisation; });
    if (found == organisations.end())
      found = organisations.insert(organisations.end(), {card.organisation, {}});
    found->second.push_back(std::move(card.json));
  }
  text::Json::Array groups;
  for (auto& [name, entries] : organisations) {
    text::Json group;
    group.set("name", name);
    group.set("cards", text::Json(std::move(entries)));
    groups.push_back(std::move(group));
  }

  Page page{"applications", "Applications", "applications", {}, 200, {}};
  page.data.set("organisations", text::Json(std::move(groups)));
  page.data.set("empty", cards.empty());
  page.data.set("search", cards.size() >= kSearchFrom);
  text::Json::Array arrived;
  for (const std::string& group : principal.groups) arrived.emplace_back(group);
  page.data.set("no_groups", arrived.empty());
  page.data.set("groups", text::Json(std::move(arrived)));
  page.data.set("contact", values().branding.help_contact);
  page.data.set("has_contact", !values().branding.help_contact.empty());
  co_return render(request, &*current, std::move(page));
}

}  // namespace openunison::portal
