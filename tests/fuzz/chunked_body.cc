// SPDX-License-Identifier: Apache-2.0
//
// A chunked body: how the bytes are cut must not matter, and no more comes out than went in.
#include <string>

#include "fuzz.h"
#include "http/h1/body_decoder.h"

using openunison::http::h1::ChunkedDecoder;

namespace {

struct Outcome {
  bool failed = false, done = false;
  std::string body;
  std::size_t consumed = 0;
};

Outcome decode(std::string_view text, std::size_t piece) {
  ChunkedDecoder decoder;
  Outcome outcome;
  while (!decoder.done() && outcome.consumed < text.size()) {
    const auto step = decoder.step(text.substr(outcome.consumed, piece));
    if (!step) {
      outcome.failed = true;
      return outcome;
    }
    MUST(step->consumed > 0 && step->data.size() <= step->consumed);
    outcome.consumed += step->consumed;
    outcome.body += step->data;
  }
  outcome.done = decoder.done();
  return outcome;
}

}  // namespace

FUZZ(text) {
  const Outcome whole = decode(text, text.size());
  for (const std::size_t piece : {1u, 3u, 64u}) {
    const Outcome cut = decode(text, piece);
    MUST(cut.failed == whole.failed && cut.done == whole.done);
    if (!whole.failed) MUST(cut.body == whole.body && cut.consumed == whole.consumed);
  }
  MUST(whole.body.size() <= text.size());
  if (whole.done) MUST(text.substr(0, whole.consumed).ends_with("\r\n\r\n"));
}
