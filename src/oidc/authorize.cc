// SPDX-License-Identifier: Apache-2.0
//
// The authorization endpoint (OpenID Connect Core §3.1.2). Stores nothing: a request that must wait
// for a sign-in travels along in the address that the sign-in returns to. With it goes `ou_resume`,
// sealed: when the request first came, so that prompt=login and max_age are satisfied by a sign-in
// after it, and whom its id_token_hint named, since a hint is too long to travel.
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
// An upstream's auth_time is by its own clock.
constexpr Seconds kClockLeeway{60};

// The query without one of its parameters.
text::Form without(std::string_view dropped, const text::Form& form) {
  text::Form rest;
  for (const auto& [name, value] : form.fields()) {
    if (name != dropped) rest.add(name, value);
  }
  return rest;
}

// What a request that waits for a sign-in remembers.
struct Waiting {
  WallTime since;
  std::string subject;  // whom id_token_hint named; may be empty

  std::string to_text() const {
    return std::to_string(since.time_since_epoch().count()) + ' ' + subject;
  }
  static Waiting from_text(const std::string& text) {
    const std::size_t space = std::min(text.find(' '), text.size() - 1);
    return {WallTime(Millis(std::strtoll(text.c_str(), nullptr, 10))), text.substr(space + 1)};
  }
};

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
  const text::Form parameters = without(kResume, *form);

  auto parsed = parse_authorization(parameters, clients);
  if (const auto* error = std::get_if<Error>(&parsed)) co_return pages.error_page(request, *error);
  if (const auto* error = std::get_if<RedirectableError>(&parsed)) {
    co_return answer_error(*this, error->redirect_uri, error->state, error->error);
  }
  const auto& asked = std::get<AuthorizationRequest>(parsed);

  const std::string waiting_query = without("id_token_hint", parameters).encode();
  const auto waiting_hash = crypto::sha256(waiting_query);
  std::optional<Waiting> waited;
  if (const auto sealed = form->get(kResume)) {
    const auto plain = resume_sealer.open(*sealed, crypto::view(waiting_hash));
    if (plain && !plain->empty()) waited = Waiting::from_text(*plain);
    if (waited && now() - waited->since >= kResumeLife) waited.reset();
  }
  std::string subject = waited ? waited->subject : std::string();
  if (!asked.id_token_hint.empty()) {
    const auto hint = verify_hint(asked.id_token_hint);
    const std::string* named = hint ? hint->string_claim("sub") : nullptr;
    // A hint that can't be verified (of a key long gone) says nothing; without a prompt that must
    // not pass for consent.
    if (named == nullptr && asked.prompt_none) {
      co_return answer_error(*this, asked.redirect_uri, asked.state,
                             {"login_required", "id_token_hint is no ID token of ours", 400});
    }
    if (named != nullptr) subject = *named;
  }

  auto current = co_await sessions.current(request);
  if (!current) {
    co_return answer_error(*this, asked.redirect_uri, asked.state, oauth_error(current.error()));
  }

  // Why the session that is there isn't enough; empty: it is.
  std::string missing;
  bool signed_in_since = false;
  if (!*current) {
    missing = "nobody is signed in";
  } else {
    const store::SignIn& sign_in = (*current)->live.sign_in;
    signed_in_since = waited && sign_in.created_at + Seconds(1) > waited->since;
    // An upstream may sign somebody in without asking for anything.
    const bool authenticated_since =
        signed_in_since && sign_in.authenticated_at + kClockLeeway > waited->since;
    const bool too_old = asked.max_age && now() - sign_in.authenticated_at > *asked.max_age;
    if ((asked.prompt_login || too_old) && !authenticated_since)
      missing = "the identity provider did not ask the person to authenticate again";
    if (!subject.empty() && subject != (*current)->principal.user)
      missing = "somebody else is signed in than id_token_hint names";
  }

  if (!missing.empty()) {
    // A second sign-in would end the same way.
    if (asked.prompt_none || signed_in_since) {
      co_return answer_error(*this, asked.redirect_uri, asked.state,
                             {"login_required", missing, 400});
    }
    if (waiting_query.size() > kMaxWaitingRequest) {
      co_return pages.error_page(
          request, Error(Errc::request_too_long,
                         "The application's request is over 1 KiB and can't wait for you to sign "
                         "in. Sign in at the portal first, then start again from the application; "
                         "if that doesn't help, the application must ask for less."));
    }
    const Waiting waiting{waited ? waited->since : now(), subject};
    const std::string resume =
        resume_sealer.seal(waiting.to_text(), sessions.random(), crypto::view(waiting_hash));
    const std::string return_to =
        text::add_query(options.path + "/auth?" + waiting_query, kResume, resume);
    std::string location = text::add_query("/auth/login", "return_to", return_to);
    // Who is signed in would otherwise be sent straight back here.
    if (*current || asked.prompt_login || asked.max_age)
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
                                 {"request", request.id},
                                 {"trace", request.trace.trace_id()}});
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
  const auto parsed = parse_authorization(without(kResume, *form), impl_->clients);
  const auto* asked = std::get_if<AuthorizationRequest>(&parsed);
  if (asked == nullptr) return std::nullopt;
  const auto url = text::Url::parse(asked->redirect_uri);
  if (!url) return std::nullopt;
  return session::ReturnTarget{asked->client->label, url->origin()};
}

}  // namespace openunison::oidc
