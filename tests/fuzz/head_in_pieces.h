// SPDX-License-Identifier: Apache-2.0
//
// A message's head given to its parser in growing pieces.
#pragma once

#include <algorithm>
#include <string_view>

namespace openunison::http::h1 {

template <class Head>
struct HeadOutcome {
  bool whole = false, failed = false;
  std::size_t consumed = 0;
  Head head;
};

// The parser sees `step` bytes more at a time.
template <class Head, class Parser>
HeadOutcome<Head> parse_in_pieces(Parser parser, std::string_view text, std::size_t step) {
  HeadOutcome<Head> outcome;
  for (std::size_t size = std::min(step, text.size());; size = std::min(size + step, text.size())) {
    const auto whole = parser.parse(text.substr(0, size));
    outcome.failed = !whole;
    outcome.whole = whole && *whole;
    if (outcome.whole) {
      outcome.consumed = parser.consumed();
      outcome.head = parser.take();
    }
    if (outcome.failed || outcome.whole || size == text.size()) return outcome;
  }
}

}  // namespace openunison::http::h1
