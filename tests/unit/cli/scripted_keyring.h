// SPDX-License-Identifier: Apache-2.0
//
// A keyring in memory, which can be locked, gone or forgetful; what was asked of it is counted.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "cli/error.h"
#include "cli/keyring.h"

namespace openunison::cli {

struct KeyringScript {
  std::map<std::string, std::string> keys;  // by host and folder
  std::optional<Errc> broken;               // what everything fails with
  bool locked = false;                      // opens when it may ask, if `password` is given
  bool password = false;
  bool forgetful = false;
  bool asks_to_store = false;  // as where there is no collection yet
  int finds = 0, asked = 0, stores = 0;
  // Another process: does something between two calls.
  std::function<void()> before_find = {};
};

class ScriptedKeyring final : public Keyring {
 public:
  explicit ScriptedKeyring(KeyringScript& script) : script_(script) {}
  Result<std::optional<Secret>> find(const KeyName& name, const KeyringAsking& asking) override {
    ++script_.finds;
    if (script_.before_find) script_.before_find();
    if (auto opened = open(asking); !opened) return std::unexpected(opened.error());
    const auto found = script_.keys.find(name.host + " " + name.folder);
    if (found == script_.keys.end()) return std::nullopt;
    return Secret(std::string(found->second));
  }
  Result<bool> is_open() override {
    if (script_.broken) return fail(*script_.broken, "the keyring is broken");
    return !script_.locked && !script_.asks_to_store;
  }
  Result<void> store(const KeyName& name, const Secret& key, const KeyringAsking& asking) override {
    ++script_.stores;
    if (script_.asks_to_store) ++script_.asked;
    if (auto opened = open(asking); !opened) return opened;
    if (!script_.forgetful) script_.keys[name.host + " " + name.folder] = key.reveal();
    return {};
  }
  Result<void> remove(const KeyName& name) override {
    if (auto opened = open({}); !opened) return opened;
    script_.keys.erase(name.host + " " + name.folder);
    return {};
  }

 private:
  Result<void> open(const KeyringAsking& asking) {
    if (script_.broken) return fail(*script_.broken, "the keyring is broken");
    if (script_.locked && asking.may) {
      ++script_.asked;
      script_.locked = !script_.password;
    }
    if (script_.locked) return fail(Errc::keyring_locked, "the keyring is locked");
    return {};
  }
  KeyringScript& script_;
};

}  // namespace openunison::cli
