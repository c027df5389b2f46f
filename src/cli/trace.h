// SPDX-License-Identifier: Apache-2.0
//
// Trace: what the program does, for -v: which requests it makes, what it decides by what is kept,
// what it waits for. It is given words that this program made and names that others gave; nobody
// hands it a secret, and what goes into a request or comes back is shown by described_form() and
// described_url() alone, which know what may be shown and blank the rest. Copies are cheap; lines
// may come from any thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "text/url.h"

namespace openunison::cli {

class Trace {
 public:
  using Sink = std::function<void(std::string_view line)>;

  // Says nothing.
  Trace() = default;
  // 1 (-v): requests, decisions, waits; 2 (-vv): what was in the requests besides.
  Trace(int level, Sink sink) : level_(level), sink_(std::move(sink)) {}

  int level() const { return level_; }
  void say(std::string_view line) const {
    if (level_ >= 1 && sink_) sink_(line);
  }
  void more(std::string_view line) const {
    if (level_ >= 2 && sink_) sink_(line);
  }

 private:
  int level_ = 0;
  Sink sink_;
};

// "grant_type=refresh_token client_id=kubernetes refresh_token=[43 characters]": the values of
// fields that are known to be no secret, of all others the length.
std::string described_form(std::string_view body);
// Its origin and path; of a query "?..." and nothing of it.
std::string described_url(const text::Url& url);

}  // namespace openunison::cli
