// SPDX-License-Identifier: Apache-2.0
//
// The Secret Service (org.freedesktop.secrets) by secret-tool of libsecret, and dbus-send for what
// that doesn't tell. The key goes over its standard input; in its arguments, which everybody can
// see, stand the portal's host and our folder.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/keyring.h"

namespace openunison::cli {

class SecretTool final : public Keyring {
 public:
  SecretTool(const Environment& environment, Trace trace);
  Result<std::optional<Secret>> find(const KeyName& name, const KeyringAsking& asking) override;
  Result<bool> is_open() override;
  Result<void> store(const KeyName& name, const Secret& key, const KeyringAsking& asking) override;
  Result<void> remove(const KeyName& name) override;

 private:
  // What the service answers, as dbus-send prints it.
  Result<std::string> ask_service(std::vector<std::string> words);
  Result<struct ProgramResult> run(std::string_view verb, const KeyName& name,
                                   const KeyringAsking& asking, std::string_view input);

  std::string bus_;  // "": there is none
  Trace trace_;
};

// Of what dbus-send printed (--print-reply=literal): an object's path, "" where there is none, and
// whether a property is false. Pure.
std::string parse_path(std::string_view output);
bool parse_is_false(std::string_view output);

// What `secret-tool search` printed. Pure.
struct FoundItem {
  bool there = false;
  std::optional<Secret> secret;  // none, though it is there: it is locked
};
FoundItem parse_search(std::string_view output);

// The address of the session bus: DBUS_SESSION_BUS_ADDRESS, else of the socket that systemd makes
// for each person, where `is_own_socket` finds it; "": none. Pure.
std::string session_bus(const Environment& environment, std::string_view user_id,
                        const std::function<bool(const std::string& path)>& is_own_socket);

}  // namespace openunison::cli
