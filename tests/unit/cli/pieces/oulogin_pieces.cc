// SPDX-License-Identifier: Apache-2.0
//
// Parts of src/cli one at a time, for tests that look from outside:
//   oulogin_pieces loopback STATE ISSUER PRODUCT PORTAL HOLD_MS
//     prints the redirect URI, then the callback as JSON; takes one line that says how the sign-in
//     ended: "signed in USER" or "failed PROBLEM"; ends when the page has arrived
//   oulogin_pieces qr TEXT COLUMNS ROWS colours|plain
//     prints the code; exit status 3 where there is none
#include <fmt/format.h>

#include <iostream>
#include <string>
#include <vector>

#include "base/log.h"
#include "cli/loopback.h"
#include "cli/qr.h"
#include "text/json.h"

namespace openunison::cli {
namespace {

constexpr Millis kPatience{60'000};

void say(const std::string& line) {
  std::cout << line << std::endl;
}

Result<std::string> read_line() {
  std::string line;
  std::getline(std::cin, line);
  return line;
}

Outcome outcome_of(const std::string& line) {
  constexpr std::string_view kSignedIn = "signed in ", kFailed = "failed ";
  if (line.starts_with(kSignedIn)) return {true, line.substr(kSignedIn.size())};
  return {false, "", line.substr(std::min(kFailed.size(), line.size()))};
}

Task<int> serve(Loopback& loopback) {
  net::WorkPool reading("standard input", 1, 1);
  const auto callback = co_await loopback.wait(net::in(kPatience));
  if (!callback) co_return 1;
  text::Json json;
  json.set("code", callback->code);
  json.set("error", callback->error);
  json.set("error_description", callback->error_description);
  say(json.dump());
  const auto line = co_await reading.run(read_line, net::in(kPatience));
  co_await loopback.finish(outcome_of(line ? *line : ""), net::in(kPatience));
  co_return 0;
}

int run(const std::vector<std::string>& arguments) {
  log::configure(log::Level::error);
  if (arguments.size() == 6 && arguments[0] == "loopback") {
    net::Runtime runtime(1);
    auto loopback = Loopback::open(runtime, {arguments[1], arguments[2], arguments[3], arguments[4],
                                             Millis(std::stoi(arguments[5]))});
    if (!loopback) return 1;
    say((*loopback)->redirect_uri());
    return runtime.block_on(serve(**loopback));
  }
  if (arguments.size() == 5 && arguments[0] == "qr") {
    Look look{true, arguments[4] == "colours", true, true};
    look.columns = std::stoul(arguments[2]);
    look.rows = std::stoul(arguments[3]);
    const auto code = qr_code(arguments[1], look);
    if (!code) return 3;
    std::cout << *code;
    return 0;
  }
  return 2;
}

}  // namespace
}  // namespace openunison::cli

int main(int count, char** arguments) {
  return openunison::cli::run({arguments + 1, arguments + count});
}
