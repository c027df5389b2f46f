// SPDX-License-Identifier: Apache-2.0
#include "cli/vault.h"

#include "base/base64.h"
#include "cli/error.h"
#include "crypto/random.h"
#include "crypto/seal.h"

namespace openunison::cli {
namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr std::string_view kPurpose = "kubectl-oulogin/refresh-token";
// A keyring that is well answers within a tenth of a second.
constexpr Millis kUnasked{5'000};
// A person finds and types a password.
constexpr Millis kAsked{60'000};

Error no_keyring() {
  return {Errc::keyring, "there is no keyring on this system that this program can use"};
}

std::string associated(const Host& host, std::string_view name) {
  return host.text() + "\n" + std::string(name);
}

// nullopt: that is no key of ours.
std::optional<crypto::Sealer> sealer(const Secret& key) {
  const auto master = crypto::MasterKey::create(key);
  return master ? std::optional<crypto::Sealer>(std::in_place, *master, kPurpose) : std::nullopt;
}

}  // namespace

std::optional<Storage> parse_storage(std::string_view text) {
  if (text == "auto") return Storage::automatic;
  if (text == "file") return Storage::file;
  if (text == "keyring") return Storage::keyring;
  return std::nullopt;
}

std::string_view name_of(Storage storage) {
  switch (storage) {
    case Storage::automatic:
      return "auto";
    case Storage::file:
      return "file";
    case Storage::keyring:
      return "keyring";
  }
  return {};
}

Vault::Vault(std::unique_ptr<Keyring> keyring, std::string folder, Trace trace)
    : keyring_(std::move(keyring)), folder_(std::move(folder)), trace_(std::move(trace)) {}

Result<bool> Vault::choose(const Host& host, Storage wish, bool is_desktop,
                           std::function<void()> slow) {
  if (wish == Storage::file || (wish == Storage::automatic && (!is_desktop || !keyring_))) {
    trace_.say("storage: files");
    return false;
  }
  if (!keyring_) return std::unexpected(no_keyring());
  const auto works = [&]() -> Result<void> {
    // First without asking: a keyring that hangs is found out before anybody waits for long.
    const auto found = keyring_->find(key_name(host), {.patience = kUnasked});
    if (found && *found && sealer(**found)) return {};
    if (wish == Storage::automatic) {
      if (!found) return std::unexpected(found.error());
      // To type a password, or to think of one, is no price for what nobody asked for.
      if (!TRY(keyring_->is_open()))
        return fail(Errc::keyring_locked, "the desktop's keyring isn't open");
      return make_key(host, {.patience = kUnasked});
    }
    const KeyringAsking asking{true, kAsked, std::move(slow)};
    if (found) return make_key(host, asking);
    if (!found.error().is(Errc::keyring_locked)) return std::unexpected(found.error());
    return TRY(look_for_key(host, asking)) ? Result<void>() : make_key(host, asking);
  }();
  trace_.say(works ? "storage: the keyring has the key"
                   : "storage: no keyring: " + works.error().message());
  if (!works && wish == Storage::keyring) return std::unexpected(works.error());
  return works.has_value();
}

Result<void> Vault::unlock(const Host& host, std::function<void()> slow) {
  TRY(look_for_key(host, {true, kAsked, std::move(slow)}));
  return {};
}

Result<bool> Vault::look_for_key(const Host& host, const KeyringAsking& asking) {
  if (!keyring_) return std::unexpected(no_keyring());
  auto found = TRY(keyring_->find(key_name(host), asking));
  if (!found || !sealer(*found)) return false;
  key_ = std::move(*found);
  host_ = host;
  return true;
}

Result<void> Vault::make_key(const Host& host, const KeyringAsking& asking) {
  if (!keyring_) return std::unexpected(no_keyring());
  const Secret made(base64_encode(crypto::SystemRandom().bytes(kKeyBytes)));
  TRY_VOID(keyring_->store(key_name(host), made, asking));
  // Another process may have stored one at the same time: what is there counts.
  if (!TRY(look_for_key(host, {.patience = kUnasked})))
    return fail(Errc::keyring, "the desktop's keyring forgets what it is given");
  return {};
}

Result<void> Vault::ensure_key(const Host& host) {
  if (TRY(look_for_key(host, {.patience = kUnasked}))) return {};
  return make_key(host, {true, kAsked, {}});
}

Result<const Secret*> Vault::key(const Host& host) {
  if (host_ && *host_ == host) return &key_;
  if (!TRY(look_for_key(host, {.patience = kUnasked})))
    return fail(Errc::sign_in_needed,
                "the desktop's keyring no longer has the key to your sign-in "
                "at " +
                    host.text());
  return &key_;
}

Result<Secret> Vault::open(const Host& host, std::string_view name, const KeptToken& kept) {
  if (kept.sealed.empty()) return kept.plain;
  const Secret* const with = TRY(key(host));
  auto token = sealer(*with)->open(kept.sealed, associated(host, name));
  if (!token)
    return fail(Errc::sign_in_needed,
                "the key in the desktop's keyring isn't the one of your "
                "sign-in at " +
                    host.text());
  return Secret(std::move(*token));
}

Result<KeptToken> Vault::close(const Host& host, std::string_view name, const Secret& token,
                               bool in_keyring) {
  KeptToken kept;
  if (!in_keyring || token.empty()) {
    kept.plain = token;
    return kept;
  }
  const Secret* const with = TRY(key(host));
  crypto::SystemRandom random;
  kept.sealed = sealer(*with)->seal(token.reveal(), random, associated(host, name));
  return kept;
}

Result<void> Vault::forget(const Host& host) {
  if (host_ && *host_ == host) {
    host_.reset();
    key_ = Secret();
  }
  return keyring_ ? keyring_->remove(key_name(host)) : Result<void>();
}

}  // namespace openunison::cli
