// SPDX-License-Identifier: Apache-2.0
#include "cli/browser.h"

#include <algorithm>

#include "cli/start_program.h"
#include "net/error.h"
#include "net/runtime.h"
#include "text/url.h"

namespace openunison::cli {
namespace {

// Longer ones neither Windows nor all browsers take.
constexpr std::size_t kMaxUrl = 8 * 1024;
constexpr Millis kTimeToFail{2'000};
constexpr Millis kLookEvery{20};

bool is_loopback(std::string_view host) {
  return host == "127.0.0.1" || host == "::1" || host == "localhost";
}

// RFC 3986 §2: unreserved, reserved, and the percent sign. None of them ends a quoted string but
// the apostrophe, which quoted_for_powershell() sees to.
bool is_url_character(char c) {
  constexpr std::string_view kMarks = "-._~:/?#[]@!$&'()*+,;=%";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         kMarks.find(c) != std::string_view::npos;
}

// PowerShell's -Command is code: within single quotes nothing but those means anything.
std::string quoted_for_powershell(std::string_view url) {
  std::string text = "'";
  for (const char c : url) text.append(c == '\'' ? 2 : 1, c);
  return text + "'";
}

std::vector<Command> windows_from_linux(const std::string& url) {
  const std::string start = "Start-Process -FilePath " + quoted_for_powershell(url);
  const auto powershell = [&](const char* program) {
    return Command{program, "-NoProfile", "-NonInteractive", "-Command", start};
  };
  return {{"wslview", url},
          powershell("powershell.exe"),
          powershell("/mnt/c/Windows/System32/WindowsPowerShell/v1.0/powershell.exe"),
          {"/mnt/c/Windows/System32/rundll32.exe", "url.dll,FileProtocolHandler", url}};
}

// Words as a person would write them in a file: divided by spaces, kept together by quotes of
// either kind. No shell looks at them: nothing is expanded.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  bool in_word = false;
  char quote = 0;
  for (const char c : text) {
    if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        words.back() += c;
      }
      continue;
    }
    if (c == ' ' || c == '\t') {
      in_word = false;
      continue;
    }
    if (!in_word) words.emplace_back();
    in_word = true;
    if (c == '"' || c == '\'') {
      quote = c;
    } else {
      words.back() += c;
    }
  }
  return words;
}

// One entry of $BROWSER with the address in place of each %s, or behind it. The address stays
// within one argument whatever is in it.
Command with_url(Command command, const std::string& url) {
  bool placed = false;
  for (std::size_t i = 1; i < command.size(); ++i) {
    for (std::size_t at = command[i].find("%s"); at != std::string::npos;
         at = command[i].find("%s", at + url.size())) {
      command[i].replace(at, 2, url);
      placed = true;
    }
  }
  if (!placed) command.push_back(url);
  return command;
}

void append_wanted(const Environment& environment, const std::string& url,
                   std::vector<Command>& commands) {
  // As in PATH: a colon is part of a drive's name on Windows.
  const char separator = environment.system == System::windows ? ';' : ':';
  std::string_view list = environment.variable("BROWSER");
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(separator), list.size());
    const std::string entry(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
    // A path with spaces, as of Windows programs, is one word if there is such a program.
    const bool is_path = environment.is_program && environment.is_program(entry);
    Command command = is_path ? Command{entry} : words_of(entry);
    if (command.empty() || command[0].empty()) continue;
    commands.push_back(with_url(std::move(command), url));
  }
}

// How a command ended, as far as is known two seconds later.
Task<bool> works(Command command, net::Deadline deadline, const std::function<bool()>& enough) {
  auto started = StartedProgram::start(command);
  if (!started) co_return false;
  const net::Deadline patience = std::min(deadline, net::in(kTimeToFail));
  while (std::chrono::steady_clock::now() < patience) {
    if (const auto status = started->exit_status()) co_return *status == 0;
    if (enough && enough()) break;
    co_await net::sleep_until(net::in(kLookEvery));
  }
  co_return true;
}

}  // namespace

Result<void> check_browser_url(std::string_view url) {
  const auto bad = [](const char* why) {
    return fail(net::Errc::io, std::string("the address can't be opened in a browser: ") + why);
  };
  if (url.size() > kMaxUrl) return bad("it is too long");
  if (!std::all_of(url.begin(), url.end(), is_url_character))
    return bad("it holds a character that must be encoded");
  const auto parsed = text::Url::parse(url);
  if (!parsed) return bad("it is no http or https URL");
  if (!parsed->is_https() && !is_loopback(parsed->host))
    return bad("it is neither https nor of this machine");
  return {};
}

std::vector<Command> browser_commands(const Environment& environment, const std::string& url) {
  std::vector<Command> commands;
  append_wanted(environment, url, commands);
  std::vector<Command> own;
  if (environment.system == System::windows) {
    own = {{"rundll32", "url.dll,FileProtocolHandler", url}};
  } else if (environment.system == System::mac) {
    own = {{"/usr/bin/open", url}};
  } else {
    if (environment.is_wsl()) own = windows_from_linux(url);
    own.insert(own.end(), {{"xdg-open", url},
                           {"gio", "open", url},
                           {"sensible-browser", url},
                           {"x-www-browser", url}});
  }
  commands.insert(commands.end(), own.begin(), own.end());
  return commands;
}

Task<Result<std::string>> open_browser(const Environment& environment, std::string url,
                                       net::Deadline deadline, std::function<bool()> enough) {
  auto checked = check_browser_url(url);
  if (!checked) co_return std::unexpected(checked.error());
  std::string tried;
  for (Command& command : browser_commands(environment, url)) {
    std::string name = command[0];
    const bool opened = co_await works(std::move(command), deadline, enough);
    if (opened) co_return name;
    tried.append(tried.empty() ? "" : ", ").append(name);
    if (std::chrono::steady_clock::now() >= deadline) break;
  }
  co_return fail(net::Errc::io, "no browser could be opened (tried " + tried + ")");
}

}  // namespace openunison::cli
