// SPDX-License-Identifier: Apache-2.0
//
// A QR code (ISO/IEC 18004) for a terminal, two modules to a character by half blocks.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cli/terminal.h"

namespace openunison::cli {

// Lines with newlines, the quiet zone of four modules included; for Terminal::own_text. Where there
// are colours they are set, dark on light, as readers expect; else light modules are drawn, for the
// dark terminal that nearly all without colours are: readers of phones take a reversed one too.
// nullopt: no terminal, no UTF-8, not wide or high enough for it, or `text` is too long for one.
std::optional<std::string> qr_code(std::string_view text, const Look& look);

}  // namespace openunison::cli
