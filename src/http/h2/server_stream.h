// SPDX-License-Identifier: Apache-2.0
//
// What the session and a request's service share of one stream. Belongs to the connection's thread.
// Private to http/.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/h2/request_head.h"
#include "net/signal.h"

namespace openunison::http::h2 {

struct ServerStream {
  ServerStream(std::int32_t number, const Limits& limits, bool secure)
      : id(number), reader(limits, secure) {}

  const std::int32_t id;
  RequestHeadReader reader;
  RequestHead head;  // once it is whole

  // The request's body. At most a window of it is here unread.
  std::string inbound;
  std::size_t inbound_taken = 0;  // of `inbound`
  std::uint64_t inbound_total = 0;
  bool inbound_ended = false;  // END_STREAM came
  bool too_large = false;      // more than the limit came; the rest is dropped
  bool discards = false;       // nobody will read any more
  net::Signal arrived;

  // The answer's body: frames are made of it as the client's windows allow.
  bool answered = false;  // its head is on its way
  std::string_view outbound;
  bool outbound_last = false;    // nothing follows `outbound`
  bool end_queued = false;       // END_STREAM is in a frame
  bool end_sent = false;         // that frame is among the bytes to send
  bool reset_after_end = false;  // the client is still sending what nobody wants (RFC 9113 §8.1)
  net::Signal taken;

  bool asked_too_much = false;  // the answer was cut since the client doesn't take what it asks for

  bool is_tunnel = false;   // of an extended CONNECT: no limit on the whole
  bool reset_here = false;  // closed by a reset of ours
  bool closed = false;      // nothing comes or goes any more

  std::string_view unread() const { return std::string_view(inbound).substr(inbound_taken); }
};

}  // namespace openunison::http::h2
