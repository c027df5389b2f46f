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

Result<FileLock> take(const std::string& file) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    auto lock = FileLock::try_take(file);
    if (!lock) return fail(Errc::state, lock.error().message());
    if (*lock) return std::move(**lock);
    if (std::chrono::steady_clock::now() >= until)
      return fail(Errc::busy, "another kubectl-oulogin holds " + file + " for too long");
    std::this_thread::sleep_for(kLookAgain);
  }
}

Credential credential_of(Tokens tokens, std::string issuer, std::string client_id) {
  Credential credential;
  credential.issuer = std::move(issuer);
  credential.client_id = std::move(client_id);
  credential.id_token = std::move(tokens.id_token);
  credential.refresh_token = std::move(tokens.refresh_token);
  credential.received = std::move(tokens.asked);
  credential.life = tokens.id_token_life;
  return credential;
}

}  // namespace

Result<FileLock> wait_for_lock(const std::string& file) {
  return take(file);
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

Keeper::Keeper(net::Runtime& runtime, const State& state, const BootClock& clock, Connect connect)
    : runtime_(runtime), state_(state), clock_(clock), connect_(std::move(connect)) {}

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

Result<Credential> Keeper::credential(const Host& host, const std::string& cluster) {
  // A file that can't be read is written anew.
  auto kept = state_.credential(host, cluster);
  if (kept && *kept && is_fresh(**kept, clock_.now())) return std::move(**kept);
  TRY(sign_in_of(host));
  const FileLock lock = TRY(take(state_.lock_file(host)));
  kept = state_.credential(host, cluster);
  if (kept && *kept && is_fresh(**kept, clock_.now())) return std::move(**kept);
  return renew(host, cluster, kept ? std::move(*kept) : std::nullopt);
}

Result<Credential> Keeper::renew(const Host& host, const std::string& cluster,
                                 std::optional<Credential> kept) {
  if (kept && !kept->refresh_token.empty()) {
    const SignIn sign_in = TRY(sign_in_of(host));
    PortalClient* const portal = TRY(client(sign_in));
    auto tokens = runtime_.block_on(
        portal->refresh(kept->issuer, kept->client_id, std::string(kept->refresh_token.reveal())));
    if (tokens) {
      Credential renewed = credential_of(std::move(*tokens), kept->issuer, kept->client_id);
      TRY_VOID(state_.save(host, cluster, renewed));
      return renewed;
    }
    if (!tokens.error().is(Errc::session_over)) {
      // What is left of the old one is better than nothing.
      const auto left = kept->left(clock_.now());
      if (tokens.error().is(Errc::unreachable) && left && *left > Millis(1'000))
        return std::move(*kept);
      return std::unexpected(tokens.error());
    }
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
  Credential credential = credential_of(std::move(tokens), found->issuer, found->client_id);
  TRY_VOID(state_.save(host, cluster, credential));
  return credential;
}

Result<std::string> Keeper::access_token(const Host& host) {
  TRY(sign_in_of(host));
  const FileLock lock = TRY(take(state_.lock_file(host)));
  return renew_access(host);
}

Result<std::string> Keeper::renew_access(const Host& host) {
  if (obtained_ && obtained_->host == host) return obtained_->access_token;
  SignIn sign_in = TRY(sign_in_of(host));
  PortalClient* const portal = TRY(client(sign_in));
  auto tokens = runtime_.block_on(portal->refresh(sign_in.issuer, std::string(kOwnClient),
                                                  std::string(sign_in.refresh_token.reveal())));
  if (!tokens) {
    if (!tokens.error().is(Errc::session_over)) return std::unexpected(tokens.error());
    sign_in.refresh_token = Secret();
    TRY_VOID(state_.save(host, sign_in));
    return fail(Errc::sign_in_needed, "your sign-in at " + host.text() + " is over");
  }
  sign_in.refresh_token = std::move(tokens->refresh_token);
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
  return runtime_.block_on(portal->exchange(cluster, std::move(token)));
}

Result<void> Keeper::keep(const Host& host, SignIn sign_in, std::string access_token,
                          Account account) {
  TRY_VOID(state_.make_folder_of(host));
  const FileLock lock = TRY(take(state_.lock_file(host)));
  // Of another person perhaps; in any case of another sign-in.
  for (const std::string& cluster : state_.clusters(host))
    TRY_VOID(state_.remove_credential(host, cluster));
  obtained_ = Obtained{host, std::move(access_token), std::move(account)};
  return state_.save(host, sign_in);
}

Result<void> Keeper::sign_out(const Host& host, bool all) {
  TRY(sign_in_of(host));
  const FileLock lock = TRY(take(state_.lock_file(host)));
  SignIn sign_in = TRY(sign_in_of(host));
  PortalClient* const portal = TRY(client(sign_in));
  Result<void> told;
  const auto note = [&](Result<void> result) {
    if (!result && told) told = std::move(result);
  };
  if (all) {
    auto token = renew_access(host);
    if (token) {
      note(runtime_.block_on(portal->sign_out(sign_in.sign_out_endpoint, *token)));
    } else if (!token.error().is(Errc::sign_in_needed)) {
      note(std::unexpected(token.error()));
    }
  }
  for (const std::string& cluster : state_.clusters(host)) {
    const auto credential = state_.credential(host, cluster);
    if (!all && credential && *credential && !(*credential)->refresh_token.empty())
      note(runtime_.block_on(portal->revoke((*credential)->issuer, (*credential)->client_id,
                                            std::string((*credential)->refresh_token.reveal()))));
    TRY_VOID(state_.remove_credential(host, cluster));
  }
  if (!all)
    note(runtime_.block_on(portal->revoke(sign_in.issuer, std::string(kOwnClient),
                                          std::string(sign_in.refresh_token.reveal()))));
  sign_in.refresh_token = Secret();
  TRY_VOID(state_.save(host, sign_in));
  return told;
}

}  // namespace openunison::cli
