// SPDX-License-Identifier: Apache-2.0
//
// Opens an address in the person's browser: $BROWSER where it is set, else what the system has for
// it, one after the other until one works. No shell is ever involved, and the address is one
// argument. Whether a page was really shown nobody can tell: the caller always prints the address
// too.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/environment.h"
#include "net/task.h"

namespace openunison::cli {

// What may be handed to a program that opens it: https, or http on a loopback address, in
// characters of RFC 3986 alone. Error: net::Errc::io, what is wrong with it.
Result<void> check_browser_url(std::string_view url);

using Command = std::vector<std::string>;  // program and arguments

// The programs to try for `url`, which was checked, the best first. Pure.
std::vector<Command> browser_commands(const Environment& environment, const std::string& url);

// Tries the commands in turn. One that can't be started, or ends with an error within two seconds,
// is passed over; one that still runs then is taken for a browser. Gives the program's name.
// `enough` says that what it is opened for has happened already, so that no opener is waited for
// (Loopback::has_callback). Error: net::Errc::io: the address may not be opened, or nothing opened
// it (names what was tried). The deadline ends the waiting, not the program.
Task<Result<std::string>> open_browser(const Environment& environment, std::string url,
                                       net::Deadline deadline, std::function<bool()> enough = {});

}  // namespace openunison::cli
