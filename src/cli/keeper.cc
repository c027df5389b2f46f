// SPDX-License-Identifier: Apache-2.0
#include "cli/keeper.h"

#include <algorithm>
#include <thread>

#include "cli/machine.h"
#include "text/json.h"

namespace openunison::cli {
namespace {

constexpr std::string_view kOwnClient = "kubectl-oulogin";
// A refresh has ten seconds; several may have to follow each other.
constexpr Millis kPatience{40'000};
constexpr Millis kLookAgain{5};
constexpr Millis kLongestSkew{15'000};

// For telling the portal of what a new sign-in replaces; the request under way may end after it.
constexpr Millis kRevokingTime{5'000};

// Names of the tokens for the vault.
constexpr std::string_view kOwnToken = "sign-in";
std::string token_name(const std::string& cluster) {
  return "cluster " + cluster;
}

bool is_in_keyring(const KeptToken& token) {
  return !token.sealed.empty();
}

std::string seconds_of(Millis time) {
  return std::to_string(std::chrono::floor<Seconds>(time).count()) + " s";
}

}  // namespace

Result<FileLock> wait_for_lock(const std::string& file, const std::string& of, const Trace& trace) {
  const auto begun = std::chrono::steady_clock::now();
  const auto taken = [&] { return std::chrono::steady_clock::now() - begun; };
  for (bool first = true;; first = false) {
    auto lock = FileLock::try_take(file);
    if (!lock) return fail(Errc::state, lock.error().message());
    if (*lock) {
      const auto waited = std::chrono::duration_cast<Millis>(taken());
      trace.say("lock of " + of + ": " +
                (first ? "free" : "got after " + std::to_string(waited.count()) + " ms"));
      return std::move(**lock);
    }
    if (first) trace.say("lock of " + of + ": another process has it, waiting");
    if (taken() >= kPatience)
      return fail(Errc::busy, "another kubectl-oulogin holds " + file + " for too long");
    std::this_thread::sleep_for(kLookAgain);
  }
}

Millis least_left(Seconds life) {
  return std::min(kLongestSkew, Millis(life) / 4);
}

bool is_fresh(const Credential& credential, const BootTime& now) {
  const auto left = credential.left(now);
  return left && *left >= least_left(credential.life);
}

std::string exec_credential(const Credential& credential, const BootTime& boot, WallTime now) {
  const Millis left = credential.left(boot).value_or(Millis(0));
  const Millis early = least_left(credential.life) * 2 / 3;
  const WallTime stamp = now + std::max(left - early, Millis(1'000));
  std::string out;
  text::JsonWriter(out)
      .begin_object()
      .member("apiVersion", "client.authentication.k8s.io/v1")
      .member("kind", "ExecCredential")
      .key("status")
      .begin_object()
      .member("expirationTimestamp", rfc3339(stamp))
      .member("token", credential.id_token.reveal())
      .end_object()
      .end_object();
  return out + "\n";
}

Keeper::Keeper(net::Runtime& runtime, const State& state, const BootClock& clock, Connect connect,
               Vault vault, Trace trace)
    : runtime_(runtime),
      state_(state),
      clock_(clock),
      connect_(std::move(connect)),
      vault_(std::move(vault)),
      trace_(std::move(trace)) {}

Result<FileLock> Keeper::lock(const Host& host) const {
  return wait_for_lock(state_.lock_file(host), host.text(), trace_);
}

Result<SignIn> Keeper::sign_in_of(const Host& host) const {
  auto sign_in = TRY(state_.sign_in(host));
  if (!sign_in || sign_in->refresh_token.empty())
    return fail(Errc::sign_in_needed, "you aren't signed in at " + host.text());
  return std::move(*sign_in);
}

Result<PortalClient*> Keeper::client(const SignIn& sign_in) {
  if (!client_) client_ = TRY(connect_(sign_in.authority_pem));
  return client_.get();
}

Result<Credential> Keeper::credential_of(const Host& host, const std::string& cluster,
                                         Tokens tokens, std::string issuer, std::string client_id,
                                         bool in_keyring) {
  Credential credential;
  credential.issuer = std::move(issuer);
  credential.client_id = std::move(client_id);
  credential.id_token = std::move(tokens.id_token);
  credential.refresh_token =
      TRY(vault_.close(host, token_name(cluster), tokens.refresh_token, in_keyring));
  credential.received = std::move(tokens.asked);
  credential.life = tokens.id_token_life;
  return credential;
}

Result<Credential> Keeper::credential(const Host& host, const std::string& cluster) {
  // A file that can't be read is written anew.
  auto kept = state_.credential(host, cluster);
  if (kept && *kept && is_fresh(**kept, clock_.now())) return std::move(**kept);
  TRY(sign_in_of(host));
  const FileLock held = TRY(lock(host));
  kept = state_.credential(host, cluster);
  if (kept && *kept && is_fresh(**kept, clock_.now())) {
    trace_.say("token of " + cluster + ": another process has fetched it");
    return std::move(**kept);
  }
  if (kept && *kept) {
    const auto left = (*kept)->left(clock_.now());
    trace_.say("token of " + cluster + ": " +
               (left ? seconds_of(*left) + " left" : std::string("of another boot")) +
               ", too little");
  } else {
    trace_.say("token of " + cluster + ": " + (kept ? "none is kept" : kept.error().message()));
  }
  return renew(host, cluster, kept ? std::move(*kept) : std::nullopt);
}

Result<Credential> Keeper::what_is_left(Credential kept, const Error& problem) const {
  const auto left = kept.left(clock_.now());
  if (!left || *left <= Millis(1'000)) return std::unexpected(problem);
  trace_.say("no new token (" + problem.message() + "): the kept one is used, " +
             seconds_of(*left) + " left");
  return kept;
}

Result<Credential> Keeper::renew(const Host& host, const std::string& cluster,
                                 std::optional<Credential> kept) {
  if (kept && !kept->refresh_token.empty()) {
    const SignIn sign_in = TRY(sign_in_of(host));
    // Before the portal is asked: what it replaces must find a place.
    const auto token = vault_.open(host, token_name(cluster), kept->refresh_token);
    if (!token && token.error().is(Errc::sign_in_needed)) return std::unexpected(token.error());
    if (!token) return what_is_left(std::move(*kept), token.error());
    PortalClient* const portal = TRY(client(sign_in));
    auto tokens = runtime_.block_on(
        portal->refresh(kept->issuer, kept->client_id, std::string(token->reveal())));
    if (tokens) {
      Credential renewed = TRY(credential_of(host, cluster, std::move(*tokens), kept->issuer,
                                             kept->client_id, is_in_keyring(kept->refresh_token)));
      TRY_VOID(state_.save(host, cluster, renewed));
      return renewed;
    }
    if (tokens.error().is(Errc::unreachable)) return what_is_left(std::move(*kept), tokens.error());
    if (!tokens.error().is(Errc::session_over)) return std::unexpected(tokens.error());
    trace_.say("session of " + cluster + ": over, exchanging the sign-in for another");
    TRY_VOID(state_.remove_credential(host, cluster));
  }
  return exchange(host, cluster);
}

Result<Credential> Keeper::exchange(const Host& host, const std::string& cluster) {
  const std::string token = TRY(renew_access(host));
  const SignIn sign_in = TRY(sign_in_of(host));
  const Account known = TRY(account_by(host, sign_in, token));
  PortalClient* const portal = TRY(client(sign_in));
  const auto found = std::ranges::find(known.clusters, cluster, &ClusterAccess::name);
  if (found == known.clusters.end())
    return fail(Errc::no_cluster, "the portal " + host.text() + " has no cluster " + cluster +
                                      " that " + known.user + " may use");
  Tokens tokens = TRY(runtime_.block_on(portal->exchange(*found, token)));
  Credential credential =
      TRY(credential_of(host, cluster, std::move(tokens), found->issuer, found->client_id,
                        is_in_keyring(sign_in.refresh_token)));
  TRY_VOID(state_.save(host, cluster, credential));
  return credential;
}

Result<std::string> Keeper::access_token(const Host& host) {
  TRY(sign_in_of(host));
  const FileLock held = TRY(lock(host));
  return renew_access(host);
}

Result<std::string> Keeper::renew_access(const Host& host) {
  if (obtained_ && obtained_->host == host) return obtained_->access_token;
  SignIn sign_in = TRY(sign_in_of(host));
  const Secret token = TRY(vault_.open(host, kOwnToken, sign_in.refresh_token));
  PortalClient* const portal = TRY(client(sign_in));
  auto tokens = runtime_.block_on(
      portal->refresh(sign_in.issuer, std::string(kOwnClient), std::string(token.reveal())));
  if (!tokens) {
    if (!tokens.error().is(Errc::session_over)) return std::unexpected(tokens.error());
    sign_in.refresh_token = {};
    TRY_VOID(state_.save(host, sign_in));
    return fail(Errc::sign_in_needed, "your sign-in at " + host.text() + " is over");
  }
  sign_in.refresh_token = TRY(
      vault_.close(host, kOwnToken, tokens->refresh_token, is_in_keyring(sign_in.refresh_token)));
  TRY_VOID(state_.save(host, sign_in));
  obtained_ = Obtained{host, std::move(tokens->access_token), std::nullopt};
  return obtained_->access_token;
}

Result<Account> Keeper::account_by(const Host& host, const SignIn& sign_in, std::string token) {
  if (obtained_ && obtained_->host == host && obtained_->account) return *obtained_->account;
  PortalClient* const portal = TRY(client(sign_in));
  Account account =
      TRY(runtime_.block_on(portal->account(sign_in.account_endpoint, std::move(token))));
  if (obtained_ && obtained_->host == host) obtained_->account = account;
  return account;
}

Result<Account> Keeper::account(const Host& host) {
  std::string token = TRY(access_token(host));
  return account_by(host, TRY(sign_in_of(host)), std::move(token));
}

Result<Tokens> Keeper::hand_over(const Host& host, const ClusterAccess& cluster) {
  std::string token = TRY(access_token(host));
  const SignIn sign_in = TRY(sign_in_of(host));
  PortalClient* const portal = TRY(client(sign_in));
  return runtime_.block_on(portal->exchange(cluster, std::move(token), KeptBy::kubectl));
}

Result<Keeping> Keeper::choose_keeping(const Host& host, std::optional<Storage> wish,
                                       bool is_desktop, std::function<void()> slow) {
  if (!wish) {
    const auto former = state_.sign_in(host);
    wish = former && *former ? (*former)->storage : Storage::automatic;
  }
  return Keeping{*wish, TRY(vault_.choose(host, *wish, is_desktop, std::move(slow)))};
}

Result<void> Keeper::unlock_keyring(const Host& host, std::function<void()> slow) {
  return vault_.unlock(host, std::move(slow));
}

Result<void> Keeper::keep(const Host& host, SignIn sign_in, const Keeping& keeping,
                          std::string access_token, Account account) {
  TRY_VOID(state_.make_folder_of(host));
  std::vector<Replaced> replaced;
  {
    const FileLock held = TRY(lock(host));
    replaced = replaced_tokens(host, sign_in);
    // Of another person perhaps; in any case of another sign-in.
    for (const std::string& cluster : state_.clusters(host))
      TRY_VOID(state_.remove_credential(host, cluster));
    obtained_ = Obtained{host, std::move(access_token), std::move(account)};
    sign_in.storage = keeping.wish;
    if (keeping.in_keyring) TRY_VOID(vault_.ensure_key(host));
    sign_in.refresh_token =
        TRY(vault_.close(host, kOwnToken, sign_in.refresh_token.plain, keeping.in_keyring));
    TRY_VOID(state_.save(host, sign_in));
  }
  revoke_replaced(sign_in, replaced);
  return {};
}

std::vector<Keeper::Replaced> Keeper::replaced_tokens(const Host& host, const SignIn& by) {
  const auto former = state_.sign_in(host);
  if (!former || !*former) return {};
  if ((*former)->authority_pem != by.authority_pem) client_.reset();
  if ((*former)->refresh_token.empty()) return {};
  std::vector<Replaced> replaced;
  const auto add = [&](std::string_view name, const KeptToken& kept, const std::string& issuer,
                       const std::string& client_id) {
    auto token = vault_.open(host, name, kept);
    if (token) replaced.push_back({issuer, client_id, std::move(*token)});
    return token.has_value();
  };
  // One that a keyring doesn't give tells that the others would be waited for in vain.
  if (!add(kOwnToken, (*former)->refresh_token, (*former)->issuer, std::string(kOwnClient)))
    return {};
  for (const std::string& cluster : state_.clusters(host)) {
    const auto kept = state_.credential(host, cluster);
    if (!kept || !*kept || (*kept)->refresh_token.empty()) continue;
    if (!add(token_name(cluster), (*kept)->refresh_token, (*kept)->issuer, (*kept)->client_id))
      break;
  }
  return replaced;
}

void Keeper::revoke_replaced(const SignIn& by, const std::vector<Replaced>& replaced) {
  if (replaced.empty()) return;
  const auto portal = client(by);
  if (!portal) return;
  const auto end = std::chrono::steady_clock::now() + kRevokingTime;
  for (const Replaced& each : replaced) {
    const auto told = runtime_.block_on(
        (*portal)->revoke(each.issuer, each.client_id, std::string(each.token.reveal())));
    trace_.say("former sign-in of " + each.client_id + ": " +
               (told ? "revoked" : "not revoked: " + told.error().message()));
    if ((!told && told.error().is(Errc::unreachable)) || std::chrono::steady_clock::now() >= end)
      return;
  }
}

Result<void> Keeper::keep_elsewhere(const Host& host, const Keeping& keeping) {
  TRY(sign_in_of(host));
  const FileLock held = TRY(lock(host));
  SignIn sign_in = TRY(sign_in_of(host));
  if (keeping.in_keyring) TRY_VOID(vault_.ensure_key(host));
  for (const std::string& cluster : state_.clusters(host)) {
    auto credential = state_.credential(host, cluster);
    if (!credential || !*credential) continue;
    KeptToken& kept = (*credential)->refresh_token;
    const Secret token = TRY(vault_.open(host, token_name(cluster), kept));
    kept = TRY(vault_.close(host, token_name(cluster), token, keeping.in_keyring));
    TRY_VOID(state_.save(host, cluster, **credential));
  }
  const Secret token = TRY(vault_.open(host, kOwnToken, sign_in.refresh_token));
  sign_in.refresh_token = TRY(vault_.close(host, kOwnToken, token, keeping.in_keyring));
  sign_in.storage = keeping.wish;
  TRY_VOID(state_.save(host, sign_in));
  return keeping.in_keyring ? Result<void>() : vault_.forget(host);
}

Result<void> Keeper::forget_key(const Host& host, const SignIn& sign_in) {
  if (sign_in.storage == Storage::file) return {};
  auto gone = vault_.forget(host);
  // With "auto" there may be no keyring at all; what was sealed with its key is gone in any case.
  return sign_in.storage == Storage::keyring ? gone : Result<void>();
}

Result<void> Keeper::end_at_portal(const Host& host, const SignIn& sign_in, bool all) {
  PortalClient* const portal = TRY(client(sign_in));
  if (all) {
    const auto token = renew_access(host);
    if (token) return runtime_.block_on(portal->sign_out(sign_in.sign_out_endpoint, *token));
    if (token.error().is(Errc::sign_in_needed)) return {};
    return std::unexpected(token.error());
  }
  Result<void> told;
  const auto revoke = [&](std::string_view name, const KeptToken& kept, const std::string& issuer,
                          const std::string& client_id) -> Result<void> {
    const Secret token = TRY(vault_.open(host, name, kept));
    return runtime_.block_on(portal->revoke(issuer, client_id, std::string(token.reveal())));
  };
  const auto note = [&](Result<void> result) {
    if (!result && told) told = std::move(result);
  };
  for (const std::string& cluster : state_.clusters(host)) {
    const auto credential = state_.credential(host, cluster);
    if (credential && *credential && !(*credential)->refresh_token.empty())
      note(revoke(token_name(cluster), (*credential)->refresh_token, (*credential)->issuer,
                  (*credential)->client_id));
  }
  note(revoke(kOwnToken, sign_in.refresh_token, sign_in.issuer, std::string(kOwnClient)));
  return told;
}

Result<void> Keeper::sign_out(const Host& host, bool all) {
  const auto there = sign_in_of(host);
  if (!there) {
    // Of a sign-in that ended by itself its key may be left.
    const auto former = state_.sign_in(host);
    if (former && *former) TRY_VOID(forget_key(host, **former));
    return std::unexpected(there.error());
  }
  const FileLock held = TRY(lock(host));
  SignIn sign_in = TRY(sign_in_of(host));
  Result<void> told = end_at_portal(host, sign_in, all);
  for (const std::string& cluster : state_.clusters(host))
    TRY_VOID(state_.remove_credential(host, cluster));
  sign_in.refresh_token = {};
  TRY_VOID(state_.save(host, sign_in));
  auto gone = forget_key(host, sign_in);
  return told ? gone : told;
}

}  // namespace openunison::cli
