// SPDX-License-Identifier: Apache-2.0
//
// Every limit of the HTTP edge with its default, in one place; values key server.limits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace openunison::http {

struct Limits {
  std::size_t target_bytes = 16 * 1024;    // request line's target: 414
  std::size_t header_bytes = 32 * 1024;    // head without the request line: 431
  std::size_t header_count = 100;          // 431
  std::uint64_t body_bytes = 1024 * 1024;  // 413
  Millis first_byte_timeout{
      10'000};  // from accept (or the handshake's end) to the first byte: closed silently
  Millis handshake_timeout{10'000};
  Millis header_timeout{10'000};                  // from the first byte to the end of the head: 408
  Millis idle_timeout{120'000};                   // between requests: closed silently
  std::uint64_t body_min_bytes_per_second = 512;  // averaged over the body, after rate_grace: 408
  // Between two pieces of it, however fast the rest came: 408.
  Millis body_silence{30'000};
  std::uint64_t write_min_bytes_per_second =
      512;  // each 32 KiB of an answer, after rate_grace: cut
  Millis rate_grace{10'000};
  // Admission (http/admission.h). An address is an IPv4 address or the /64 of an IPv6 one.
  std::size_t requests_in_flight = 4096;             // being worked on: 503 with Retry-After
  std::size_t requests_in_flight_per_address = 256;  // 429 with Retry-After
  std::size_t requests = 32'768;                     // from head to end: 503 with Retry-After
  std::size_t requests_per_address = 1024;           // 429 with Retry-After
  std::size_t connections = 16'384;                  // closed at accept
  std::size_t connections_per_address = 1024;        // closed at accept
  std::size_t handshakes = 4096;                     // not finished: closed at accept
  std::size_t handshakes_per_address = 256;          // closed at accept
  std::size_t held_body_bytes = 64 * 1024 * 1024;    // of bodies, until their request ends: 503
  std::size_t held_body_bytes_per_address = 4 * 1024 * 1024;  // 503
  std::size_t requests_per_connection = 100'000;
  std::size_t streams_per_connection = 100;  // HTTP/2: at once; more are refused, one by one
  // HTTP/2: of answers that wait for the client to take them, over all streams; more are cut, but
  // for the first. Sixteen times as much of a trusted proxy.
  std::size_t waiting_bytes_per_connection = 4 * 1024 * 1024;
  Millis drain_timeout{20'000};  // after SIGTERM
};

}  // namespace openunison::http
