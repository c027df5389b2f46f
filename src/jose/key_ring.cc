// SPDX-License-Identifier: Apache-2.0
#include "jose/key_ring.h"

#include <algorithm>

#include "base/check.h"
#include "base/log.h"
#include "jose/key_file.h"

namespace openunison::jose {
namespace {

constexpr Seconds kSlack{60};
constexpr const char* kSealedFor = "key-ring";

}  // namespace

std::string_view name(KeyState state) {
  switch (state) {
    case KeyState::pending:
      return "pending";
    case KeyState::active:
      return "active";
    case KeyState::retiring:
      break;
  }
  return "retiring";
}

// What the clock says is written down; what must have passed in truth is also measured by a clock
// that nobody can set: a step forward by a day must not have a key sign that no API server has
// read. After a restart the written times alone count.
struct KeyRing::Entry {
  KeyInfo info;
  crypto::PrivateKey key;
  std::optional<MonoTime> published = std::nullopt, retired = std::nullopt;
};

struct KeyRing::State {
  std::string file;  // empty: in memory
  std::optional<crypto::Sealer> sealer;
  KeyPolicy policy;
  crypto::Random* random = nullptr;
  const Clock* clock = nullptr;
  bool fixed = false;
  std::vector<Entry> entries;
  std::shared_ptr<const KeySnapshot> snapshot;

  WallTime now() const { return clock->now(); }

  Entry* find(KeyState state) {
    const auto found = std::find_if(entries.begin(), entries.end(),
                                    [&](const Entry& entry) { return entry.info.state == state; });
    return found == entries.end() ? nullptr : &*found;
  }

  Entry make_entry(crypto::PrivateKey key, std::string kid) const {
    if (kid.empty()) kid = thumbprint(key.public_key());
    const bool as_policy = key.fits(policy.algorithm);
    const auto algorithm = as_policy                             ? policy.algorithm
                           : key.kind() == crypto::KeyKind::rsa  ? crypto::Algorithm::rs256
                           : key.kind() == crypto::KeyKind::p256 ? crypto::Algorithm::es256
                           : key.kind() == crypto::KeyKind::p384 ? crypto::Algorithm::es384
                                                                 : crypto::Algorithm::es512;
    return {{std::move(kid), algorithm, KeyState::pending, now(), now() + policy.publish_ahead,
             WallTime{}},
            std::move(key),
            clock->mono()};
  }

  Result<Entry> generate() const {
    crypto::PrivateKey key = TRY(crypto::PrivateKey::generate(policy.algorithm, policy.rsa_bits));
    return make_entry(std::move(key), {});
  }

  // For how long a key that signed stays in the JWKS: until its last token has expired, and whoever
  // cached the JWKS has fetched a newer one.
  Seconds lingers() const { return policy.token_life + policy.jwks_max_age + kSlack; }

  // The least time between publishing and signing: two lifetimes of a JWKS and some slack.
  Seconds must_be_known_for() const { return 2 * policy.jwks_max_age + kSlack; }

  bool may_sign(const Entry& pending) const {
    return now() >= pending.info.activates &&
           (!pending.published || clock->mono() - *pending.published >= must_be_known_for());
  }
  bool may_leave(const Entry& entry) const {
    return entry.info.state == KeyState::retiring && now() >= entry.info.leaves &&
           (!entry.retired || clock->mono() - *entry.retired >= lingers());
  }

  // The pending key signs from now on; the active one retires.
  void activate(Entry& pending) {
    if (Entry* active = find(KeyState::active)) {
      active->info.state = KeyState::retiring;
      active->info.leaves = now() + lingers();
      active->retired = clock->mono();
    }
    pending.info.state = KeyState::active;
    pending.info.activates = now();
  }

  // Writes `entries` and shows them; on failure the former ones stay.
  Result<void> commit(std::vector<Entry> changed) {
    if (!file.empty()) {
      std::vector<StoredKey> stored;
      for (const Entry& entry : changed) stored.push_back({entry.info, entry.key.pem()});
      TRY_VOID(write_key_file(file, *sealer, *random, stored));
    }
    entries = std::move(changed);
    publish();
    return {};
  }

  void publish() {
    auto next = std::make_shared<KeySnapshot>();
    std::vector<Jwk> keys;
    for (const Entry& entry : entries) {
      next->keys.push_back(entry.info);
      keys.push_back({entry.key.public_key(), entry.info.kid, entry.info.algorithm});
      if (entry.info.state == KeyState::active) {
        next->signer =
            std::make_shared<const Signer>(entry.key, entry.info.algorithm, entry.info.kid);
      }
    }
    next->published = JwkSet(std::move(keys));
    next->jwks = next->published.dump();
    CHECK(next->signer != nullptr);
    std::atomic_store(&snapshot, std::shared_ptr<const KeySnapshot>(std::move(next)));
  }

  Result<void> writable() const {
    if (fixed)
      return fail(Errc::keys_unavailable,
                  "the signing key is mounted from a file and can only be changed there");
    return {};
  }
};

KeyRing::KeyRing(std::unique_ptr<State> state) : state_(std::move(state)) {}
KeyRing::~KeyRing() = default;

Result<std::unique_ptr<KeyRing>> KeyRing::open(std::string file, const crypto::MasterKey& master,
                                               KeyPolicy policy, crypto::Random& random,
                                               const Clock& clock) {
  CHECK(policy.publish_ahead >= 2 * policy.jwks_max_age + kSlack);
  auto state = std::make_unique<State>();
  state->file = std::move(file);
  state->sealer.emplace(master, kSealedFor);
  state->policy = policy;
  state->random = &random;
  state->clock = &clock;

  std::vector<StoredKey> stored;
  if (!state->file.empty()) stored = TRY(read_key_file(state->file, *state->sealer));
  std::vector<Entry> entries;
  for (StoredKey& each : stored) {
    crypto::PrivateKey key = TRY(crypto::PrivateKey::from_pem(each.pem.reveal()));
    entries.push_back({std::move(each.info), std::move(key)});
  }
  const bool has_active = std::any_of(entries.begin(), entries.end(), [](const Entry& e) {
    return e.info.state == KeyState::active;
  });
  if (has_active) {
    state->entries = std::move(entries);
    state->publish();
    if (const auto signs = state->snapshot->signer->algorithm(); signs != state->policy.algorithm)
      log::warn(
          "the signing key is of another kind than openunison.signing_algorithm; publish one "
          "of that kind with: openunison keys rotate",
          {{"key", crypto::name(signs)}, {"wanted", crypto::name(state->policy.algorithm)}});
  } else {
    // Nobody has fetched a JWKS of ours yet: the first key may sign at once.
    Entry first = TRY(state->generate());
    first.info.state = KeyState::active;
    first.info.activates = state->now();
    entries.push_back(std::move(first));
    TRY_VOID(state->commit(std::move(entries)));
  }
  std::unique_ptr<KeyRing> ring(new KeyRing(std::move(state)));
  TRY_VOID(ring->tick());
  return ring;
}

Result<void> KeyRing::inspect(const std::string& file, const crypto::MasterKey& master) {
  const auto stored = TRY(read_key_file(file, crypto::Sealer(master, kSealedFor)));
  for (const StoredKey& each : stored) TRY(crypto::PrivateKey::from_pem(each.pem.reveal()));
  return {};
}

Result<std::unique_ptr<KeyRing>> KeyRing::fixed(crypto::PrivateKey key, std::string kid,
                                                KeyPolicy policy, const Clock& clock) {
  auto state = std::make_unique<State>();
  state->policy = policy;
  state->clock = &clock;
  state->fixed = true;
  Entry only = state->make_entry(std::move(key), std::move(kid));
  only.info.state = KeyState::active;
  only.info.activates = state->now();
  state->entries.push_back(std::move(only));
  state->publish();
  return std::unique_ptr<KeyRing>(new KeyRing(std::move(state)));
}

std::shared_ptr<const KeySnapshot> KeyRing::snapshot() const {
  return std::atomic_load(&state_->snapshot);
}

Result<bool> KeyRing::tick() {
  const std::lock_guard lock(mutex_);
  if (state_->fixed) return false;
  const WallTime now = state_->now();
  const auto gone = [&](const Entry& entry) { return state_->may_leave(entry); };
  const Entry* pending = state_->find(KeyState::pending);
  const Entry* active = state_->find(KeyState::active);
  const bool activates = pending != nullptr && state_->may_sign(*pending);
  const bool rotates =
      pending == nullptr && state_->policy.rotate_every > Seconds(0) &&
      now - active->info.activates >= state_->policy.rotate_every - state_->policy.publish_ahead;
  const bool removes = std::any_of(state_->entries.begin(), state_->entries.end(), gone);
  if (!activates && !rotates && !removes) return false;

  const std::vector<Entry> former = state_->entries;
  if (activates) state_->activate(*state_->find(KeyState::pending));
  if (rotates) state_->entries.push_back(TRY(state_->generate()));
  std::erase_if(state_->entries, gone);
  std::vector<Entry> changed = std::exchange(state_->entries, former);
  TRY_VOID(state_->commit(std::move(changed)));
  for (const KeyInfo& key : state_->snapshot->keys) {
    log::audit("key_changed", {{"kid", key.kid}, {"state", name(key.state)}});
  }
  return true;
}

Result<KeyInfo> KeyRing::rotate(bool at_once) {
  const std::lock_guard lock(mutex_);
  TRY_VOID(state_->writable());
  const std::vector<Entry> former = state_->entries;
  if (state_->find(KeyState::pending) == nullptr)
    state_->entries.push_back(TRY(state_->generate()));
  Entry* pending = state_->find(KeyState::pending);
  if (at_once) state_->activate(*pending);
  const KeyInfo info = pending->info;
  std::vector<Entry> changed = std::exchange(state_->entries, former);
  TRY_VOID(state_->commit(std::move(changed)));
  return info;
}

Result<void> KeyRing::retire(std::string_view kid) {
  const std::lock_guard lock(mutex_);
  TRY_VOID(state_->writable());
  const auto has_kid = [&](const Entry& entry) { return entry.info.kid == kid; };
  const auto found = std::find_if(state_->entries.begin(), state_->entries.end(), has_kid);
  if (found == state_->entries.end())
    return fail(Errc::unknown_key, "there is no key with this kid; see: openunison keys list");
  const bool was_active = found->info.state == KeyState::active;
  // Made before anything is changed: it may fail.
  std::optional<Entry> next;
  if (was_active && state_->find(KeyState::pending) == nullptr) next = TRY(state_->generate());
  const std::vector<Entry> former = state_->entries;
  std::erase_if(state_->entries, has_kid);
  if (was_active) {
    if (next) state_->entries.push_back(std::move(*next));
    state_->activate(*state_->find(KeyState::pending));
  }
  std::vector<Entry> changed = std::exchange(state_->entries, former);
  return state_->commit(std::move(changed));
}

Result<KeyInfo> KeyRing::import(crypto::PrivateKey key, std::string kid) {
  const std::lock_guard lock(mutex_);
  TRY_VOID(state_->writable());
  if (!key.fits(state_->policy.algorithm))
    return fail(Errc::malformed,
                "this is no key for " + std::string(crypto::name(state_->policy.algorithm)) +
                    " (openunison.signing_algorithm); API servers that were told of that alone "
                    "would refuse every token that it signs");
  Entry entry = state_->make_entry(std::move(key), std::move(kid));
  const KeyInfo info = entry.info;
  const bool known = std::any_of(state_->entries.begin(), state_->entries.end(),
                                 [&](const Entry& e) { return e.info.kid == info.kid; });
  if (known) return fail(Errc::malformed, "there is a key with this kid already");
  std::vector<Entry> changed = state_->entries;
  std::erase_if(changed, [](const Entry& e) { return e.info.state == KeyState::pending; });
  changed.push_back(std::move(entry));
  TRY_VOID(state_->commit(std::move(changed)));
  return info;
}

std::vector<KeyInfo> KeyRing::list() const {
  return snapshot()->keys;
}

}  // namespace openunison::jose
