// SPDX-License-Identifier: Apache-2.0
//
// A client's bytes to a whole HTTP/1.1 connection of the server: heads, bodies that are read and
// such that aren't, pipelines, upgrades. The first byte says in how large pieces they come. What
// the server sends must be answers that our own client can read, one behind the other, and nothing
// else.
#include "connection_in_memory.h"
#include "http/h1/body_decoder.h"
#include "http/h1/head_parser.h"

using namespace openunison;

namespace {

http::h1::ParsedResponse read_head(std::string_view bytes, bool to_head, std::size_t& consumed) {
  static const http::Limits kLimits;
  http::h1::ResponseParser parser(kLimits, to_head);
  const auto whole = parser.parse(bytes);
  MUST(whole && *whole);
  consumed = parser.consumed();
  return parser.take();
}

// The answers, the last of which may be cut short.
void check_answers(std::string_view bytes) {
  while (!bytes.empty()) {
    std::size_t consumed = 0;
    const bool to_head = read_head(bytes, true, consumed).headers.contains("x-head");
    const http::h1::ParsedResponse head = read_head(bytes, to_head, consumed);
    bytes.remove_prefix(consumed);
    if (head.status == 101) return;  // what follows is the tunnel's
    http::h1::BodyDecoder decoder(head.framing, head.length);
    while (!decoder.done() && !bytes.empty()) {
      const auto step = decoder.step(bytes);
      MUST(step.has_value());
      bytes.remove_prefix(step->consumed);
    }
    if (head.status >= 200 && !head.keep_alive) MUST(bytes.empty());
  }
}

}  // namespace

FUZZ(text) {
  if (text.empty()) return;
  const std::size_t step = static_cast<unsigned char>(text.front());
  text.remove_prefix(1);
  check_answers(http::fuzz::converse(http::h1::serve, text, step == 0 ? text.size() : step));
}
