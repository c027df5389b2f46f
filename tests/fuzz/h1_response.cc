// SPDX-License-Identifier: Apache-2.0
//
// An answer's head, as our client reads it from a provider or a proxy. The first byte says whether
// it answers a HEAD.
#include "fuzz.h"
#include "head_in_pieces.h"
#include "http/h1/head_parser.h"
#include "http/syntax.h"

using openunison::http::Limits;
using openunison::http::h1::Framing;
using openunison::http::h1::ParsedResponse;
using openunison::http::h1::ResponseParser;

namespace {

using Outcome = openunison::http::h1::HeadOutcome<ParsedResponse>;

Outcome parse(std::string_view text, bool to_head, std::size_t step) {
  static const Limits kLimits;
  return openunison::http::h1::parse_in_pieces<ParsedResponse>(ResponseParser(kLimits, to_head),
                                                               text, step);
}

}  // namespace

FUZZ(text) {
  if (text.empty()) return;
  const bool to_head = (text.front() & 1) != 0;
  text.remove_prefix(1);
  const Outcome whole = parse(text, to_head, std::max<std::size_t>(text.size(), 1));
  if (text.size() < 2048) {
    const Outcome cut = parse(text, to_head, 1);
    MUST(cut.whole == whole.whole && cut.failed == whole.failed);
    MUST(cut.consumed == whole.consumed && cut.head.status == whole.head.status);
    MUST(cut.head.framing == whole.head.framing && cut.head.length == whole.head.length);
  }
  if (!whole.whole) return;
  const ParsedResponse& head = whole.head;
  MUST(head.status >= 100 && head.status <= 599);
  if (to_head || head.status < 200 || head.status == 204 || head.status == 304)
    MUST(head.framing == Framing::none);
  if (head.framing == Framing::until_close) MUST(!head.keep_alive);
  for (const auto& field : head.headers.fields())
    MUST(openunison::http::is_token(field.name) && openunison::http::is_field_value(field.value));
}
