// SPDX-License-Identifier: Apache-2.0
#include "session/sign_in.h"

#include <mutex>
#include <unordered_map>

#include "base/base64.h"
#include "base/log.h"
#include "base/metrics.h"
#include "crypto/hash.h"
#include "identity/error.h"
#include "identity/names.h"
#include "text/cookie.h"
#include "text/json.h"
#include "text/url.h"
#include "text/utf8.h"

namespace openunison::session {
namespace {

constexpr std::string_view kAttemptPrefix = "__Host-ou-attempt-";
constexpr std::string_view kFormCookie = "__Host-ou-form";
constexpr std::size_t kAttemptNameCharacters = 8;
constexpr std::size_t kMaxAttempts = 4;
constexpr std::size_t kMaxAttemptBytes = 1'536 * 4 / 3;  // sealed and base64url
constexpr Seconds kAttemptLife{600};
constexpr Seconds kDeferLife{60};
constexpr std::size_t kMaxLogoutTokens = 10'000;

struct Attempt {
  std::string provider, state, private_part, return_to;
  WallTime started;
};

std::string to_text(const Attempt& attempt) {
  std::string out;
  text::JsonWriter(out)
      .begin_object()
      .member("p", attempt.provider)
      .member("s", attempt.state)
      .member("a", attempt.private_part)
      .member("r", attempt.return_to)
      .member("t", attempt.started.time_since_epoch().count())
      .end_object();
  return out;
}

std::optional<Attempt> attempt_from(std::string_view text) {
  const auto json = text::Json::parse(text);
  if (!json) return std::nullopt;
  Attempt attempt;
  for (const auto& [name, into] :
       {std::pair{"p", &attempt.provider}, std::pair{"s", &attempt.state},
        std::pair{"a", &attempt.private_part}, std::pair{"r", &attempt.return_to}}) {
    const std::string* value = json->find_string(name);
    if (value == nullptr) return std::nullopt;
    *into = *value;
  }
  const text::Json* started = json->find("t");
  if (started == nullptr || started->integer() == nullptr) return std::nullopt;
  attempt.started = WallTime(Millis(*started->integer()));
  return attempt;
}

std::string attempt_cookie_name(std::string_view state) {
  return std::string(kAttemptPrefix) + std::string(state.substr(0, kAttemptNameCharacters));
}

// `outcome`: "signed_in", or the code of the error. `provider` is one of values, or "unknown": a
// name from an address must not become a label.
metrics::Counter& sign_ins(const identity::Connector* provider, std::string outcome) {
  return metrics::counter("openunison_sign_ins_total",
                          "Attempts to sign in that came to an end, by what came of them.",
                          {{"provider", provider != nullptr ? provider->name() : "unknown"},
                           {"outcome", std::move(outcome)}});
}

// What clusters would call this person, for the audit line of one who isn't let in, perhaps for
// what is in that name; "" where the provider sent none.
std::string user_of(const identity::Identity& identity, const config::IdentityProvider& provider) {
  const std::string* name = identity.claims.find_string(provider.claims.sub);
  if (name == nullptr) return {};
  return provider.username_prefix + identity::printable(*name, identity::kMaxSubjectBytes);
}

}  // namespace

std::string safe_return_to(std::string_view return_to) {
  const bool local = return_to.size() >= 1 && return_to.size() <= kMaxReturnTo &&
                     return_to[0] == '/' && !return_to.starts_with("//") &&
                     return_to.find('\\') == std::string_view::npos &&
                     text::valid_utf8(return_to) && !text::has_control(return_to);
  return local ? std::string(return_to) : "/";
}

struct SignInFlow::Impl {
  Impl(Sessions& s, Connectors& c, const crypto::MasterKey& master)
      : sessions(s),
        connectors(c),
        attempts(master, "sign-in-attempt"),
        deferred(master, "posted-callback"),
        form_keys(master.derive("sign-in-form")) {
    for (const auto& connector : connectors.all()) {
      for (const char* outcome : {"signed_in", "bad_attempt", "bad_response", "not_allowed"})
        sign_ins(connector.get(), outcome);
    }
  }

  Sessions& sessions;
  Connectors& connectors;
  crypto::Sealer attempts, deferred;
  std::vector<Secret> form_keys;
  std::mutex mutex;
  std::unordered_map<std::string, WallTime> seen_logout_tokens;  // provider ‖ jti → when it expires

  std::string callback_url(const identity::Connector& connector) const {
    return sessions.values().portal_origin() + connector.settings().callback;
  }

  std::string form_field(std::string_view cookie, const Secret& key) const {
    return base64url_encode(crypto::view(crypto::hmac_sha256(key.reveal(), cookie)));
  }

  Failed refused(Error error, std::string_view provider, std::string return_to,
                 const Caller& caller, std::vector<std::string> cookies,
                 std::string_view user = {}) const {
    sign_ins(connectors.find(provider), error.code().message()).add();
    log::audit("sign_in_refused", {{"provider", provider},
                                   {"user", text::shortened(user, 128)},
                                   {"reason", error.message()},
                                   {"code", error.code().message()},
                                   {"address", caller.address},
                                   {"request", caller.request_id},
                                   {"trace", caller.trace.trace_id()}});
    return Failed{std::move(error), std::string(provider), std::move(return_to),
                  std::move(cookies)};
  }

  // A logout token counts once. Errors: store's full; identity's bad_response.
  Result<void> remember_logout(const std::string& token, WallTime expires_at) {
    const std::lock_guard lock(mutex);
    const WallTime now = sessions.clock().now();
    if (seen_logout_tokens.size() >= kMaxLogoutTokens)
      std::erase_if(seen_logout_tokens, [now](const auto& entry) { return entry.second < now; });
    if (seen_logout_tokens.size() >= kMaxLogoutTokens)
      return fail(store::Errc::full, "too many logout tokens at once");
    if (!seen_logout_tokens.emplace(token, expires_at).second)
      return fail(identity::Errc::bad_response, "this logout token was used before");
    return {};
  }
  void forget_logout(const std::string& token) {
    const std::lock_guard lock(mutex);
    seen_logout_tokens.erase(token);
  }

  // What a logout token names: a session upstream, and where we know none of that sid (ID tokens
  // need not have one) or none is named, all that the account has. Error: store's.
  Task<Result<void>> end_named(std::string provider,
                               identity::RedirectConnector::LogoutNotice notice, Caller caller) {
    if (!notice.sid.empty()) {
      store::Selector selector;
      selector.upstream_sid = store::Selector::UpstreamSid{provider, notice.sid};
      auto ended = co_await sessions.end(std::move(selector), "backchannel_logout", caller);
      if (!ended) co_return std::unexpected(ended.error());
      if (!ended->empty() || notice.subject.empty()) co_return Result<void>{};
      // A sid of another sign-in than those we know by theirs must end nothing of these.
      store::Selector account;
      account.account = store::Selector::Account{provider, notice.subject};
      account.without_upstream_sid = true;
      auto also = co_await sessions.end(std::move(account), "backchannel_logout", caller);
      if (!also) co_return std::unexpected(also.error());
      co_return Result<void>{};
    }
    store::Selector selector;
    selector.account = store::Selector::Account{provider, notice.subject};
    auto ended = co_await sessions.end(std::move(selector), "backchannel_logout", caller);
    if (!ended) co_return std::unexpected(ended.error());
    co_return Result<void>{};
  }

  // Opens the session of a person whom the connector vouched for.
  Task<std::expected<Finished, Failed>> open(identity::Identity identity, std::string return_to,
                                             std::vector<std::string> cookies,
                                             const http::Request& request) {
    const std::string provider = identity.provider;
    const identity::Connector* connector = connectors.find(provider);
    const std::string user =
        connector != nullptr ? user_of(identity, connector->settings()) : std::string();
    const Caller caller = caller_of(request);
    auto former = co_await sessions.current(request);
    if (!former)
      co_return std::unexpected(
          refused(former.error(), provider, return_to, caller, std::move(cookies), user));
    auto opened = co_await sessions.open(std::move(identity), std::move(*former), caller);
    if (!opened)
      co_return std::unexpected(
          refused(opened.error(), provider, return_to, caller, std::move(cookies), user));
    sign_ins(connector, "signed_in").add();
    cookies.insert(cookies.begin(), opened->set_cookie);
    co_return Finished{std::move(*opened), std::move(return_to), std::move(cookies)};
  }
};

SignInFlow::SignInFlow(Sessions& sessions, Connectors& connectors, const crypto::MasterKey& master)
    : impl_(std::make_unique<Impl>(sessions, connectors, master)) {}
SignInFlow::~SignInFlow() = default;

Task<Result<SignInFlow::Started>> SignInFlow::start(Start start, const http::Request& request) {
  identity::Connector* connector = impl_->connectors.find(start.provider);
  if (connector == nullptr || connector->redirect() == nullptr) {
    co_return fail(Errc::unknown_provider, "no identity provider of that name");
  }
  Attempt attempt;
  attempt.provider = start.provider;
  attempt.state = impl_->sessions.random().token();
  attempt.return_to = safe_return_to(start.return_to);
  attempt.started = impl_->sessions.clock().now();

  identity::RedirectConnector::BeginRequest begin;
  begin.redirect_uri = impl_->callback_url(*connector);
  begin.state = attempt.state;
  begin.force = start.force || connector->settings().force_authentication;
  begin.select_account = start.select_account;
  begin.login_hint = start.login_hint;
  begin.acr_values = start.acr_values;
  auto begun = co_await connector->redirect()->begin(std::move(begin));
  if (!begun) co_return std::unexpected(begun.error());
  attempt.private_part = std::move(begun->attempt);

  const std::string sealed = impl_->attempts.seal(to_text(attempt), impl_->sessions.random());
  if (sealed.size() > kMaxAttemptBytes) {
    co_return fail(Errc::bad_attempt,
                   "the page to return to after signing in has too long an address");
  }
  Started started{std::move(begun->url),
                  {text::set_cookie(attempt_cookie_name(attempt.state), sealed, kAttemptLife)}};

  // At most four at once: the browser keeps the others, we drop what is over that or too old.
  const auto cookies =
      text::Cookies::parse(request.headers.joined("cookie")).with_prefix(kAttemptPrefix);
  std::size_t kept = 1;
  for (const auto& [name, value] : cookies) {
    const auto plain = impl_->attempts.open(value);
    const auto other = plain ? attempt_from(*plain) : std::nullopt;
    const bool fresh = other && impl_->sessions.clock().now() - other->started < kAttemptLife;
    if (!fresh || ++kept > kMaxAttempts)
      started.set_cookies.push_back(text::set_cookie(name, "", Seconds(0)));
  }
  co_return started;
}

std::string SignInFlow::defer_posted_callback(const std::string& callback_path,
                                              const text::Form& parameters) {
  const std::string plain =
      std::to_string(impl_->sessions.clock().now().time_since_epoch().count()) + "&" +
      parameters.encode();
  return text::add_query(callback_path, "posted",
                         impl_->deferred.seal(plain, impl_->sessions.random()));
}

Task<std::expected<SignInFlow::Finished, SignInFlow::Failed>> SignInFlow::finish(
    std::string provider, text::Form parameters, const http::Request& request) {
  const Caller caller = caller_of(request);
  const auto bad = [&](const char* why, std::vector<std::string> cookies = {}) {
    return std::unexpected(
        impl_->refused(Error(Errc::bad_attempt, why), provider, "/", caller, std::move(cookies)));
  };
  identity::Connector* connector = impl_->connectors.find(provider);
  if (connector == nullptr || connector->redirect() == nullptr) {
    co_return std::unexpected(
        impl_->refused(Error(Errc::unknown_provider, "no identity provider of that name"), provider,
                       "/", caller, {}));
  }
  if (const auto sealed = parameters.get("posted")) {
    const auto plain = impl_->deferred.open(*sealed);
    const std::size_t split = plain ? plain->find('&') : std::string::npos;
    if (split == std::string::npos) co_return bad("this sign-in was not started here");
    const WallTime posted{Millis(std::strtoll(plain->c_str(), nullptr, 10))};
    if (impl_->sessions.clock().now() - posted > kDeferLife)
      co_return bad("this sign-in took too long; start again");
    auto opened = text::Form::parse(std::string_view(*plain).substr(split + 1));
    if (!opened) co_return bad("the identity provider's answer can't be read");
    parameters = std::move(*opened);
  }
  if (const auto repeated = parameters.repeated())
    co_return bad("the identity provider's answer repeats a parameter");

  const std::string_view state = parameters.value("state");
  const auto cookies = text::Cookies::parse(request.headers.joined("cookie"));
  const auto cookie = state.size() >= kAttemptNameCharacters
                          ? cookies.unique(attempt_cookie_name(state))
                          : std::nullopt;
  if (!cookie) {
    co_return bad(
        "no sign-in was started in this browser, or its cookies are blocked, or it is older than "
        "ten minutes");
  }
  std::vector<std::string> removal{text::set_cookie(attempt_cookie_name(state), "", Seconds(0))};
  const auto plain = impl_->attempts.open(*cookie);
  const auto attempt = plain ? attempt_from(*plain) : std::nullopt;
  if (!attempt || attempt->provider != provider ||
      !crypto::constant_time_equal(attempt->state, state)) {
    co_return bad("this sign-in was not started in this browser", std::move(removal));
  }
  if (impl_->sessions.clock().now() - attempt->started > kAttemptLife) {
    co_return bad("this sign-in took longer than ten minutes; start again", std::move(removal));
  }

  identity::RedirectConnector::FinishRequest finish;
  finish.parameters = std::move(parameters);
  finish.attempt = attempt->private_part;
  finish.redirect_uri = impl_->callback_url(*connector);
  finish.trace = request.trace;
  auto identity = co_await connector->redirect()->finish(std::move(finish));
  if (!identity) {
    co_return std::unexpected(
        impl_->refused(identity.error(), provider, attempt->return_to, caller, std::move(removal)));
  }
  co_return co_await impl_->open(std::move(*identity), attempt->return_to, std::move(removal),
                                 request);
}

SignInFlow::FormToken SignInFlow::form_token(const http::Request& request) {
  const auto cookies = text::Cookies::parse(request.headers.joined("cookie"));
  const auto existing = cookies.unique(kFormCookie);
  const std::string cookie = existing && existing->size() == 43 ? std::string(*existing)
                                                                : impl_->sessions.random().token();
  return {impl_->form_field(cookie, impl_->form_keys.front()),
          text::set_cookie(kFormCookie, cookie, kAttemptLife)};
}

Task<std::expected<SignInFlow::Finished, SignInFlow::Failed>> SignInFlow::password(
    std::string provider, std::string user, Secret password, std::string form_field,
    std::string return_to, const http::Request& request) {
  const Caller caller = caller_of(request);
  return_to = safe_return_to(return_to);
  const auto cookies = text::Cookies::parse(request.headers.joined("cookie"));
  const auto cookie = cookies.unique(kFormCookie);
  bool genuine = false;
  for (const Secret& key : impl_->form_keys) {
    genuine |= cookie && crypto::constant_time_equal(form_field, impl_->form_field(*cookie, key));
  }
  if (!genuine) {
    co_return std::unexpected(impl_->refused(
        Error(Errc::bad_csrf, "the form is too old, or cookies are blocked; try again"), provider,
        return_to, caller, {}));
  }
  identity::Connector* connector = impl_->connectors.find(provider);
  if (connector == nullptr || connector->password() == nullptr) {
    co_return std::unexpected(
        impl_->refused(Error(Errc::unknown_provider, "no identity provider of that name"), provider,
                       return_to, caller, {}));
  }
  auto identity = co_await connector->password()->check(user, std::move(password), caller.address);
  if (!identity) {
    co_return std::unexpected(
        impl_->refused(identity.error(), provider, return_to, caller, {}, user));
  }
  co_return co_await impl_->open(std::move(*identity), std::move(return_to), {}, request);
}

Task<Result<Current>> SignInFlow::password_of_program(std::string user, Secret password,
                                                      Caller caller) {
  identity::Connector* connector = nullptr;
  for (const auto& each : impl_->connectors.all()) {
    if (each->password() != nullptr) connector = each.get();
  }
  if (connector == nullptr) {
    co_return fail(Errc::unknown_provider,
                   "there are no built-in users here, and no password of "
                   "another provider is taken");
  }
  auto identity = co_await connector->password()->check(user, std::move(password), caller.address);
  if (!identity) {
    co_return std::unexpected(
        impl_->refused(identity.error(), connector->name(), {}, caller, {}, user).error);
  }
  const std::string name = user_of(*identity, connector->settings());
  auto opened = co_await impl_->sessions.open(std::move(*identity), std::nullopt, caller);
  if (!opened) {
    co_return std::unexpected(
        impl_->refused(opened.error(), connector->name(), {}, caller, {}, name).error);
  }
  sign_ins(connector, "signed_in").add();
  co_return std::move(opened->current);
}

Task<Result<void>> SignInFlow::backchannel_logout(std::string provider, std::string logout_token,
                                                  Caller caller) {
  identity::Connector* connector = impl_->connectors.find(provider);
  if (connector == nullptr || connector->redirect() == nullptr) {
    co_return fail(Errc::unknown_provider, "no identity provider of that name");
  }
  auto notice = co_await connector->redirect()->logout_token(std::move(logout_token));
  if (!notice) co_return std::unexpected(notice.error());
  const std::string seen = provider + '\n' + notice->jti;
  if (auto fresh = impl_->remember_logout(seen, notice->expires_at); !fresh)
    co_return std::unexpected(fresh.error());
  auto ended = co_await impl_->end_named(provider, *notice, caller);
  if (!ended) {
    // The provider will try again with the same token.
    impl_->forget_logout(seen);
    co_return std::unexpected(ended.error());
  }
  co_return Result<void>{};
}

}  // namespace openunison::session
