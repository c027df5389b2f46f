// SPDX-License-Identifier: Apache-2.0
#include "oidc/provider.h"

#include <algorithm>

#include "base/log.h"
#include "oidc/provider_impl.h"
#include "text/utf8.h"

namespace openunison::oidc {

// Both are of values and of this program: never what a request says.
static metrics::Counter& tokens_issued(const std::string& client, const std::string& grant) {
  return metrics::counter("openunison_tokens_issued_total",
                          "ID tokens given out at the token endpoint, by client and grant.",
                          {{"client", client}, {"grant", grant}});
}

// Of the error codes that this program has (RFC 6749 §5.2 and oidc/error.cc).
static metrics::Counter& refusals(const std::string& error) {
  return metrics::counter("openunison_token_requests_refused_total",
                          "Requests refused at the token endpoint, by error code.",
                          {{"error", error}});
}

namespace {

BackchannelLogoutOptions for_issuer(const ProviderOptions& options) {
  BackchannelLogoutOptions logout = options.logout;
  logout.issuer = options.issuer;
  const auto told =
      static_cast<std::size_t>(std::ranges::count_if(options.clients, [](const Client& client) {
        return client.cluster == nullptr && !client.backchannel_logout_uri.empty();
      }));
  logout.share = std::max<std::size_t>(1, logout.limit / std::max<std::size_t>(1, told));
  return logout;
}

}  // namespace

Provider::Impl::Impl(ProviderOptions o, ProviderDependencies d)
    : options(std::move(o)),
      sessions(*d.sessions),
      keys(*d.keys),
      pages(*d.pages),
      workloads(d.workloads),
      sign_in_flow(d.sign_in),
      clients(options.clients),
      codes(*d.master, options.issuer),
      refresh_tokens(*d.master),
      resume_sealer(*d.master, "authorize-resume"),
      pushed(options.pushed),
      devices(options.devices),
      logout(for_issuer(options), std::move(d.fetch), *d.keys, sessions.random(), sessions.clock()),
      jwks_cache_control("public, max-age=" +
                         std::to_string(sessions.values().jwks_max_age.count())) {
  discovery_json = make_discovery();
  script_origins = script_origins_of(options.clients);
  for (const Client& client : options.clients) {
    for (const char* grant : {"authorization_code", "refresh_token", "device_code",
                              "token_exchange", "workload", "password"})
      issued[client.id][grant] = &tokens_issued(client.id, grant);
  }
  for (const char* error : {"invalid_request", "invalid_client", "invalid_grant", "server_error"})
    refusals(error);
  sessions.on_ended([this](const std::vector<store::Live>& ended, std::string_view reason,
                           const net::Executor& executor) {
    // Who gives a token back knows that it is over.
    if (reason == session::kRevokedByClient) return;
    for (const store::Live& live : ended) {
      const Client* client = live.session.kind == store::SessionKind::client
                                 ? clients.find(live.session.client_id)
                                 : nullptr;
      if (client != nullptr) logout.notify(*client, live, executor);
    }
  });
}

Provider::Provider(ProviderOptions options, ProviderDependencies dependencies)
    : impl_(std::make_unique<Impl>(std::move(options), dependencies)) {}
Provider::~Provider() = default;

Task<void> Provider::drain(net::Deadline deadline) const {
  constexpr Millis kLookEvery{10};
  while (impl_->logout.in_hand() > 0 && std::chrono::steady_clock::now() < deadline)
    co_await net::sleep_until(net::in(kLookEvery));
}

const std::string& Provider::issuer() const {
  return impl_->options.issuer;
}

void Provider::mount(http::Router& router) {
  Impl* impl = impl_.get();
  const std::string& path = impl->options.path;
  const auto add = [&](std::vector<std::string> methods, std::string_view name,
                       Task<http::Response> (Impl::*endpoint)(http::Request&)) {
    router.route(std::move(methods), path + std::string(name),
                 [impl, endpoint](http::Request& request) { return (impl->*endpoint)(request); });
  };
  const auto ready = [](http::Response response) -> Task<http::Response> { co_return response; };
  // Those that scripts may call as well.
  const auto add_open = [&](std::vector<std::string> methods, std::string_view name,
                            Impl::Endpoint endpoint) {
    router.route(std::move(methods), path + std::string(name),
                 [impl, endpoint](http::Request& request) {
                   return request.headers.get("origin") ? impl->for_scripts(request, endpoint)
                                                        : (impl->*endpoint)(request);
                 });
    router.route({"OPTIONS"}, path + std::string(name),
                 [impl, ready](http::Request& request) { return ready(impl->preflight(request)); });
  };
  add({"GET"}, "/auth", &Impl::authorize);
  add({"POST"}, "/auth", &Impl::posted_authorize);
  add({"POST"}, "/consent", &Impl::consent);
  add({"POST"}, "/par", &Impl::push_request);
  add({"POST"}, "/device", &Impl::authorize_device);
  add({"POST"}, "/introspect", &Impl::introspect);
  add_open({"POST"}, "/token", &Impl::token);
  add_open({"GET", "POST"}, "/userinfo", &Impl::userinfo);
  add_open({"POST"}, "/revoke", &Impl::revoke);
  add({"GET", "POST"}, "/end_session", &Impl::end_session);
  router.route({"GET"}, path + "/.well-known/openid-configuration",
               [impl, ready](http::Request&) { return ready(impl->discovery()); });
  router.route({"GET"}, path + "/certs",
               [impl, ready](http::Request&) { return ready(impl->jwks()); });
}

http::Response redirect(std::string location) {
  http::Response response;
  response.status = 303;  // never 307: a POST's body must not travel on (RFC 9700 §4.12)
  response.headers = {{"location", std::move(location)},
                      {"cache-control", "no-store"},
                      {"referrer-policy", "no-referrer"}};
  return response;
}

http::Response Provider::Impl::as_get(const http::Request& request, std::string_view name,
                                      const text::Form& form) const {
  std::string target = options.path + std::string(name) + '?' + form.encode();
  if (target.size() > options.max_target_bytes) {
    return pages.error_page(
        request,
        Error(http::Errc::body_too_large,
              "The application's request is over " + std::to_string(options.max_target_bytes) +
                  " bytes. It must ask for less, or push its requests (RFC 9126)."));
  }
  return redirect(std::move(target));
}

http::Response Provider::Impl::unreadable(const http::Request& request,
                                          const OAuthError& error) const {
  if (error.status == 413) {
    return pages.error_page(
        request, Error(http::Errc::body_too_large, "The application's request is over " +
                                                       std::to_string(kMaxFormBytes) + " bytes."));
  }
  if (error.status == 408 || error.status == 503) {
    return pages.error_page(
        request, Error(error.status == 408 ? http::Errc::timed_out : http::Errc::unavailable,
                       error.description));
  }
  return pages.error_page(request, Error(Errc::malformed_request, error.description));
}

Task<std::expected<text::Form, OAuthError>> read_form(http::Request& request) {
  const auto bad = [](std::string why, int status = 400) {
    return std::unexpected(OAuthError{"invalid_request", std::move(why), status});
  };
  const std::string_view type = request.headers.get("content-type").value_or("");
  if (!text::iequals_ascii(type.substr(0, type.find(';')), "application/x-www-form-urlencoded")) {
    co_return bad("the body must be application/x-www-form-urlencoded", 415);
  }
  auto body = co_await http::read_all(*request.body, kMaxFormBytes);
  if (!body) {
    const int status = http::status_of(body.error().code());
    if (status == 503)
      co_return std::unexpected(
          OAuthError{"temporarily_unavailable", body.error().message(), status});
    co_return bad("the body could not be read", status);
  }
  auto form = text::Form::parse(*body);
  if (!form) co_return bad("the body is not a valid form");
  if (const auto repeated = form->repeated())
    co_return bad("parameter given more than once: " + *repeated);
  co_return std::move(*form);
}

Result<void> Provider::Impl::check_access(const Client& client,
                                          const identity::Principal& principal) const {
  if (principal.in_any(client.az_groups)) return {};
  std::string wanted;
  for (const std::string& group : client.az_groups) wanted += (wanted.empty() ? "" : ", ") + group;
  return fail(session::Errc::not_allowed, client.label + " is for members of: " + wanted);
}

void Provider::Impl::count_token(const Client& client, std::string_view grant) const {
  const auto of_client = issued.find(client.id);
  if (of_client == issued.end()) return;
  const auto counter = of_client->second.find(grant);
  if (counter != of_client->second.end()) counter->second->add();
}

http::Response Provider::Impl::refused(const Client* client, OAuthError error,
                                       const session::Caller& caller) const {
  refusals(error.code).add();
  log::audit("token_refused", {{"client", client != nullptr ? std::string_view(client->id) : ""},
                               {"reason", error.code},
                               {"detail", error.description},
                               {"address", caller.address},
                               {"request", caller.request_id},
                               {"trace", caller.trace.trace_id()}});
  return to_response(error);
}

Task<std::expected<Provider::Impl::ClientCall, http::Response>> Provider::Impl::client_call(
    http::Request& request, std::string endpoint) {
  auto form = co_await read_form(request);
  if (!form) co_return std::unexpected(to_response(form.error()));
  const auto client = clients.authenticate(request, *form);
  if (client) co_return ClientCall{**client, std::move(*form)};
  http::Response response = to_response(client.error());
  if (response.status == 401)
    response.headers.add("www-authenticate", "Basic realm=\"" + endpoint + '"');
  co_return std::unexpected(std::move(response));
}

http::Response Provider::Impl::turned_away(const ClientCall& call, const char* what,
                                           const Error& why, Seconds until,
                                           const session::Caller& caller) const {
  log::warn(what, {{"client", call.client.id},
                   {"reason", why.message()},
                   {"address", caller.address},
                   {"request", caller.request_id}});
  http::Response response = to_response({"temporarily_unavailable", why.message(), 429});
  response.headers.add("retry-after", std::to_string(until.count()));
  return response;
}

Result<jose::VerifiedJwt> Provider::Impl::verify_hint(std::string_view token) const {
  const auto parsed = TRY(jose::UnverifiedJwt::parse(token));
  jose::Expectations expected;
  expected.issuer = options.issuer;
  expected.allow_expired = true;
  expected.types = {"JWT"};
  auto verified = TRY(jose::Verifier::verify(parsed, keys.snapshot()->published, expected, now()));
  const std::string* use = verified.string_claim("token_use");
  if (use == nullptr || *use != "id") return fail(jose::Errc::wrong_type, "not an ID token");
  return verified;
}

}  // namespace openunison::oidc
