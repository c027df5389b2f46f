// SPDX-License-Identifier: Apache-2.0
//
// Looking through text for what can't be taken as it stands. Shared by all who escape or check it.
#pragma once

#include <cstddef>
#include <string_view>

namespace openunison {

namespace scan {

// Of kCount bytes any; compilers make a few vector instructions of it if `special` has no branches.
template <std::size_t kCount, class Special>
bool any(const unsigned char* bytes, Special special) {
  unsigned char found = 0;
  for (std::size_t i = 0; i < kCount; ++i) found |= static_cast<unsigned char>(special(bytes[i]));
  return found != 0;
}

}  // namespace scan

// How many bytes at the front of `text` are plain, i.e. not `special(unsigned char)`. What is
// written is nearly always plain to its end, tokens of a thousand bytes and names of ten alike: so
// that is looked for first, in steps that may overlap.
template <class Special>
std::size_t plain_length(std::string_view text, Special special) {
  const auto* const from = reinterpret_cast<const unsigned char*>(text.data());
  const std::size_t size = text.size();
  std::size_t at = 0;
  for (; size - at >= 16; at += 16) {
    if (scan::any<16>(from + at, special)) break;
  }
  const bool plain =
      size >= 16  ? size - at < 16 && !scan::any<16>(from + size - 16, special)
      : size >= 8 ? !scan::any<8>(from, special) && !scan::any<8>(from + size - 8, special)
      : size >= 4 ? !scan::any<4>(from, special) && !scan::any<4>(from + size - 4, special)
                  : false;
  if (plain) return size;
  while (at < size && !special(from[at])) ++at;
  return at;
}

// The length of the valid UTF-8 sequence at the front of `text`, 1 to 4, or 0 if there is none
// (RFC 3629 §4: no overlong forms, no surrogates, nothing over U+10FFFF).
std::size_t utf8_sequence(std::string_view text);

}  // namespace openunison
