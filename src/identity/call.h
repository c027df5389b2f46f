// SPDX-License-Identifier: Apache-2.0
//
// Call: on whose behalf a provider is asked, and until when. A Deadline alone is a call that no
// request has asked for.
#pragma once

#include "http/trace_context.h"
#include "net/stream.h"

namespace openunison::identity {

struct Call {
  // Not explicit: a deadline is all that most callers have.
  Call(net::Deadline until, http::TraceContext part_of = {})
      : deadline(until), trace(std::move(part_of)) {}

  net::Deadline deadline;
  http::TraceContext trace;
};

}  // namespace openunison::identity
