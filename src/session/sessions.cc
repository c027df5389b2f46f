// SPDX-License-Identifier: Apache-2.0
#include "session/sessions.h"

#include <algorithm>

#include "base/base64.h"
#include "base/log.h"
#include "base/metrics.h"
#include "crypto/hash.h"
#include "session/reread.h"
#include "text/cookie.h"
#include "text/utf8.h"

namespace openunison::session {
namespace {

constexpr std::size_t kTokenBytes = 32, kTokenCharacters = 43;
constexpr Millis kRereadWait{2'000};
constexpr Seconds kTouchEvery{60};
constexpr std::size_t kSweepRows = 200;
constexpr std::size_t kMaxSessionsOfSignIn = 200;
constexpr const char* kOver = "this session is over; sign in again at the portal";

std::unexpected<Error> stale_upstream() {
  return fail(Errc::upstream_stale,
              "the identity provider could not be asked for too long; try again in a minute");
}

std::string hash_of(std::string_view cookie_value) {
  return std::string(crypto::view(crypto::sha256(cookie_value)));
}

std::string_view kind_name(store::SessionKind kind) {
  return kind == store::SessionKind::web ? "web" : "client";
}

metrics::Counter& refreshes(const char* outcome) {
  return metrics::counter("openunison_refreshes_total",
                          "Refresh tokens presented, by what came of them.",
                          {{"outcome", outcome}});
}

metrics::Gauge& living(store::SessionKind kind) {
  return metrics::gauge("openunison_sessions",
                        "Sessions in the store, and those that are over and not yet removed.",
                        {{"kind", std::string(kind_name(kind))}});
}

metrics::Counter& opened(store::SessionKind kind) {
  return metrics::counter("openunison_sessions_opened_total", "Sessions opened.",
                          {{"kind", std::string(kind_name(kind))}});
}

metrics::Counter& ended(store::SessionKind kind, std::string_view reason) {
  return metrics::counter(
      "openunison_sessions_ended_total", "Sessions ended before their time, by reason.",
      {{"kind", std::string(kind_name(kind))}, {"reason", std::string(reason)}});
}

}  // namespace

Caller caller_of(const http::Request& request) {
  return {request.peer.ip, text::shortened(request.headers.get("user-agent").value_or(""), 256),
          request.id, request.trace};
}

identity::Connector* Connectors::find(std::string_view name) const {
  for (const auto& connector : all_) {
    if (connector->name() == name) return connector.get();
  }
  return nullptr;
}

struct Sessions::Impl {
  explicit Impl(Dependencies d)
      : dependencies(d),
        refresh_tokens(*d.master),
        access_tokens(*d.master),
        csrf_keys(d.master->derive("csrf")),
        rereader(d, [this](store::SignInId id, std::string reason) {
          return end_sign_in(id, std::move(reason));
        }) {
    opened(store::SessionKind::web);
    opened(store::SessionKind::client);
    for (const char* reason : {"sign_out", "admin", "backchannel_logout", "refresh_token_reuse"}) {
      ended(store::SessionKind::web, reason);
      ended(store::SessionKind::client, reason);
    }
  }

  WallTime now() const { return dependencies.clock->now(); }
  store::SessionStore& store() const { return *dependencies.store; }
  const config::Authentication& policy() const { return dependencies.values->authentication; }

  Result<Current> with_principal(store::Live live) const {
    auto principal = identity::Principal::from_text(live.sign_in.principal);
    if (!principal)
      return fail(store::Errc::unavailable,
                  "a stored sign-in can't be read: " + principal.error().message());
    return Current{std::move(live), std::move(*principal)};
  }

  Task<void> end_sign_in(store::SignInId id, std::string reason) {
    store::Selector selector;
    selector.sign_in = id;
    auto ended = co_await end(std::move(selector), std::move(reason), Caller{});
    if (!ended)
      log::error("a sign-in that must end could not be ended",
                 {{"reason", ended.error().message()}});
  }

  Task<Result<std::vector<store::Live>>> end(store::Selector selector, std::string reason,
                                             Caller caller) {
    auto ended = co_await store().end(std::move(selector), now());
    if (ended) co_await tell(*ended, std::move(reason), std::move(caller));
    co_return ended;
  }

  Task<void> tell(const std::vector<store::Live>& ended, std::string reason, Caller caller) {
    for (const store::Live& live : ended) audit_ended(live, reason, caller);
    if (ended.empty() || listeners.empty()) co_return;
    const net::Executor executor = co_await net::current_executor();
    for (const Ended& listener : listeners) listener(ended, reason, executor);
  }

  void audit_ended(const store::Live& live, std::string_view reason, const Caller& caller) const {
    ended(live.session.kind, reason).add();
    log::audit("session_ended", {{"user", live.sign_in.user},
                                 {"provider", live.sign_in.provider},
                                 {"session", live.session.id.text()},
                                 {"sign_in", live.sign_in.id.text()},
                                 {"kind", kind_name(live.session.kind)},
                                 {"client", live.session.client_id},
                                 {"reason", reason},
                                 {"address", caller.address},
                                 {"request", caller.request_id},
                                 {"trace", caller.trace.trace_id()}});
  }

  // Before anything is given out or replaced: asks the upstream about a person whom it hasn't
  // confirmed for too long. Errors: no_session, upstream_stale; store's.
  Task<Result<store::SignIn>> confirmed(store::SignInId id, http::TraceContext trace) {
    auto sign_in = co_await store().find_sign_in(id, now());
    if (sign_in && rereader.stale(*sign_in)) {
      co_await rereader.refresh(*sign_in, kRereadWait, std::move(trace));
      sign_in = co_await store().find_sign_in(id, now());
    }
    if (!sign_in) {
      if (!sign_in.error().is(store::Errc::not_found)) co_return sign_in;
      co_return fail(Errc::no_session, kOver);
    }
    if (rereader.stale(*sign_in)) co_return stale_upstream();
    co_return sign_in;
  }

  // The person behind a session whose token is replaced by now, asking the upstream again where
  // that is due. Whatever doesn't come of that, the answer must not be lost: the old claims go on.
  // Error: gone.
  Task<Result<Current>> freshen(store::Live live, http::TraceContext trace) {
    if (rereader.due(live.sign_in)) {
      co_await rereader.refresh(live.sign_in, kRereadWait, std::move(trace));
      auto sign_in = co_await store().find_sign_in(live.sign_in.id, now());
      if (sign_in) live.sign_in = std::move(*sign_in);
      if (!sign_in && sign_in.error().is(store::Errc::not_found)) {
        co_return fail(Errc::gone,
                       "the identity provider no longer vouches for this person; sign in again");
      }
    }
    co_return with_principal(std::move(live));
  }

  Task<Result<void>> end_redeemed(store::CodeId code, Caller caller) {
    auto session = co_await store().redeemed_by(code, now());
    if (!session) co_return std::unexpected(session.error());
    store::Selector selector;
    selector.session = *session;
    auto ended = co_await end(std::move(selector), "code_reuse", std::move(caller));
    if (!ended) co_return std::unexpected(ended.error());
    co_return Result<void>{};
  }

  // The answer to a refresh token from outside the grace window: the family lives on or ends, as
  // values say for its origin.
  Task<std::unexpected<Error>> refuse_stale(const store::Rotated& stale, const Caller& caller) {
    const store::Live& live = stale.live;
    reused.add();
    const bool pasted = live.session.origin == store::Origin::pasted;
    const bool revoke = pasted ? !policy().refuse_reuse_of_pasted : policy().revoke_reuse_of_others;
    log::audit("token_refused", {{"user", live.sign_in.user},
                                 {"client", live.session.client_id},
                                 {"session", live.session.id.text()},
                                 {"reason", "stale_refresh_token"},
                                 {"address", caller.address},
                                 {"request", caller.request_id},
                                 {"trace", caller.trace.trace_id()}});
    if (stale.ended) {
      const std::vector<store::Live> ended{live};
      co_await tell(ended, "refresh_token_unknown", caller);
    } else if (revoke) {
      store::Selector selector;
      selector.session = live.session.id;
      auto ended = co_await end(std::move(selector), "refresh_token_reuse", caller);
      if (!ended) co_return std::unexpected(ended.error());
    }
    co_return fail(Errc::stale_token, "this refresh token was replaced by a newer one");
  }

  // Room for one more session of this sign-in: of too many, the ones that were used longest ago
  // end. A browser that is signed in could else fill the store.
  Task<Result<void>> make_room(store::SignInId id, const Caller& caller) {
    store::Selector selector;
    selector.sign_in = id;
    auto lives = co_await store().list(std::move(selector), kMaxSessionsOfSignIn + 1, now());
    if (!lives) co_return std::unexpected(lives.error());
    if (lives->size() < kMaxSessionsOfSignIn) co_return Result<void>{};
    std::erase_if(*lives, [](const store::Live& live) {
      return live.session.kind != store::SessionKind::client;
    });
    const auto oldest = std::ranges::min_element(
        *lives, {}, [](const store::Live& live) { return live.session.last_used_at; });
    if (oldest == lives->end()) co_return Result<void>{};
    store::Selector one;
    one.session = oldest->session.id;
    auto ended = co_await end(std::move(one), "too_many_sessions", caller);
    if (!ended) co_return std::unexpected(ended.error());
    co_return Result<void>{};
  }

  Dependencies dependencies;
  std::vector<Ended> listeners;
  RefreshTokens refresh_tokens;
  AccessTokens access_tokens;
  std::vector<Secret> csrf_keys;
  Rereader rereader;
  metrics::Counter& rotated = refreshes("rotated");
  metrics::Counter& repeated = refreshes("repeated");
  metrics::Counter& reused = refreshes("reuse");
  metrics::Counter& refused = refreshes("refused");
  metrics::Gauge& living_web = living(store::SessionKind::web);
  metrics::Gauge& living_client = living(store::SessionKind::client);
};

Sessions::Sessions(Dependencies dependencies) : impl_(std::make_unique<Impl>(dependencies)) {}
Sessions::~Sessions() = default;

const config::Values& Sessions::values() const {
  return *impl_->dependencies.values;
}
const Clock& Sessions::clock() const {
  return *impl_->dependencies.clock;
}
crypto::Random& Sessions::random() {
  return *impl_->dependencies.random;
}

Seconds Sessions::client_idle(const store::SignIn& sign_in) const {
  return sign_in.recheckable ? impl_->policy().kubectl_idle : impl_->policy().web_idle;
}

// --- The browser ---

Task<Result<Sessions::Opened>> Sessions::open(identity::Identity identity,
                                              std::optional<Current> replaces, Caller caller) {
  const identity::Connector* connector = impl_->dependencies.connectors->find(identity.provider);
  if (connector == nullptr)
    co_return fail(Errc::unknown_provider, "no identity provider of that name");
  auto principal = identity::map_identity(identity, connector->settings(), values());
  if (!principal) co_return std::unexpected(principal.error());

  const WallTime now = impl_->now();
  store::SignIn sign_in;
  sign_in.id = random().id<store::SignInTag>();
  sign_in.provider = identity.provider;
  sign_in.subject = identity.subject;
  sign_in.user = principal->user;
  sign_in.principal = principal->to_text();
  sign_in.upstream_sid = identity.upstream_sid;
  if (identity.grant) sign_in.grant = impl_->rereader.seal(*identity.grant, sign_in.id);
  sign_in.address = caller.address;
  sign_in.user_agent = caller.user_agent;
  sign_in.authenticated_at = identity.authenticated_at;
  sign_in.created_at = sign_in.checked_at = now;
  sign_in.expires_at = now + impl_->policy().absolute_lifetime;
  sign_in.recheckable = identity.recheckable;

  const std::string cookie = random().token(kTokenBytes);
  store::Session session;
  session.id = random().id<store::SessionTag>();
  session.sign_in = sign_in.id;
  session.address = caller.address;
  session.user_agent = caller.user_agent;
  session.token_hash = hash_of(cookie);
  session.created_at = session.last_used_at = now;
  session.idle_limit = impl_->policy().web_idle;

  auto stored = co_await impl_->store().open(sign_in, session);
  if (!stored) co_return std::unexpected(stored.error());
  opened(session.kind).add();
  log::audit("sign_in", {{"user", sign_in.user},
                         {"provider", sign_in.provider},
                         {"address", caller.address},
                         {"session", session.id.text()},
                         {"sign_in", sign_in.id.text()},
                         {"groups", principal->groups.size()},
                         {"request", caller.request_id},
                         {"trace", caller.trace.trace_id()}});
  if (replaces) {
    store::Selector selector;
    selector.session = replaces->live.session.id;
    co_await impl_->end(std::move(selector), "replaced", caller);
  }
  co_return Opened{
      Current{store::Live{std::move(session), std::move(sign_in)}, std::move(*principal)},
      text::set_cookie(kSessionCookie, cookie, std::nullopt)};
}

Task<Result<std::optional<Current>>> Sessions::current(const http::Request& request) {
  const auto cookies = text::Cookies::parse(request.headers.joined("cookie"));
  const auto value = cookies.unique(kSessionCookie);
  if (!value || value->size() != kTokenCharacters) co_return std::optional<Current>();

  const WallTime now = impl_->now();
  auto live = co_await impl_->store().find_web(hash_of(*value), now);
  if (!live) {
    if (live.error().is(store::Errc::not_found)) co_return std::optional<Current>();
    co_return std::unexpected(live.error());
  }
  if (now - live->session.last_used_at >=
      std::min<Millis>(kTouchEvery, live->session.idle_limit / 4)) {
    co_await impl_->store().touch(live->session.id, now);
    live->session.last_used_at = now;
  }
  // In the background: a page doesn't wait for the upstream.
  if (impl_->rereader.due(live->sign_in))
    co_await impl_->rereader.refresh(live->sign_in, Millis::zero(), request.trace);
  auto current = impl_->with_principal(std::move(*live));
  if (!current) co_return std::unexpected(current.error());
  co_return std::optional<Current>(std::move(*current));
}

std::string Sessions::csrf_token(const Current& current) const {
  const auto mac =
      crypto::hmac_sha256(impl_->csrf_keys.front().reveal(), current.live.session.id.view());
  return base64url_encode(crypto::view(mac));
}

Result<void> Sessions::check_csrf(const Current& current, std::string_view token) const {
  bool good = false;
  for (const Secret& key : impl_->csrf_keys) {
    const auto mac = crypto::hmac_sha256(key.reveal(), current.live.session.id.view());
    good |= crypto::constant_time_equal(token, base64url_encode(crypto::view(mac)));
  }
  if (good) return {};
  return fail(Errc::bad_csrf,
              "this form was made for another session; reload the page and try again");
}

std::string Sessions::clear_cookie() {
  return text::set_cookie(kSessionCookie, "", Seconds(0));
}

// --- Refresh families ---

Task<Result<Sessions::Family>> Sessions::open_family(
    store::SignInId sign_in_id, FamilySpec spec,
    std::optional<store::SessionStore::Redemption> code, Caller caller) {
  auto sign_in = co_await impl_->confirmed(sign_in_id, caller.trace);
  if (!sign_in) co_return std::unexpected(sign_in.error());
  auto room = co_await impl_->make_room(sign_in_id, caller);
  if (!room) co_return std::unexpected(room.error());

  const WallTime now = impl_->now();
  store::Session session;
  session.id = random().id<store::SessionTag>();
  session.sign_in = sign_in_id;
  session.kind = store::SessionKind::client;
  session.origin = spec.origin;
  session.client_id = spec.holder.client_id;
  session.cluster = spec.cluster;
  session.scope = spec.scope;
  session.label = spec.label;
  session.address = caller.address;
  session.user_agent = caller.user_agent;
  session.created_at = session.last_used_at = now;
  session.idle_limit = spec.lasting ? impl_->policy().absolute_lifetime : client_idle(*sign_in);
  if (spec.unused_until) session.unused_until = *spec.unused_until;

  auto added = co_await impl_->store().add(session, code, now);
  if (!added) {
    if (added.error().is(store::Errc::already_used)) {
      auto ended = co_await impl_->end_redeemed(code->code, caller);
      if (!ended && !ended.error().is(store::Errc::not_found))
        co_return std::unexpected(ended.error());
      co_return fail(Errc::already_redeemed, "this code was used before");
    }
    if (added.error().is(store::Errc::not_found)) co_return fail(Errc::no_session, kOver);
    co_return std::unexpected(added.error());
  }

  opened(session.kind).add();
  Secret token = impl_->refresh_tokens.make(session.id, session.generation, spec.holder);
  auto current =
      co_await impl_->freshen(store::Live{std::move(session), std::move(*sign_in)}, caller.trace);
  if (!current) co_return std::unexpected(current.error());
  co_return Family{std::move(*current), std::move(token)};
}

Task<Result<void>> Sessions::end_redeemed(store::CodeId code, Caller caller) {
  auto ended = co_await impl_->end_redeemed(code, std::move(caller));
  if (!ended && !ended.error().is(store::Errc::not_found)) co_return ended;
  co_return Result<void>{};
}

Task<Result<Sessions::Family>> Sessions::rotate(std::string refresh_token, Holder holder,
                                                Permit permit, Caller caller) {
  const auto parsed = impl_->refresh_tokens.parse(refresh_token, holder);
  if (!parsed) {
    impl_->refused.add();
    co_return std::unexpected(parsed.error());
  }

  store::RotateRequest request;
  request.family = parsed->family;
  request.generation = parsed->generation;
  request.client_id = holder.client_id;
  request.grace = impl_->policy().grace_period;
  // What would be refused anyway must be so before the token is replaced: its holder gets no new
  // one with a refusal, and the old one is soon taken for stolen.
  request.permit = [impl = impl_.get(),
                    permit = std::move(permit)](const store::Live& live) -> Result<void> {
    if (impl->rereader.stale(live.sign_in)) return stale_upstream();
    const Seconds idle =
        live.sign_in.recheckable ? impl->policy().kubectl_idle : impl->policy().web_idle;
    if (impl->now() - live.session.last_used_at >= idle) return fail(Errc::no_session, kOver);
    return permit ? permit(live) : Result<void>{};
  };
  request.address = caller.address;
  request.user_agent = caller.user_agent;
  request.now = impl_->now();
  auto rotated = co_await impl_->store().rotate(request);
  if (!rotated && rotated.error().is(Errc::upstream_stale)) {
    auto live = co_await impl_->store().find(parsed->family, impl_->now());
    if (live) co_await impl_->rereader.refresh(std::move(live->sign_in), kRereadWait, caller.trace);
    request.now = impl_->now();
    rotated = co_await impl_->store().rotate(std::move(request));
  }
  if (!rotated) {
    impl_->refused.add();
    if (rotated.error().is(store::Errc::not_found)) co_return fail(Errc::no_session, kOver);
    co_return std::unexpected(rotated.error());
  }
  if (rotated->outcome == store::Rotated::Outcome::stale) {
    co_return co_await impl_->refuse_stale(*rotated, caller);
  }

  (rotated->outcome == store::Rotated::Outcome::rotated ? impl_->rotated : impl_->repeated).add();
  const store::Session& session = rotated->live.session;
  Secret token = impl_->refresh_tokens.make(session.id, session.generation, holder);
  auto current = co_await impl_->freshen(std::move(rotated->live), caller.trace);
  if (!current) co_return std::unexpected(current.error());
  co_return Family{std::move(*current), std::move(token)};
}

Task<Result<void>> Sessions::revoke_family(std::string refresh_token, Holder holder,
                                           Caller caller) {
  const auto parsed = impl_->refresh_tokens.parse(refresh_token, holder);
  if (!parsed) co_return std::unexpected(parsed.error());
  store::Selector selector;
  selector.session = parsed->family;
  auto ended = co_await impl_->end(std::move(selector), kRevokedByClient, std::move(caller));
  if (!ended && !ended.error().is(store::Errc::not_found)) co_return std::unexpected(ended.error());
  co_return Result<void>{};
}

// --- Access tokens ---

std::string Sessions::seal_access_token(const AccessToken& token) {
  return impl_->access_tokens.seal(token, random());
}

Task<Result<std::pair<AccessToken, Current>>> Sessions::open_access_token(std::string token) {
  auto opened = impl_->access_tokens.open(token, impl_->now());
  if (!opened) co_return std::unexpected(opened.error());
  auto current = co_await find(opened->session);
  if (!current) co_return std::unexpected(current.error());
  co_return std::pair(std::move(*opened), std::move(*current));
}

// --- Ending and listing ---

Task<Result<std::vector<store::Live>>> Sessions::end(store::Selector selector, std::string reason,
                                                     Caller caller) {
  return impl_->end(std::move(selector), std::move(reason), std::move(caller));
}

void Sessions::on_ended(Ended ended) {
  impl_->listeners.push_back(std::move(ended));
}

Task<Result<std::vector<Current>>> Sessions::list(store::Selector selector, std::size_t limit) {
  auto lives = co_await impl_->store().list(std::move(selector), limit, impl_->now());
  if (!lives) co_return std::unexpected(lives.error());
  std::vector<Current> result;
  result.reserve(lives->size());
  for (store::Live& live : *lives) {
    auto current = impl_->with_principal(std::move(live));
    if (!current) co_return std::unexpected(current.error());
    result.push_back(std::move(*current));
  }
  co_return result;
}

Task<Result<Current>> Sessions::find(store::SessionId id) {
  auto live = co_await impl_->store().find(id, impl_->now());
  if (!live) {
    if (live.error().is(store::Errc::not_found))
      co_return fail(Errc::no_session, "this session is over");
    co_return std::unexpected(live.error());
  }
  co_return impl_->with_principal(std::move(*live));
}

Task<Result<store::SignIn>> Sessions::find_sign_in(store::SignInId id) {
  auto sign_in = co_await impl_->store().find_sign_in(id, impl_->now());
  if (!sign_in && sign_in.error().is(store::Errc::not_found)) {
    co_return fail(Errc::no_session, "this sign-in is over");
  }
  co_return sign_in;
}

std::optional<std::string> Sessions::upstream_logout_url(const Current& current,
                                                         std::string_view return_to) {
  identity::Connector* connector =
      impl_->dependencies.connectors->find(current.live.sign_in.provider);
  if (connector == nullptr || connector->redirect() == nullptr) return std::nullopt;
  if (connector->settings().logout != config::UpstreamLogout::upstream) return std::nullopt;
  const auto grant = impl_->rereader.open(current.live.sign_in);
  return connector->redirect()->logout_url(grant ? *grant : identity::Grant{}, return_to);
}

Task<void> Sessions::sweep() {
  for (;;) {
    auto swept = co_await impl_->store().sweep(impl_->now(), kSweepRows);
    if (!swept) {
      log::warn("expired sessions could not be deleted", {{"reason", swept.error().message()}});
      co_return;
    }
    if (*swept == 0) break;
  }
  const auto counts = co_await impl_->store().count();
  if (!counts) co_return;
  impl_->living_web.set(static_cast<double>(counts->web));
  impl_->living_client.set(static_cast<double>(counts->client));
}

}  // namespace openunison::session
