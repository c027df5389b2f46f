// SPDX-License-Identifier: Apache-2.0
//
// Signing in: one identity provider, no page; several, a button each, the one used last first;
// built-in users, a form.
#include <algorithm>

#include "base/log.h"
#include "identity/error.h"
#include "portal/pages.h"
#include "text/cookie.h"
#include "text/url.h"
#include "text/utf8.h"

namespace openunison::portal {
namespace {

constexpr std::string_view kLastProviderCookie = "__Host-ou-provider";
constexpr Seconds kYear{31'536'000};
constexpr std::size_t kMaxFormBytes = 16 * 1024;

constexpr std::size_t kMaxHint = 256;

}  // namespace

// The link that starts at an identity provider.
static std::string start_link(std::string_view provider, const Portal::Impl::SignInPage& asked) {
  std::string link = text::add_query("/auth/login", "provider", provider);
  link = text::add_query(std::move(link), "return_to", asked.return_to);
  if (asked.force) link = text::add_query(std::move(link), "force", "1");
  if (asked.select_account) link = text::add_query(std::move(link), "select_account", "1");
  if (!asked.hint.empty()) link = text::add_query(std::move(link), "login_hint", asked.hint);
  if (!asked.acr_values.empty())
    link = text::add_query(std::move(link), "acr_values", asked.acr_values);
  return link;
}

Task<http::Response> Portal::Impl::login(http::Request& request) {
  const auto parsed = text::Form::parse(request.query);
  const text::Form query = parsed ? *parsed : text::Form();
  SignInPage asked;
  asked.return_to = session::safe_return_to(query.value("return_to"));
  asked.force = query.value("force") == "1";
  asked.select_account = query.value("select_account") == "1";
  asked.hint = text::shortened(query.value("login_hint"), kMaxHint);
  asked.acr_values = text::shortened(query.value("acr_values"), kMaxHint);
  const std::string chosen(query.value("provider"));

  auto current = co_await sessions.current(request);
  if (!current) co_return error_page(request, nullptr, current.error());
  const bool ask = asked.force || asked.select_account;
  if (*current && !ask && chosen.empty()) co_return see_other(asked.return_to);

  // Straight on to an upstream: the one asked for, or the only one there is.
  const bool only_one = connectors.all().size() == 1;
  const std::string provider =
      chosen.empty() && only_one ? connectors.all().front()->name() : chosen;
  identity::Connector* connector = connectors.find(provider);
  if (!provider.empty() && connector == nullptr) {
    co_return error_page(
        request, nullptr,
        Error(session::Errc::unknown_provider, "No identity provider has that name."));
  }
  if (connector != nullptr && connector->redirect() != nullptr) {
    auto started = co_await sign_in.start({provider, asked.return_to, asked.force,
                                           asked.select_account, asked.hint, asked.acr_values},
                                          request);
    if (!started) {
      log::warn(
          "a sign-in could not be started",
          {{"provider", provider}, {"reason", started.error().message()}, {"request", request.id}});
      co_return error_page(request, nullptr, started.error());
    }
    co_return see_other(started->location, started->set_cookies);
  }

  co_return sign_in_page(request, asked);
}

http::Response Portal::Impl::sign_in_page(const http::Request& request,
                                          const SignInPage& asked) const {
  const auto cookies = text::Cookies::parse(request.headers.joined("cookie"));
  const std::string_view last = cookies.unique(kLastProviderCookie).value_or("");
  text::Json::Array redirects;
  bool has_local = false;
  std::string local_label;
  for (const auto& each : connectors.all()) {
    if (each->password() != nullptr) {
      has_local = true;
      local_label = each->settings().label;
      continue;
    }
    text::Json entry;
    entry.set("label", provider_label(*each));
    entry.set("link", start_link(each->name(), asked));
    entry.set("initial", first_character(provider_label(*each)));
    const bool used_last = each->name() == last;
    entry.set("used_last", used_last);
    redirects.insert(used_last ? redirects.begin() : redirects.end(), std::move(entry));
  }

  const auto target = describe(asked.return_to);
  Page page{"sign_in", "Sign in", "", {}, asked.status, target ? target->origin : ""};
  if (!asked.failure.empty())
    page.address = text::add_query("/auth/login", "return_to", asked.return_to);
  page.data.set("has_redirects", !redirects.empty());
  page.data.set("providers", text::Json(std::move(redirects)));
  page.data.set("has_target", target.has_value());
  if (target) page.data.set("target", target->label);
  page.data.set("return_to", asked.return_to);
  page.data.set("has_local", has_local);
  page.data.set("has_local_label", !local_label.empty());
  page.data.set("local_label", local_label);
  page.data.set("username", asked.hint);
  page.data.set("failed", !asked.failure.empty());
  page.data.set("why", asked.failure);
  page.data.set("contact", values().branding.help_contact);
  page.data.set("has_contact", !values().branding.help_contact.empty());
  if (!has_local) return render(request, nullptr, std::move(page));

  const auto token = sign_in.form_token(request);
  page.data.set("form_token", token.field);
  http::Response response = render(request, nullptr, std::move(page));
  response.headers.add("set-cookie", token.set_cookie);
  return response;
}

Task<http::Response> Portal::Impl::login_local(http::Request& request) {
  if (auto refused = refuse_foreign(request)) co_return std::move(*refused);
  auto body = co_await http::read_all(*request.body, kMaxFormBytes);
  if (!body) co_return error_page(request, nullptr, body.error());
  const auto form = text::Form::parse(*body);
  if (!form || form->repeated()) {
    co_return error_page(request, nullptr,
                         Error(http::Errc::bad_request, "The form can't be read."));
  }
  std::string provider;
  for (const auto& each : connectors.all()) {
    if (each->password() != nullptr) provider = each->name();
  }
  const std::string user(form->value("username"));
  const std::string return_to = session::safe_return_to(form->value("return_to"));
  auto finished =
      co_await sign_in.password(provider, user, Secret(std::string(form->value("password"))),
                                std::string(form->value("csrf")), return_to, request);
  if (finished) co_return see_other(finished->return_to, finished->set_cookies);

  const Error& error = finished.error().error;
  const bool ask_again = error.is(identity::Errc::wrong_password) ||
                         error.is(identity::Errc::throttled) || error.is(identity::Errc::busy) ||
                         error.is(session::Errc::bad_csrf);
  if (!ask_again) co_return error_page(request, nullptr, error);

  SignInPage again;
  again.return_to = return_to;
  again.hint = text::shortened(user, 128);
  const bool busy = error.is(identity::Errc::busy);
  again.status = busy ? 503 : error.is(identity::Errc::throttled) ? 429 : 401;
  again.failure = error.is(identity::Errc::wrong_password) ? "User name or password is wrong."
                  : busy ? "Too many people are signing in. Wait a moment, then try again."
                  : error.is(identity::Errc::throttled)
                      ? "Too many attempts. Wait a minute, then try again."
                      : "The form was too old. Please try again.";
  http::Response page = sign_in_page(request, again);
  if (busy) page.headers.add("retry-after", "5");
  co_return page;
}

Task<http::Response> Portal::Impl::callback(http::Request& request, std::string provider) {
  auto parameters = text::Form::parse(request.query);
  if (!parameters) {
    co_return error_page(
        request, nullptr,
        Error(session::Errc::bad_attempt, "The identity provider's answer can't be read."));
  }
  auto finished = co_await sign_in.finish(provider, std::move(*parameters), request);
  if (!finished) {
    http::Response response = error_page(request, nullptr, finished.error().error);
    for (const std::string& cookie : finished.error().set_cookies)
      response.headers.add("set-cookie", cookie);
    co_return response;
  }
  std::vector<std::string> set_cookies = std::move(finished->set_cookies);
  set_cookies.push_back(text::set_cookie(kLastProviderCookie, provider, kYear));
  co_return see_other(finished->return_to, set_cookies);
}

Task<http::Response> Portal::Impl::posted_callback(http::Request& request, std::string provider,
                                                   std::string path) {
  auto body = co_await http::read_all(*request.body, 64 * 1024);
  const auto form =
      body ? text::Form::parse(*body) : Result<text::Form>(std::unexpected(body.error()));
  if (!form) {
    co_return error_page(
        request, nullptr,
        Error(session::Errc::bad_attempt, "The identity provider's answer can't be read."));
  }
  std::string target = sign_in.defer_posted_callback(path, *form);
  if (target.size() > options.max_target_bytes) {
    co_return error_page(
        request, nullptr,
        Error(http::Errc::body_too_large, "The identity provider's answer is too large."));
  }
  co_return see_other(target);
}

// OpenID Connect Back-Channel Logout 1.0 §2.7, §2.8.
Task<http::Response> Portal::Impl::backchannel_logout(http::Request& request,
                                                      std::string provider) {
  http::Response response;
  response.headers = {{"cache-control", "no-store"}};
  auto body = co_await http::read_all(*request.body, 64 * 1024);
  const auto form =
      body ? text::Form::parse(*body) : Result<text::Form>(std::unexpected(body.error()));
  const std::string token(form ? form->value("logout_token") : "");
  Result<void> ended =
      co_await sign_in.backchannel_logout(provider, token, session::caller_of(request));
  if (ended) co_return response;
  log::warn("a logout token was refused",
            {{"provider", provider}, {"reason", ended.error().message()}, {"request", request.id}});
  // Whether the same token may be good later: the provider then sends it again.
  const bool later =
      ended.error().is(store::Errc::unavailable) || ended.error().is(store::Errc::full) ||
      ended.error().is(identity::Errc::unreachable) || ended.error().is(identity::Errc::throttled);
  response.status = later ? 503 : 400;
  if (later) response.headers.add("retry-after", "30");
  response.headers.add("content-type", "application/json");
  response.body =
      later ? R"({"error":"temporarily_unavailable"})" : R"({"error":"invalid_request"})";
  co_return response;
}

}  // namespace openunison::portal
