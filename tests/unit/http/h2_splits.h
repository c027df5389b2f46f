// SPDX-License-Identifier: Apache-2.0
//
// What the tests of the server's HTTP/2 connections share: each runs with reads as they come, of
// one byte, and of seven.
#pragma once

#include <gtest/gtest.h>

#include "h2_peer.h"

namespace openunison::http::testing {

class H2Splits : public ::testing::TestWithParam<std::size_t> {
 protected:
  Nothing nothing_;
};

// By how much the window of stream 1 was opened.
inline std::size_t opened_by(const H2Reading& got) {
  std::size_t sum = 0;
  for (const ReceivedFrame& each : got.frames) {
    if (each.type != kWindowUpdate || each.stream != 1) continue;
    std::size_t value = 0;
    for (const char byte : each.payload) value = value << 8 | static_cast<unsigned char>(byte);
    sum += value;
  }
  return sum;
}

}  // namespace openunison::http::testing
