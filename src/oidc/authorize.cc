// SPDX-License-Identifier: Apache-2.0
//
// The authorization endpoint (OpenID Connect Core §3.1.2), and the question of prompt=consent.
// Stores nothing but what a client has pushed: a request that must wait for a sign-in travels along
// in the address that the sign-in returns to. With it goes `ou_resume`, sealed: when the request
// first came, so that prompt=login and max_age are satisfied by a sign-in after it, and whom its
// id_token_hint named, since a hint is too long to travel.
#include <algorithm>

#include "base/log.h"
#include "crypto/hash.h"
#include "oidc/provider_impl.h"
#include "text/url.h"
#include "text/words.h"

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

bool is_pushed(std::string_view request_uri) {
  return request_uri.starts_with(kPushedPrefix);
}

// Why the session that is there isn't enough; no code: it is.
OAuthError missing_of(const AuthorizationRequest& asked, const std::string& subject,
                      const std::optional<Waiting>& waited, const session::Current* current,
                      WallTime now) {
  if (current == nullptr) return {"login_required", "nobody is signed in"};
  const store::SignIn& sign_in = current->live.sign_in;
  const bool signed_in_since = waited && sign_in.created_at + Seconds(1) > waited->since;
  // An upstream may sign somebody in without asking for anything.
  const bool authenticated_since =
      signed_in_since && sign_in.authenticated_at + kClockLeeway > waited->since;
  const bool too_old = asked.max_age && now - sign_in.authenticated_at > *asked.max_age;
  if (!subject.empty() && subject != current->principal.user)
    return {"login_required", "somebody else is signed in than the request names"};
  if ((asked.prompt_login || too_old) && !authenticated_since) {
    return {"login_required", "the identity provider did not ask the person to authenticate again"};
  }
  if (asked.prompt_select_account && !signed_in_since)
    return {"login_required", "the person has to choose an account"};
  const auto& acr = asked.claims.acr;
  if (!acr.empty() && std::ranges::find(acr, current->principal.acr) == acr.end()) {
    return {"unmet_authentication_requirements",
            "the person did not authenticate in a way that the request accepts (acr)"};
  }
  return {};
}

}  // namespace

// Lives as long as the answer is made; `request` is the caller's.
struct Provider::Impl::Walk {
  http::Request& request;
  AuthorizationRequest asked;
  std::string query;  // the request in the form in which it waits: without id_token_hint
  std::optional<Waiting> waited;
  std::string subject;  // the only person that the answer may be about; empty: anybody
  bool consented = false;
};

http::Response Provider::Impl::answer(const http::Request& request, const ReturnAddress& to,
                                      Parameters parameters) const {
  if (!to.pushed.empty()) pushed.finish(to.pushed);
  if (!to.state.empty()) parameters.emplace_back("state", to.state);
  parameters.emplace_back("iss", options.issuer);
  if (to.mode == ResponseMode::form_post)
    return pages.form_post_page(request,
                                {to.redirect_uri, to.client->label, std::move(parameters)});
  std::string location = to.redirect_uri;
  for (const auto& [name, value] : parameters)
    location = text::add_query(std::move(location), name, value);
  return redirect(std::move(location));
}

http::Response Provider::Impl::answer_error(const http::Request& request, const ReturnAddress& to,
                                            const OAuthError& error) const {
  return answer(
      request, to,
      {{"error", error.code}, {"error_description", ascii_description(error.description)}});
}

Task<http::Response> Provider::Impl::posted_authorize(http::Request& request) {
  auto form = co_await read_form(request);
  if (!form) co_return unreadable(request, form.error());
  co_return as_get(request, "/auth", *form);
}

std::optional<text::Form> Provider::Impl::request_of(const text::Form& parameters,
                                                     bool resumed) const {
  const std::string_view uri = parameters.value("request_uri");
  if (!is_pushed(uri) || parameters.count("request_uri") != 1) return parameters;
  const std::string_view client = parameters.value("client_id");
  const MonoTime at = sessions.clock().mono();
  return resumed ? pushed.resume(uri, client, at) : pushed.use(uri, client, at);
}

Task<http::Response> Provider::Impl::authorize(http::Request& request) {
  auto form = text::Form::parse(request.query);
  if (!form)
    co_return pages.error_page(request,
                               Error(Errc::malformed_request, "The address can't be read."));
  co_return co_await authorize_form(request, std::move(*form), false);
}

Task<http::Response> Provider::Impl::authorize_form(http::Request& request, text::Form form,
                                                    bool consented) {
  const text::Form parameters = without(kResume, form);
  std::string query = without("id_token_hint", parameters).encode();
  const auto query_hash = crypto::sha256(query);
  std::optional<Waiting> waited;
  if (const auto sealed = form.get(kResume)) {
    const auto plain = resume_sealer.open(*sealed, crypto::view(query_hash));
    if (plain && !plain->empty()) waited = Waiting::from_text(*plain);
    if (waited && now() - waited->since >= kResumeLife) waited.reset();
  }

  const auto effective = request_of(parameters, waited.has_value());
  if (!effective) {
    co_return pages.error_page(
        request, Error(Errc::malformed_request,
                       "The application's request isn't known here any more (invalid_request_uri): "
                       "it was used before, has waited for too long, or this server was restarted "
                       "meanwhile. Start again from the application."));
  }
  auto parsed = parse_authorization(*effective, clients);
  if (const auto* error = std::get_if<Error>(&parsed)) co_return pages.error_page(request, *error);
  if (const auto* error = std::get_if<RedirectableError>(&parsed))
    co_return answer_error(request, error->to, error->error);
  auto& asked = std::get<AuthorizationRequest>(parsed);
  const std::string_view uri = parameters.value("request_uri");
  if (is_pushed(uri)) asked.to.pushed = uri;
  if (asked.client().must_push && asked.to.pushed.empty()) {
    co_return answer_error(request, asked.to,
                           {"invalid_request", "this client must push its requests (RFC 9126)"});
  }
  Walk walk{request, std::move(asked), std::move(query), waited, {}, consented};
  walk.subject = waited ? waited->subject : std::string();
  co_return co_await decide(std::move(walk));
}

Task<http::Response> Provider::Impl::decide(Walk walk) {
  const AuthorizationRequest& asked = walk.asked;
  http::Request& request = walk.request;
  const auto refuse = [&](const OAuthError& error) {
    return answer_error(request, asked.to, error);
  };
  if (!asked.id_token_hint.empty()) {
    const auto hint = verify_hint(asked.id_token_hint);
    const std::string* named = hint ? hint->string_claim("sub") : nullptr;
    // A hint that can't be verified (of a key long gone) says nothing; without a prompt that must
    // not pass for consent.
    if (named == nullptr && asked.prompt_none)
      co_return refuse({"login_required", "id_token_hint is no ID token of ours"});
    if (named != nullptr) walk.subject = *named;
  }
  if (!asked.claims.subject.empty()) {
    if (!walk.subject.empty() && walk.subject != asked.claims.subject)
      co_return refuse({"login_required", "id_token_hint and claims name different persons"});
    walk.subject = asked.claims.subject;
  }

  auto current = co_await sessions.current(request);
  if (!current) co_return refuse(oauth_error(current.error()));
  const session::Current* person = *current ? &**current : nullptr;
  const OAuthError missing = missing_of(asked, walk.subject, walk.waited, person, now());
  if (!missing.code.empty()) {
    const bool signed_in_since = person != nullptr && walk.waited &&
                                 person->live.sign_in.created_at + Seconds(1) > walk.waited->since;
    // A second sign-in would end the same way.
    if (signed_in_since || asked.prompt_none) co_return refuse(missing);
    co_return wait_for_sign_in(walk, person != nullptr);
  }

  if (auto allowed = check_access(asked.client(), person->principal); !allowed) {
    log::audit("token_refused", {{"user", person->principal.user},
                                 {"client", asked.client().id},
                                 {"reason", "not_allowed"},
                                 {"address", request.peer.ip},
                                 {"request", request.id},
                                 {"trace", request.trace.trace_id()}});
    co_return refuse(oauth_error(allowed.error()));
  }
  // Whoever listens at that address gets every cluster, and any page can send a browser here
  // (RFC 8252 §8.6); that somebody has just signed in doesn't say what for.
  const bool asks = asked.prompt_consent || asked.client().is_command_line;
  if (asks && !walk.consented) {
    if (asked.prompt_none) co_return refuse({"consent_required", "the person must be asked first"});
    co_return ask_for_consent(walk, *person);
  }

  Code code;
  code.id = sessions.random().id<store::CodeTag>();
  code.sign_in = person->live.sign_in.id;
  code.client_id = asked.client().id;
  code.redirect_uri = asked.to.redirect_uri;
  code.scope = asked.scope;
  code.nonce = asked.nonce;
  code.challenge = asked.challenge;
  code.expires_at = now() + kCodeLife;
  co_return answer(request, asked.to, {{"code", codes.seal(code, sessions.random())}});
}

std::string Provider::Impl::seal_waiting(const Walk& walk) const {
  const Waiting waiting{walk.waited ? walk.waited->since : now(), walk.subject};
  return resume_sealer.seal(waiting.to_text(), sessions.random(),
                            crypto::view(crypto::sha256(walk.query)));
}

http::Response Provider::Impl::wait_for_sign_in(const Walk& walk, bool somebody) const {
  const AuthorizationRequest& asked = walk.asked;
  if (walk.query.size() > kMaxWaitingRequest) {
    return pages.error_page(
        walk.request,
        Error(Errc::request_too_long,
              "The application's request is over 1 KiB and can't wait for you to sign "
              "in. Sign in at the portal first, then start again from the application; "
              "if that doesn't help, the application must ask for less, or push its requests."));
  }
  const std::string return_to =
      text::add_query(options.path + "/auth?" + walk.query, kResume, seal_waiting(walk));
  std::string location = text::add_query("/auth/login", "return_to", return_to);
  const bool choose = asked.prompt_select_account && !asked.prompt_login;
  // Who is signed in would otherwise be sent straight back here.
  if (choose) {
    location = text::add_query(std::move(location), "select_account", "1");
  } else if (somebody || asked.prompt_login || asked.max_age) {
    location = text::add_query(std::move(location), "force", "1");
  }
  if (!asked.login_hint.empty())
    location = text::add_query(std::move(location), "login_hint", asked.login_hint);
  std::string acr = asked.acr_values;
  for (const std::string& each : asked.claims.acr) {
    if (!text::has_word(acr, each)) acr += (acr.empty() ? "" : " ") + each;
  }
  if (!acr.empty()) location = text::add_query(std::move(location), "acr_values", acr);
  return redirect(std::move(location));
}

// --- The question before the answer: prompt=consent, kubectl oulogin ---

namespace {

std::vector<std::string> learns_of(std::string_view granted) {
  struct Word {
    std::string_view scope;
    const char* text;
  };
  static constexpr Word kWords[] = {
      {"openid", "your user name"},
      {"profile", "your name and profile"},
      {"email", "your mail address"},
      {"groups", "the groups that you are in"},
      {"address", "your postal address"},
      {"phone", "your telephone number"},
      {"offline_access", "all of this again later, for as long as you are signed in"}};
  std::vector<std::string> learns;
  for (const Word& word : kWords) {
    if (text::has_word(granted, word.scope)) learns.emplace_back(word.text);
  }
  for (std::size_t at = 0; at < granted.size();) {
    const std::size_t end = std::min(granted.find(' ', at), granted.size());
    const std::string_view each = granted.substr(at, end - at);
    at = end + 1;
    const std::size_t slash = each.find('/');
    if (slash == std::string_view::npos) continue;
    std::string text = "the claim " + std::string(each.substr(slash + 1));
    if (std::ranges::find(learns, text) == learns.end()) learns.push_back(std::move(text));
  }
  return learns;
}

}  // namespace

http::Response Provider::Impl::ask_for_consent(const Walk& walk,
                                               const session::Current& current) const {
  const auto url = text::Url::parse(walk.asked.to.redirect_uri);
  session::ConsentQuestion question;
  const Client& client = walk.asked.client();
  question.client = client.label;
  question.action = options.path + "/consent";
  question.origin = url ? url->origin() : "";
  question.is_command_line = client.is_command_line;
  if (!client.is_command_line) question.learns = learns_of(walk.asked.scope);
  question.fields = {{"request", walk.query}, {std::string(kResume), seal_waiting(walk)}};
  return pages.consent_page(walk.request, current, std::move(question));
}

// The answer to that page. The request goes its whole way once more, so that nothing in the form
// counts for more than it would in an address; only the CSRF token makes it consent.
Task<http::Response> Provider::Impl::consent(http::Request& request) {
  auto form = co_await read_form(request);
  auto asked = form ? text::Form::parse(form->value("request"))
                    : Result<text::Form>(fail(Errc::malformed_request, ""));
  if (!asked)
    co_return pages.error_page(request, Error(Errc::malformed_request, "The form can't be read."));
  auto current = co_await sessions.current(request);
  if (!current) co_return pages.error_page(request, current.error());
  if (!*current) {
    co_return pages.error_page(
        request, Error(session::Errc::no_session,
                       "Your session ended before this form was sent. Nothing was done."));
  }
  if (auto genuine = sessions.check_csrf(**current, form->value("csrf")); !genuine)
    co_return pages.error_page(request, genuine.error());
  const bool allowed = form->value("answer") == "allow";
  asked->add(std::string(kResume), std::string(form->value(kResume)));
  log::audit("consent", {{"user", (*current)->principal.user},
                         {"client", asked->value("client_id")},
                         {"answer", allowed ? "allow" : "deny"},
                         {"address", request.peer.ip},
                         {"request", request.id},
                         {"trace", request.trace.trace_id()}});
  if (allowed) co_return co_await authorize_form(request, std::move(*asked), true);

  const auto effective = request_of(without(kResume, *asked), true);
  const auto parsed =
      effective
          ? parse_authorization(*effective, clients)
          : ParsedAuthorization(Error(Errc::malformed_request, "The request has waited too long."));
  if (const auto* error = std::get_if<Error>(&parsed)) co_return pages.error_page(request, *error);
  const auto* refused = std::get_if<RedirectableError>(&parsed);
  ReturnAddress to = refused != nullptr ? refused->to : std::get<AuthorizationRequest>(parsed).to;
  if (is_pushed(asked->value("request_uri"))) to.pushed = asked->value("request_uri");
  co_return answer_error(request, to, {"access_denied", "the person said no", 403});
}

std::optional<session::ReturnTarget> Provider::describe(std::string_view return_to) const {
  const std::string prefix = impl_->options.path + "/auth?";
  if (!return_to.starts_with(prefix)) return std::nullopt;
  const auto form = text::Form::parse(return_to.substr(prefix.size()));
  if (!form) return std::nullopt;
  text::Form parameters = without(kResume, *form);
  const std::string_view uri = parameters.value("request_uri");
  if (is_pushed(uri)) {
    auto pushed =
        impl_->pushed.look(uri, parameters.value("client_id"), impl_->sessions.clock().mono());
    if (!pushed) return std::nullopt;
    parameters = std::move(*pushed);
  }
  const auto parsed = parse_authorization(parameters, impl_->clients);
  const auto* asked = std::get_if<AuthorizationRequest>(&parsed);
  if (asked == nullptr) return std::nullopt;
  const auto url = text::Url::parse(asked->to.redirect_uri);
  if (!url) return std::nullopt;
  return session::ReturnTarget{asked->client().label, url->origin()};
}

}  // namespace openunison::oidc
