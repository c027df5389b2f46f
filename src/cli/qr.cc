// SPDX-License-Identifier: Apache-2.0
#include "cli/qr.h"

#include <qrcodegen/qrcodegen.h>

#include <array>

namespace openunison::cli {
namespace {

// ISO/IEC 18004 §6.3.8.
constexpr int kQuietZone = 4;
// 77 modules, about 500 bytes: more than phones read off a terminal.
constexpr int kMaxVersion = 15;
constexpr std::size_t kBufferBytes = qrcodegen_BUFFER_LEN_FOR_VERSION(kMaxVersion);

constexpr std::string_view kFull = "█", kUpper = "▀", kLower = "▄", kNone = " ";
// Black on white, whatever the terminal's own colours are: white as one of the 256, since the
// sixteen are themed.
constexpr std::string_view kBlackOnWhite = "\x1b[38;5;16;48;5;231m", kReset = "\x1b[0m";

class Modules {
 public:
  // False: the text is too long.
  bool encode(const std::string& text) {
    std::array<std::uint8_t, kBufferBytes> scratch;
    // The least correction: a screen isn't torn or smeared, and the code stays small. What room
    // the size has left over goes into more of it.
    return qrcodegen_encodeText(text.c_str(), scratch.data(), code_.data(), qrcodegen_Ecc_LOW,
                                qrcodegen_VERSION_MIN, kMaxVersion, qrcodegen_Mask_AUTO, true);
  }
  // With the quiet zone.
  int width() const { return qrcodegen_getSize(code_.data()) + 2 * kQuietZone; }
  bool is_dark(int column, int row) const {
    // Outside of the code it is light.
    return qrcodegen_getModule(code_.data(), column - kQuietZone, row - kQuietZone);
  }

 private:
  std::array<std::uint8_t, kBufferBytes> code_{};
};

std::string_view half_blocks(bool upper, bool lower) {
  if (upper && lower) return kFull;
  if (upper) return kUpper;
  return lower ? kLower : kNone;
}

}  // namespace

std::optional<std::string> qr_code(std::string_view text, const Look& look) {
  if (!look.terminal || !look.utf8 || text.empty()) return std::nullopt;
  Modules modules;
  if (!modules.encode(std::string(text))) return std::nullopt;
  const int width = modules.width();
  const int rows = (width + 1) / 2;
  // A line is kept for what stands above it, and one for what comes below.
  if (static_cast<std::size_t>(width) > look.columns ||
      static_cast<std::size_t>(rows) + 2 > look.rows)
    return std::nullopt;
  std::string out;
  for (int row = 0; row < width; row += 2) {
    if (look.colours) out += kBlackOnWhite;
    for (int column = 0; column < width; ++column) {
      const bool upper = modules.is_dark(column, row);
      // Below the last row there is nothing to draw: with colours it is white like the rest.
      const bool has_lower = row + 1 < width;
      const bool lower = modules.is_dark(column, row + 1);
      out += look.colours ? half_blocks(upper, lower) : half_blocks(!upper, has_lower && !lower);
    }
    if (look.colours) out += kReset;
    out += '\n';
  }
  return out;
}

}  // namespace openunison::cli
