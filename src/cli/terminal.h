// SPDX-License-Identifier: Apache-2.0
//
// What a person reads, on standard error: standard output is kubectl's, or a pipe's. Everything
// goes through printable(), so that no text of a server or a file can move the cursor, set the
// title, fill the clipboard or forge a line. Not thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "cli/environment.h"

namespace openunison::cli {

// One line's worth of text: control characters (C0, DEL, C1, so escapes and newlines), broken
// UTF-8, line separators and marks that turn the direction of writing become '?', a tab becomes a
// space.
std::string printable(std::string_view text);

// What can be done on it.
struct Look {
  bool terminal = false;
  bool colours = false;      // a terminal, no NO_COLOR (no-color.org), TERM isn't "dumb" or unset
  bool rewrites = false;     // a line can be replaced: a terminal that isn't dumb
  bool utf8 = false;         // by LC_ALL, LC_CTYPE, LANG, in that order
  std::size_t columns = 80;  // 80 where nobody knows
  std::size_t rows = 24;
};
// Pure; the size as the system gives it, 0: unknown.
Look look_of(const Environment& environment, bool is_terminal, std::size_t columns,
             std::size_t rows);

enum class Ink { plain, strong, soft, good, bad };

class Terminal {
 public:
  // Standard error, as it is now.
  static Terminal standard_error(const Environment& environment);
  // For tests: any descriptor, which outlives it.
  Terminal(int descriptor, Look look) : descriptor_(descriptor), look_(look) {}

  const Look& look() const { return look_; }

  // printable(text) and a newline; a line of progress is ended first.
  void line(std::string_view text, Ink ink = Ink::plain);
  // Several lines that this program made itself, as they are (a QR code): no text of others.
  void own_text(std::string_view text);
  // On a terminal the last line, replaced each time and cut to the width; elsewhere printed once
  // for each new `kind` ("waiting for the browser"), however often `text` changes.
  void progress(std::string_view kind, std::string_view text);
  // Takes the line of progress away.
  void clear_progress();

 private:
  void write(std::string_view bytes);

  int descriptor_;
  Look look_;
  bool in_progress_ = false;
  std::string last_kind_ = {};
};

// How many columns the text takes: characters, wide ones twice, combining ones not at all.
std::size_t columns_of(std::string_view text);
// At most `columns` of it, "…" (or "..." without UTF-8) for the rest.
std::string cut_to(std::string_view text, std::size_t columns, bool utf8);

}  // namespace openunison::cli
