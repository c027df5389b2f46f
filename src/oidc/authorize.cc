// SPDX-License-Identifier: Apache-2.0
//
// The authorization endpoint (OpenID Connect Core §3.1.2). Stores nothing: a request that must wait
// for a sign-in travels along in the address that the sign-in returns to, with the time it first
// came
// (`ou_resume`, sealed), so that prompt=login and max_age are satisfied by a sign-in after it.
#include "base/log.h"
#include "crypto/hash.h"
#include "oidc/authorization_request.h"
#include "oidc/provider_impl.h"
#include "text/form.h"
#include "text/url.h"

namespace openunison::oidc {
namespace {

constexpr std::string_view kResume = "ou_resume";
constexpr std::size_t kMaxWaitingRequest = 1024;
constexpr Seconds kResumeLife{900};

// The query without `ou_resume`.
text::Form without_resume(const text::Form& form) {
  text::Form rest;
  for (const auto& [name, value] : form.fields()) {
    if (name != kResume) rest.add(name, value);
  }
  return rest;
}

std::string ascii_description(std::string_view text) {
  std::string out;
  for (const char c : text) out += c >= 0x20 && c < 0x7f && c != '"' && c != '\\' ? c : '\'';
  return out;
}

}  // namespace

// RFC 9207: every authorization response names the issuer.
static http::Response answer(
    const Provider::Impl& provider, std::string redirect_uri, std::string_view state,
    std::initializer_list<std::pair<std::string_view, std::string_view>> parameters) {
  std::string location = std::move(redirect_uri);
  for (const auto& [name, value] : parameters)
    location = text::add_query(std::move(location), name, value);
  if (!state.empty()) location = text::add_query(std::move(location), "state", state);
  return redirect(text::add_query(std::move(location), "iss", provider.options.issuer));
}

static http::Response answer_error(const Provider::Impl& provider, std::string redirect_uri,
                                   std::string_view state, const OAuthError& error) {
  return answer(
      provider, std::move(redirect_uri), state,
      {{"error", error.code}, {"error_description", ascii_description(error.description)}});
}

Task<http::Response> Provider::Impl::posted_authorize(http::Request& request) {
  // A cross-site POST comes without our Lax cookie; after a 303 to the same request as a GET it is
  // there again.
  auto form = co_await read_form(request);
  if (!form)
    co_return pages.error_page(request, Error(Errc::malformed_request, form.error().description));
  co_return redirect(options.path + "/auth?" + form->encode());
}

Task<http::Response> Provider::Impl::authorize(http::Request& request) {
  auto form = text::Form::parse(request.query);
  if (!form)
    co_return pages.error_page(request,
                               Error(Errc::malformed_request, "The address can't be read."));
  const text::Form parameters = without_resume(*form);

  auto parsed = parse_authorization(parameters, clients);
  if (const auto* error = std::get_if<Error>(&parsed)) co_return pages.error_page(request, *error);
  if (const auto* error = std::get_if<RedirectableError>(&parsed)) {
    co_return answer_error(*this, error->redirect_uri, error->state, error->error);
  }
  const auto& asked = std::get<AuthorizationRequest>(parsed);

  // When this request first came, if it has waited for a sign-in.
  std::optional<WallTime> waiting_since;
  if (const auto sealed = form->get(kResume)) {
    const auto hash = crypto::sha256(parameters.encode());
    const auto plain = resume_sealer.open(*sealed, crypto::view(hash));
    if (plain) {
      const WallTime since{Millis(std::strtoll(plain->c_str(), nullptr, 10))};
      if (now() - since < kResumeLife) waiting_since = since;
    }
  }

  auto current = co_await sessions.current(request);
  if (!current) {
    co_return answer_error(*this, asked.redirect_uri, asked.state, oauth_error(current.error()));
  }

  bool needs_sign_in = !*current;
  if (*current) {
    const store::SignIn& sign_in = (*current)->live.sign_in;
    // To the second, since `authenticated_at` may come from an upstream's auth_time.
    const bool signed_in_since =
        waiting_since &&
        std::max(sign_in.authenticated_at, sign_in.created_at) + Seconds(1) > *waiting_since;
    if (asked.prompt_login && !signed_in_since) needs_sign_in = true;
    if (asked.max_age && now() - sign_in.authenticated_at > *asked.max_age && !signed_in_since)
      needs_sign_in = true;
    if (!asked.id_token_hint.empty()) {
      const auto hint = verify_hint(asked.id_token_hint);
      const std::string* subject = hint ? hint->string_claim("sub") : nullptr;
      if (subject == nullptr || *subject != (*current)->principal.user) {
        if (asked.prompt_none || signed_in_since) {
          co_return answer_error(
              *this, asked.redirect_uri, asked.state,
              {"login_required", "somebody else is signed in than id_token_hint names", 400});
        }
        needs_sign_in = true;
      }
    }
  }

  if (needs_sign_in) {
    if (asked.prompt_none) {
      co_return answer_error(*this, asked.redirect_uri, asked.state,
                             {"login_required", "nobody is signed in", 400});
    }
    const std::string query = parameters.encode();
    if (query.size() > kMaxWaitingRequest) {
      co_return pages.error_page(request,
                                 Error(Errc::request_too_long,
                                       "The application's request is over 1 KiB and can't wait for "
                                       "you to sign in. Sign in at the "
                                       "portal first, then start again from the application."));
    }
    const WallTime since = waiting_since.value_or(now());
    const auto hash = crypto::sha256(query);
    const std::string resume = resume_sealer.seal(std::to_string(since.time_since_epoch().count()),
                                                  sessions.random(), crypto::view(hash));
    std::string return_to = text::add_query(options.path + "/auth?" + query, kResume, resume);
    std::string location = text::add_query("/auth/login", "return_to", return_to);
    if (asked.prompt_login || asked.max_age)
      location = text::add_query(std::move(location), "force", "1");
    if (!asked.login_hint.empty())
      location = text::add_query(std::move(location), "login_hint", asked.login_hint);
    co_return redirect(std::move(location));
  }

  const session::Current& person = **current;
  if (auto allowed = check_access(*asked.client, person.principal); !allowed) {
    log::audit("token_refused", {{"user", person.principal.user},
                                 {"client", asked.client->id},
                                 {"reason", "not_allowed"},
                                 {"address", request.peer.ip},
                                 {"request", request.id}});
    co_return answer_error(*this, asked.redirect_uri, asked.state, oauth_error(allowed.error()));
  }

  Code code;
  code.id = sessions.random().id<store::CodeTag>();
  code.sign_in = person.live.sign_in.id;
  code.client_id = asked.client->id;
  code.redirect_uri = asked.redirect_uri;
  code.scope = asked.scope;
  code.nonce = asked.nonce;
  code.challenge = asked.challenge;
  code.expires_at = now() + kCodeLife;
  co_return answer(*this, asked.redirect_uri, asked.state,
                   {{"code", codes.seal(code, sessions.random())}});
}

std::optional<session::ReturnTarget> Provider::describe(std::string_view return_to) const {
  const std::string prefix = impl_->options.path + "/auth?";
  if (!return_to.starts_with(prefix)) return std::nullopt;
  const auto form = text::Form::parse(return_to.substr(prefix.size()));
  if (!form) return std::nullopt;
  const auto parsed = parse_authorization(without_resume(*form), impl_->clients);
  const auto* asked = std::get_if<AuthorizationRequest>(&parsed);
  if (asked == nullptr) return std::nullopt;
  const auto url = text::Url::parse(asked->redirect_uri);
  if (!url) return std::nullopt;
  return session::ReturnTarget{asked->client->label, url->origin()};
}

}  // namespace openunison::oidc
