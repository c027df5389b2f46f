// SPDX-License-Identifier: Apache-2.0
//
// Keyring: where the desktop keeps a person's secrets, opened by the person's signing in to it. It
// holds one small key for each portal (cli/vault.h). One file per system has system_keyring();
// on Linux it is whatever answers as org.freedesktop.secrets (GNOME's keyring, KWallet, KeePassXC),
// by secret-tool. Blocks, with a deadline on everything.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "cli/environment.h"
#include "cli/trace.h"

namespace openunison::cli {

// Names a key: of which portal, and of which state folder.
struct KeyName {
  std::string host, folder;
};

// Whether the person may be asked for the keyring's password, and for how long that is waited for.
struct KeyringAsking {
  bool may = false;
  Millis patience{5'000};
  std::function<void()> slow = {};  // called once, when it takes longer than a second
};

class Keyring {
 public:
  virtual ~Keyring() = default;
  // All: Errors keyring (it isn't there, or didn't answer in time; the message says which, as a
  // clause), keyring_locked.

  // nullopt: it was looked at, and has no such key.
  virtual Result<std::optional<Secret>> find(const KeyName& name, const KeyringAsking& asking) = 0;
  // Whether store() would do without asking anybody.
  virtual Result<bool> is_open() = 0;
  // Makes it, or replaces its value. May bring up a question in any case.
  virtual Result<void> store(const KeyName& name, const Secret& key,
                             const KeyringAsking& asking) = 0;
  // Nothing there is fine.
  virtual Result<void> remove(const KeyName& name) = 0;
};

// nullptr: this system has none that we know how to ask. Starts nothing.
std::unique_ptr<Keyring> system_keyring(const Environment& environment, Trace trace);

}  // namespace openunison::cli
