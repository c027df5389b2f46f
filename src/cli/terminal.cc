// SPDX-License-Identifier: Apache-2.0
#include "cli/terminal.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "base/scan.h"
#include "cli/machine.h"
#include "text/utf8.h"

namespace openunison::cli {
namespace {

constexpr std::string_view kReset = "\x1b[0m";
constexpr std::string_view kLineStartAndErase = "\r\x1b[K";
constexpr int kStandardError = 2;
constexpr std::size_t kUsualColumns = 80, kUsualRows = 24;

struct Range {
  char32_t first, last;
};

// What ends a line, moves the cursor, or shows text in another order than it stands.
constexpr Range kUnprintable[] = {{0x00, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},
                                  {0x61c, 0x61c},   {0x180e, 0x180e}, {0x200b, 0x200b},
                                  {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f},
                                  {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe0fff}};

// Characters that add nothing to the width: the combining ones that names are written with.
constexpr Range kCombining[] = {{0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},
                                {0x610, 0x61a},   {0x64b, 0x65f},   {0x93a, 0x93c},
                                {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x200c, 0x200d},
                                {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}};
// East Asian wide and full-width characters, and pictures (UAX #11, roughly).
constexpr Range kWide[] = {{0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0x33ff},
                           {0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xa000, 0xa4cf},
                           {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe4f},
                           {0xff00, 0xff60},   {0xffe0, 0xffe6},   {0x1f300, 0x1f64f},
                           {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};

template <std::size_t kCount>
bool is_in(const Range (&ranges)[kCount], char32_t c) {
  return std::any_of(std::begin(ranges), std::end(ranges),
                     [c](const Range& range) { return c >= range.first && c <= range.last; });
}

// The code point of the valid sequence `bytes`.
char32_t code_point(std::string_view bytes) {
  const auto first = static_cast<unsigned char>(bytes[0]);
  if (bytes.size() == 1) return first;
  char32_t value = first & (0x7fu >> bytes.size());
  for (const char c : bytes.substr(1))
    value = (value << 6) | (static_cast<unsigned char>(c) & 0x3fu);
  return value;
}

// The next character of `text`, taken off it: a valid sequence, or one byte that is none.
std::string_view next_character(std::string_view& text) {
  const std::size_t length = std::max<std::size_t>(utf8_sequence(text), 1);
  const std::string_view character = text.substr(0, length);
  text.remove_prefix(length);
  return character;
}

std::size_t width_of(std::string_view character) {
  if (utf8_sequence(character) == 0) return 1;
  const char32_t c = code_point(character);
  if (is_in(kCombining, c)) return 0;
  return is_in(kWide, c) ? 2 : 1;
}

bool says_utf8(const Environment& environment) {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string_view value = environment.variable(name);
    if (value.empty()) continue;
    const std::string lower = text::ascii_lower(value);
    return lower.find("utf-8") != std::string::npos || lower.find("utf8") != std::string::npos;
  }
  // Where the system has no locales of that kind, its terminals are UTF-8.
  return environment.system != System::linux_like;
}

std::string_view code_of(Ink ink) {
  switch (ink) {
    case Ink::plain:
      return {};
    case Ink::strong:
      return "\x1b[1m";
    case Ink::soft:
      return "\x1b[2m";
    case Ink::good:
      return "\x1b[32m";
    case Ink::bad:
      return "\x1b[31m";
  }
  return {};
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::string_view character = next_character(text);
    if (character == "\t") {
      out += ' ';
    } else if (utf8_sequence(character) == 0 || is_in(kUnprintable, code_point(character))) {
      out += '?';
    } else {
      out += character;
    }
  }
  return out;
}

std::size_t columns_of(std::string_view text) {
  std::size_t columns = 0;
  while (!text.empty()) columns += width_of(next_character(text));
  return columns;
}

std::string cut_to(std::string_view text, std::size_t columns, bool utf8) {
  if (columns_of(text) <= columns) return std::string(text);
  const std::string_view rest = utf8 ? "…" : "...";
  const std::size_t rest_columns = utf8 ? 1 : 3;
  std::string out;
  if (columns < rest_columns) return out;
  std::size_t left = columns - rest_columns;
  while (!text.empty()) {
    const std::string_view character = next_character(text);
    const std::size_t width = width_of(character);
    if (width > left) break;
    left -= width;
    out += character;
  }
  return out.append(rest);
}

Look look_of(const Environment& environment, bool is_terminal, std::size_t columns,
             std::size_t rows) {
  Look look;
  const std::string_view kind = environment.variable("TERM");
  // Windows has terminals without that variable.
  const bool capable = kind != "dumb" && (!kind.empty() || environment.system == System::windows);
  look.terminal = is_terminal;
  look.rewrites = is_terminal && capable;
  look.colours = look.rewrites && environment.variable("NO_COLOR").empty();
  look.utf8 = says_utf8(environment);
  if (columns == 0) {
    const std::string_view told = environment.variable("COLUMNS");
    std::from_chars(told.data(), told.data() + told.size(), columns);
  }
  look.columns = columns == 0 ? kUsualColumns : columns;
  look.rows = rows == 0 ? kUsualRows : rows;
  return look;
}

Terminal Terminal::standard_error(const Environment& environment) {
  const TerminalSize size = terminal_size(kStandardError);
  return {kStandardError,
          look_of(environment, environment.stderr_is_terminal, size.columns, size.rows)};
}

void Terminal::line(std::string_view text, Ink ink) {
  std::string out;
  if (in_progress_) out += kLineStartAndErase;
  in_progress_ = false;
  const std::string_view code = look_.colours ? code_of(ink) : std::string_view();
  out.append(code).append(printable(text));
  if (!code.empty()) out += kReset;
  out += '\n';
  write(out);
}

void Terminal::own_text(std::string_view text) {
  clear_progress();
  write(text);
}

void Terminal::progress(std::string_view kind, std::string_view text) {
  if (!look_.rewrites) {
    if (last_kind_ == kind) return;
    last_kind_ = kind;
    write(printable(text) + "\n");
    return;
  }
  last_kind_ = kind;
  in_progress_ = true;
  // One column is left free: at the last one terminals differ in where the cursor stands.
  const std::size_t columns = look_.columns > 1 ? look_.columns - 1 : 1;
  write(std::string(kLineStartAndErase) + cut_to(printable(text), columns, look_.utf8));
}

void Terminal::clear_progress() {
  if (in_progress_) write(kLineStartAndErase);
  in_progress_ = false;
}

void Terminal::write(std::string_view bytes) {
  write_all(descriptor_, bytes);
}

}  // namespace openunison::cli
