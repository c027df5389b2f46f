// SPDX-License-Identifier: Apache-2.0
#include "session/reread.h"

#include "base/log.h"
#include "base/metrics.h"
#include "identity/error.h"
#include "text/json.h"

namespace openunison::session {
namespace {

constexpr Millis kUpstreamDeadline{10'000};
constexpr Seconds kClockLeeway{60};
constexpr Millis kHoldOff{30'000};  // after a failure, before the same sign-in is tried again
constexpr std::size_t kMaxHeldOff = 100'000;  // then the table is emptied: some are tried early

metrics::Counter& rereads(const std::string& provider, const char* outcome) {
  return metrics::counter("openunison_upstream_rereads_total",
                          "Times a signed-in person's standing was asked of the identity provider.",
                          {{"provider", provider}, {"outcome", outcome}});
}

}  // namespace

Rereader::Rereader(const Dependencies& dependencies, End end)
    : dependencies_(dependencies),
      end_(std::move(end)),
      sealer_(*dependencies.master, "upstream-grant") {
  for (const auto& connector : dependencies.connectors->all()) {
    for (const char* outcome : {"confirmed", "gone", "failed"}) rereads(connector->name(), outcome);
  }
}

bool Rereader::due(const store::SignIn& sign_in) const {
  if (!sign_in.recheckable) return false;
  // Up to a tenth later, by the random id, so that what signed in together isn't asked for
  // together.
  const Millis interval = dependencies_.values->authentication.group_refresh;
  const Millis spread = interval / 10 * (sign_in.id.bytes[0] % 16) / 16;
  const Millis age = dependencies_.clock->now() - sign_in.checked_at;
  // Asked in the future: the clock was set back, and nobody knows how long ago it was.
  return age >= interval + spread || age < -kClockLeeway;
}

bool Rereader::stale(const store::SignIn& sign_in) const {
  // Either way: a clock that was set back by a day must not give a day without a check.
  const Millis age = dependencies_.clock->now() - sign_in.checked_at;
  return sign_in.recheckable &&
         std::chrono::abs(age) > dependencies_.values->authentication.upstream_stale_limit;
}

std::string Rereader::seal(const identity::Grant& grant, store::SignInId id) const {
  return sealer_.seal_raw(grant.to_json().dump(), *dependencies_.random, id.view());
}

Result<identity::Grant> Rereader::open(const store::SignIn& sign_in) const {
  if (sign_in.grant.empty()) return identity::Grant{};
  const std::string plain = TRY(sealer_.open_raw(sign_in.grant, sign_in.id.view()));
  const text::Json json = TRY(text::Json::parse(plain));
  return identity::Grant::from_json(json);
}

Task<void> Rereader::refresh(store::SignIn sign_in, Millis wait, http::TraceContext trace) {
  std::shared_ptr<net::Completion> done;
  bool starts = false;
  {
    const std::lock_guard lock(mutex_);
    const MonoTime now = dependencies_.clock->mono();
    const auto held = not_before_.find(sign_in.id);
    if (held != not_before_.end()) {
      if (now < held->second) co_return;
      not_before_.erase(held);
    }
    auto& slot = running_[sign_in.id];
    if (!slot) {
      slot = std::make_shared<net::Completion>();
      starts = true;
    }
    done = slot;
  }
  if (starts) {
    const net::Executor executor = co_await net::current_executor();
    net::Runtime::spawn_on(executor, run(std::move(sign_in), done, std::move(trace)));
  }
  if (wait > Millis::zero()) co_await done->wait(net::in(wait));
}

Task<void> Rereader::run(store::SignIn sign_in, std::shared_ptr<net::Completion> done,
                         http::TraceContext trace) {
  const store::SignInId id = sign_in.id;
  co_await reread(std::move(sign_in), std::move(trace));
  {
    const std::lock_guard lock(mutex_);
    running_.erase(id);
  }
  done->complete();
}

Task<void> Rereader::reread(store::SignIn sign_in, http::TraceContext trace) {
  identity::Connector* connector = dependencies_.connectors->find(sign_in.provider);
  if (connector == nullptr) {
    // The provider was taken out of values: nobody can vouch for this person any more.
    co_await end_(sign_in.id, "provider_removed");
    co_return;
  }

  // Also where the mark is there already: `sign_in` may be a copy from while another re-read ran,
  // whose grant is spent by now. The version tells.
  const bool unfinished_before = sign_in.reread_in_flight;
  sign_in.reread_in_flight = true;
  auto version = co_await dependencies_.store->update(sign_in, dependencies_.clock->now());
  if (!version) co_return;  // it has ended, changed, or can't be written: nothing was spent
  sign_in.version = *version;

  auto identity = co_await ask(*connector, sign_in, unfinished_before, trace);
  if (identity) {
    rereads(connector->name(), "confirmed").add();
    co_await accept(std::move(sign_in), std::move(*identity), *connector, std::move(trace));
    co_return;
  }
  const Error error = identity.error();
  if (error.is(identity::Errc::gone)) {
    rereads(connector->name(), "gone").add();
    co_await end_(sign_in.id, "upstream_gone");
    co_return;
  }
  rereads(connector->name(), "failed").add();
  hold_off(sign_in.id);
  log::warn("the identity provider could not confirm a person; the former claims go on",
            {{"provider", sign_in.provider},
             {"user", sign_in.user},
             {"reason", error.message()},
             {"trace", trace.trace_id()}});
  if (error.is(identity::Errc::throttled) && !unfinished_before) {
    sign_in.reread_in_flight = false;  // it was refused before the grant was looked at
    co_await dependencies_.store->update(sign_in, dependencies_.clock->now());
  }
}

Task<Result<identity::Identity>> Rereader::ask(identity::Connector& connector,
                                               const store::SignIn& sign_in, bool unfinished_before,
                                               http::TraceContext trace) {
  auto grant = open(sign_in);
  if (!grant)
    co_return fail(identity::Errc::unreachable,
                   "the stored grant can't be opened with OU_MASTER_KEY");
  const bool had_refresh_token = !grant->refresh_token.empty();
  identity::Grant without_refresh = *grant;
  without_refresh.refresh_token = Secret();

  auto first = co_await connector.reread(sign_in.subject, std::move(*grant),
                                         {net::in(kUpstreamDeadline), trace});
  if (first || !first.error().is(identity::Errc::gone) || !unfinished_before || !had_refresh_token)
    co_return first;

  // A former try may have spent the refresh token and lost the answer: that isn't a person who is
  // gone. Ask with the old access token; where that isn't possible either, the old claims go on
  // until the limit.
  if (without_refresh.access_token.empty() ||
      dependencies_.clock->now() >= without_refresh.access_expires_at) {
    co_return fail(identity::Errc::unreachable, "the grant was lost in an interrupted refresh");
  }
  co_return co_await connector.reread(sign_in.subject, std::move(without_refresh),
                                      {net::in(kUpstreamDeadline), std::move(trace)});
}

Task<void> Rereader::accept(store::SignIn sign_in, identity::Identity identity,
                            const identity::Connector& connector, http::TraceContext trace) {
  auto former = identity::Principal::from_text(sign_in.principal);
  // A refresh need not tell these again (OpenID Connect Core §12.2); they are of the sign-in.
  if (former) {
    identity.authenticated_at = former->authenticated_at;
    if (identity.amr.empty()) identity.amr = former->amr;
    if (identity.acr.empty()) identity.acr = former->acr;
  }
  auto principal = identity::map_identity(identity, connector.settings(), *dependencies_.values);
  if (!principal) {
    log::warn("a person may no longer sign in",
              {{"user", sign_in.user}, {"reason", principal.error().message()}});
    co_await end_(sign_in.id, "no_longer_allowed");
    co_return;
  }
  const bool changed =
      !former || former->groups != principal->groups || former->user != principal->user;
  if (changed) {
    log::audit("user_changed", {{"user", principal->user},
                                {"provider", sign_in.provider},
                                {"sign_in", sign_in.id.text()},
                                {"groups", principal->groups.size()},
                                {"trace", trace.trace_id()}});
  }
  sign_in.user = principal->user;
  sign_in.principal = principal->to_text();
  if (!identity.upstream_sid.empty()) sign_in.upstream_sid = identity.upstream_sid;
  if (identity.grant) sign_in.grant = seal(*identity.grant, sign_in.id);
  sign_in.recheckable = identity.recheckable;
  sign_in.checked_at = dependencies_.clock->now();
  sign_in.reread_in_flight = false;
  auto version = co_await dependencies_.store->update(sign_in, dependencies_.clock->now());
  if (!version && !version.error().is(store::Errc::not_found)) {
    hold_off(sign_in.id);
    log::error("a re-read could not be stored",
               {{"user", sign_in.user}, {"reason", version.error().message()}});
  }
}

void Rereader::hold_off(store::SignInId id) {
  const std::lock_guard lock(mutex_);
  if (not_before_.size() >= kMaxHeldOff) not_before_.clear();
  not_before_[id] = dependencies_.clock->mono() + kHoldOff;
}

}  // namespace openunison::session
