// SPDX-License-Identifier: Apache-2.0
//
// Which way to sign in: a browser on this machine, a code that is entered on another, or not at
// all. A pure function of what there is to see of the machine, so that it is a table in its test.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace openunison::cli {

enum class System { linux_like, mac, windows };

struct Environment {
  System system = System::linux_like;
  std::map<std::string, std::string, std::less<>> variables = {};
  // A caller that was told `interactive: false` (KUBERNETES_EXEC_INFO) sets the first to false.
  bool stdin_is_terminal = false;
  bool stderr_is_terminal = false;
  bool in_container = false;   // /.dockerenv or /run/.containerenv is there
  bool kernel_of_wsl = false;  // /proc/version names Microsoft
  // Whether there is a program to run at this path; false where it is null.
  std::function<bool(const std::string& path)> is_program = {};

  // Of this process.
  static Environment read();

  // "" where it isn't set: an empty variable counts as none.
  std::string_view variable(std::string_view name) const;
  bool on_terminal() const { return stdin_is_terminal && stderr_is_terminal; }
  bool is_wsl() const;
};

// --browser=
enum class BrowserMode {
  automatic,  // "auto": where there is a desktop to open one on
  tty,        // the same, but only for a caller on a terminal
  desktop,    // there is a desktop, whatever it looks like (VS Code's $BROWSER over SSH, X11
              // forwarding)
  never,      // no browser; a code on a terminal is still offered
};
std::optional<BrowserMode> parse_browser_mode(std::string_view text);

enum class Way {
  browser,
  device,  // a code and its address, printed on the terminal
  none,    // nobody is there to sign in: say so and end
};

struct Choice {
  Way way = Way::none;
  // Why it isn't a browser: "this is a continuous integration job (GITLAB_CI is set)"; a clause
  // without a full stop; empty for a browser.
  std::string reason = {};
};
Choice choose_way(const Environment& environment, BrowserMode mode);
// "browser", or "device code: this is a container"; for -v.
std::string described(const Choice& choice);

}  // namespace openunison::cli
