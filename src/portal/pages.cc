// SPDX-License-Identifier: Apache-2.0
#include "portal/pages.h"

#include <algorithm>

#include "portal/theme.h"
#include "portal/time_text.h"
#include "text/url.h"
#include "text/utf8.h"

namespace openunison::portal {
namespace {

constexpr std::size_t kMaxFormBytes = 16 * 1024;

struct Place {
  std::string_view name, path, label;
};
constexpr Place kPlaces[] = {{"applications", "/", "Applications"},
                             {"k8s", "/k8s", "Kubernetes"},
                             {"sessions", "/sessions", "Sessions"},
                             {"profile", "/profile", "Profile"}};

text::Json navigation(std::string_view here) {
  text::Json::Array places;
  for (const Place& place : kPlaces) {
    text::Json entry;
    entry.set("path", place.path);
    entry.set("label", place.label);
    entry.set("here", place.name == here);
    places.push_back(std::move(entry));
  }
  return text::Json(std::move(places));
}

// Where the theme's form comes back to: this page, or the one above where this answers a form. An
// error's query may hold an identity provider's code.
// The page that a form's address stands under: "/k8s/demo" of "/k8s/demo/command".
std::string above(const std::string& path) {
  return path.substr(0, std::max<std::size_t>(1, path.rfind('/')));
}

std::string address_of(const http::Request& request, const Page& page) {
  if (!page.address.empty()) return page.address;
  const bool posted = request.method != "GET" && request.method != "HEAD";
  if (posted) return above(request.path);
  return page.name == "error" || request.query.empty() ? request.path
                                                       : request.path + "?" + request.query;
}

std::string content_security_policy(const std::string& form_origin) {
  std::string policy =
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: https:; "
      "connect-src 'self'; "
      "base-uri 'none'; frame-ancestors 'none'; form-action 'self'";
  if (!form_origin.empty()) policy += " " + form_origin;
  return policy;
}

// RFC 3629 §3.
bool continues_character(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

// RFC 3986: what no URI may hold is percent-encoded; return addresses are decoded text.
std::string as_uri(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool allowed =
        c > ' ' && c < 0x7f && std::string_view("\"<>\\^`{|}").find(c) == std::string_view::npos;
    out += allowed ? std::string(1, c) : text::percent_encode({&c, 1});
  }
  return out;
}

}  // namespace

std::string provider_label(const identity::Connector& connector) {
  const config::IdentityProvider& settings = connector.settings();
  if (!settings.label.empty()) return settings.label;
  return settings.kind == config::ProviderKind::local ? "password" : settings.name;
}

std::string first_character(std::string_view text) {
  std::size_t end = std::min<std::size_t>(1, text.size());
  while (end < text.size() && continues_character(text[end])) ++end;
  return std::string(text.substr(0, end));
}

http::Response see_other(std::string_view location, const std::vector<std::string>& set_cookies) {
  http::Response response;
  response.status = 303;
  response.headers = {{"location", as_uri(location)},
                      {"cache-control", "no-store"},
                      {"referrer-policy", "no-referrer"}};
  for (const std::string& cookie : set_cookies) response.headers.add("set-cookie", cookie);
  return response;
}

std::optional<std::string> path_part(std::string_view path, std::string_view prefix,
                                     std::string_view suffix) {
  if (path.size() <= prefix.size() + suffix.size() || !path.starts_with(prefix) ||
      !path.ends_with(suffix)) {
    return std::nullopt;
  }
  const std::string_view part =
      path.substr(prefix.size(), path.size() - prefix.size() - suffix.size());
  if (part.find('/') != std::string_view::npos) return std::nullopt;
  return text::percent_decode(part);
}

Portal::Impl::Impl(PortalOptions o, PortalDependencies d, text::TemplateSet t)
    : options(std::move(o)),
      sessions(*d.sessions),
      sign_in(*d.sign_in),
      connectors(*d.connectors),
      templates(std::move(t)),
      assets(sessions.values().branding, options.logo, options.logo_type) {}

std::string Portal::Impl::upstream_origin(const Current& current) const {
  const auto link = sessions.upstream_logout_url(current, signed_out_url());
  const auto url = text::Url::parse(link.value_or(""));
  return url ? url->origin() : "";
}

http::Response Portal::Impl::render(const http::Request& request, const Current* current,
                                    Page page) const {
  const Theme theme = theme_of(request);
  text::Json& data = page.data;
  data.set("title", page.title);
  data.set("product", values().branding.name);
  data.set("stylesheet", assets.stylesheet());
  data.set("script", assets.script());
  data.set("icon", assets.icon());
  data.set("logo", assets.logo());
  data.set("has_logo", !assets.logo().empty());
  data.set("cluster_label", values().clusters.front().label.empty()
                                ? values().clusters.front().name
                                : values().clusters.front().label);
  data.set("theme", name(theme));
  data.set("theme_is_dark", theme == Theme::dark ? "true" : "false");
  data.set("theme_is_light", theme == Theme::light ? "true" : "false");
  data.set("theme_is_system", theme == Theme::system ? "true" : "false");
  data.set("page_address", address_of(request, page));
  data.set("server_time", now().time_since_epoch().count());
  std::string form_origin = page.form_origin;
  if (current != nullptr) {
    // The header's "Sign out" is a form too, which ends at the provider where values say so.
    if (form_origin.empty()) form_origin = upstream_origin(*current);
    text::Json person;
    person.set("name", current->principal.display_name.empty() ? current->principal.user
                                                               : current->principal.display_name);
    person.set("user", current->principal.user);
    const identity::Connector* connector = connectors.find(current->principal.provider);
    person.set("provider",
               connector != nullptr ? provider_label(*connector) : current->principal.provider);
    person.set("ends", when(current->live.sign_in.expires_at, now()));
    data.set("person", std::move(person));
    data.set("csrf", sessions.csrf_token(*current));
    data.set("places", navigation(page.place));
  }

  http::Response response;
  response.status = page.status;
  response.headers = {{"content-type", "text/html; charset=utf-8"},
                      {"cache-control", "no-store"},
                      {"content-security-policy", content_security_policy(form_origin)},
                      {"referrer-policy", "no-referrer"},
                      {"x-frame-options", "DENY"},
                      {"cross-origin-opener-policy", "same-origin"},
                      {"permissions-policy", "camera=(), microphone=(), geolocation=()"}};
  response.body = templates.render(page.name, data);
  return response;
}

Task<std::expected<Current, http::Response>> Portal::Impl::require(http::Request& request) {
  auto current = co_await sessions.current(request);
  if (!current) co_return std::unexpected(error_page(request, nullptr, current.error()));
  if (*current) co_return std::move(**current);
  std::string here = request.path;
  if (!request.query.empty()) here += "?" + request.query;
  co_return std::unexpected(
      see_other(text::add_query("/auth/login", "return_to", session::safe_return_to(here))));
}

// A second lock beside the tokens. "Origin: null" says nothing: our referrer policy makes browsers
// send it with our own forms (Fetch §3.2); Sec-Fetch-Site then tells, where the browser knows that.
std::optional<http::Response> Portal::Impl::refuse_foreign(const http::Request& request) const {
  bool foreign = false;
  for (const http::Field& field : request.headers.fields()) {
    if (field.name == "origin")
      foreign |= field.value != "null" && field.value != values().portal_origin();
    if (field.name == "sec-fetch-site")
      foreign |= field.value != "same-origin" && field.value != "none";
  }
  if (!foreign) return std::nullopt;
  return error_page(
      request, nullptr,
      Error(http::Errc::forbidden, "This form was sent from another site, so nothing was done."));
}

Task<std::expected<Portal::Impl::Submitted, http::Response>> Portal::Impl::require_form(
    http::Request& request) {
  if (auto refused = refuse_foreign(request)) co_return std::unexpected(std::move(*refused));
  auto current = co_await sessions.current(request);
  if (!current) co_return std::unexpected(error_page(request, nullptr, current.error()));
  const auto refuse = [&](const Error& error) {
    return std::unexpected(error_page(request, *current ? &**current : nullptr, error));
  };
  const std::string_view type = request.headers.get("content-type").value_or("");
  if (!text::iequals_ascii(type.substr(0, type.find(';')), "application/x-www-form-urlencoded")) {
    co_return refuse(Error(http::Errc::unsupported_media, "This address takes a form."));
  }
  auto body = co_await http::read_all(*request.body, kMaxFormBytes);
  if (!body) co_return refuse(body.error());
  auto form = text::Form::parse(*body);
  if (!form) co_return refuse(Error(http::Errc::bad_request, "The form can't be read."));
  if (!*current) {
    co_return refuse(Error(session::Errc::no_session,
                           "Your session ended before this form was sent. Nothing was done."));
  }
  if (auto genuine = sessions.check_csrf(**current, form->value("csrf")); !genuine)
    co_return refuse(genuine.error());
  co_return Submitted{std::move(**current), std::move(*form)};
}

Task<http::Response> Portal::Impl::asset(http::Request& request) {
  co_return assets.serve(request);
}

Task<http::Response> Portal::Impl::download(http::Request& request) {
  co_return options.downloads.serve(request);
}

Task<http::Response> Portal::Impl::page_of_form(http::Request& request) {
  co_return see_other(above(request.path));
}

Task<http::Response> Portal::Impl::not_found(http::Request& request) {
  auto current = co_await sessions.current(request);
  const Current* person = current && *current ? &**current : nullptr;
  co_return error_page(request, person,
                       Error(http::Errc::not_found, "There is no page at this address."));
}

std::optional<session::ReturnTarget> Portal::Impl::describe(std::string_view return_to) const {
  for (const session::ReturnTargets* targets : return_targets) {
    if (auto target = targets->describe(return_to)) return target;
  }
  return std::nullopt;
}

}  // namespace openunison::portal
