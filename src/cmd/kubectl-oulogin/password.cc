// SPDX-License-Identifier: Apache-2.0
#include "cmd/kubectl-oulogin/password.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "cli/error.h"
#include "cli/machine.h"

namespace openunison::plugin {
namespace {

// As `openunison users` has it.
constexpr std::size_t kMaxPassword = 1024;

}  // namespace

Result<Secret> read_password_line(int descriptor) {
  const auto refuse = [](const std::string& why) {
    return fail(cli::Errc::bad_argument, "--password-stdin: " + why);
  };
  if (cli::is_terminal(descriptor))
    return refuse("standard input is a terminal, which would show the password; pipe it in");
  std::string line;
  line.reserve(kMaxPassword + 1);  // so that no copy of a part is left behind
  char byte = 0;
  for (;;) {
    const ssize_t got = ::read(descriptor, &byte, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refuse(std::string("it can't be read: ") + std::strerror(errno));
    if (got == 0 || byte == '\n') break;
    if (line.size() == kMaxPassword) {
      Secret wiped(std::move(line));
      return refuse("the line has more than 1024 bytes");
    }
    line += byte;
  }
  if (line.ends_with('\r')) line.pop_back();
  if (line.empty()) return refuse("there is no password on the first line");
  return Secret(std::move(line));
}

}  // namespace openunison::plugin
