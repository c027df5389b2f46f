// SPDX-License-Identifier: Apache-2.0
#include "identity/names.h"

#include <cstdint>

#include "text/utf8.h"

namespace openunison::identity {
namespace {

// The next code point of valid UTF-8; moves `at` behind it.
char32_t next_code_point(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t index) { return static_cast<std::uint8_t>(text[index]); };
  const std::uint8_t first = byte(at);
  const std::size_t length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  char32_t code = length == 1 ? first : first & (0xFFu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) code = (code << 6) | (byte(at + i) & 0x3Fu);
  at += length;
  return code;
}

bool is_control(char32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x2028 || code == 0x2029;
}

bool is_space(char32_t code) {
  return code == 0x20 || code == 0xA0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200A) ||
         code == 0x202F || code == 0x205F || code == 0x3000;
}

// Characters that print nothing or turn the direction of what follows.
bool is_invisible(char32_t code) {
  return code == 0xAD || code == 0x34F || code == 0x61C || code == 0x180E ||
         (code >= 0x200B && code <= 0x200F) || (code >= 0x202A && code <= 0x202E) ||
         (code >= 0x2060 && code <= 0x206F) || (code >= 0xFE00 && code <= 0xFE0F) ||
         code == 0xFEFF || (code >= 0xFFF9 && code <= 0xFFFB) ||
         (code >= 0xE0000 && code <= 0xE0FFF);
}

char32_t folded(char32_t code) {
  if (code >= 0xFF01 && code <= 0xFF5E) code -= 0xFEE0;  // full-width forms of ASCII
  if (code >= 'A' && code <= 'Z') code += 'a' - 'A';
  return code;
}

}  // namespace

std::string_view name_problem(std::string_view name) {
  if (name.empty()) return "it is empty";
  if (!text::valid_utf8(name)) return "it isn't UTF-8";
  std::size_t characters = 0;
  bool last_was_space = false;
  for (std::size_t at = 0; at < name.size();) {
    const bool first = at == 0;
    const char32_t code = next_code_point(name, at);
    if (is_control(code)) return "it has control characters or line breaks";
    if (is_invisible(code)) return "it has invisible characters";
    last_was_space = is_space(code);
    if (first && last_was_space) return "it starts with white space";
    if (++characters > kMaxNameCharacters) return "it is longer than 256 characters";
  }
  if (last_was_space) return "it ends with white space";
  return "";
}

bool looks_like_system(std::string_view name) {
  static constexpr std::string_view kSystem = "system:";
  if (!text::valid_utf8(name)) return false;  // such a name is refused anyway
  std::size_t matched = 0;
  for (std::size_t at = 0; at < name.size();) {
    const char32_t code = next_code_point(name, at);
    if (is_invisible(code) || is_control(code)) continue;
    if (matched == 0 && is_space(code)) continue;
    if (folded(code) != static_cast<char32_t>(kSystem[matched])) return false;
    if (++matched == kSystem.size()) return true;
  }
  return false;
}

bool glob_match(std::string_view pattern, std::string_view name) {
  std::size_t p = 0, n = 0;
  std::size_t star = std::string_view::npos, resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;  // let the last star take one more
      n = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::string printable(std::string_view text, std::size_t max_bytes) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    // One whole character, or one byte that belongs to none.
    std::size_t length = 1;
    while (length < 4 && at + length < text.size() && !text::valid_utf8(text.substr(at, length)))
      ++length;
    std::string_view piece = text.substr(at, length);
    if (!text::valid_utf8(piece)) piece = text.substr(at, 1);
    at += piece.size();
    std::size_t zero = 0;
    const bool good = text::valid_utf8(piece);
    const char32_t code = good ? next_code_point(piece, zero) : 0;
    if (out.size() + piece.size() > max_bytes) {
      out += "...";
      break;
    }
    if (good && !is_control(code) && !is_invisible(code)) {
      out += piece;
    } else {
      out += '?';
    }
  }
  return out;
}

std::string list_of(const std::vector<std::string>& names, std::size_t at_most) {
  std::string out;
  for (std::size_t i = 0; i < names.size() && i < at_most; ++i) {
    if (i > 0) out += ", ";
    out += printable(names[i], 128);
  }
  if (names.size() > at_most) out += " and " + std::to_string(names.size() - at_most) + " more";
  return out;
}

}  // namespace openunison::identity
