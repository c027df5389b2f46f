// SPDX-License-Identifier: Apache-2.0
//
// A request's head: how the bytes are cut must not matter, what is taken must be free of doubt.
#include "fuzz.h"
#include "head_in_pieces.h"
#include "http/h1/head_parser.h"
#include "http/syntax.h"

using openunison::http::Limits;
using openunison::http::h1::Framing;
using openunison::http::h1::ParsedRequest;
using openunison::http::h1::RequestParser;

namespace {

using Outcome = openunison::http::h1::HeadOutcome<ParsedRequest>;

Outcome parse(std::string_view text, std::size_t step) {
  static const Limits kLimits;
  return openunison::http::h1::parse_in_pieces<ParsedRequest>(RequestParser(kLimits, true), text,
                                                              step);
}

}  // namespace

FUZZ(text) {
  const Outcome whole = parse(text, std::max<std::size_t>(text.size(), 1));
  if (text.size() < 2048) {
    for (const std::size_t step : {1u, 7u}) {
      const Outcome cut = parse(text, step);
      MUST(cut.whole == whole.whole && cut.failed == whole.failed);
      MUST(cut.consumed == whole.consumed);
      MUST(cut.head.method == whole.head.method && cut.head.path == whole.head.path);
      MUST(cut.head.framing == whole.head.framing && cut.head.length == whole.head.length);
    }
  }
  if (!whole.whole) return;
  const ParsedRequest& head = whole.head;
  MUST(whole.consumed <= text.size());
  MUST(text.substr(0, whole.consumed).ends_with("\r\n\r\n"));
  MUST(openunison::http::is_token(head.method) && head.method != "CONNECT");
  MUST(!head.authority.host.empty());
  MUST(head.path.starts_with('/') || (head.path == "*" && head.method == "OPTIONS"));
  MUST((head.framing == Framing::length) == (head.length > 0));
  MUST(head.framing != Framing::until_close);
  MUST(head.minor == 1 || head.framing != Framing::chunked);
  for (const auto& field : head.headers.fields()) {
    MUST(openunison::http::is_token(field.name) && openunison::http::is_field_value(field.value));
    MUST(field.name != "transfer-encoding" && field.name != "content-length" &&
         field.name != "host" && field.name != "connection");
  }
}
