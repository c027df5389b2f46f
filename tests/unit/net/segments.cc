// SPDX-License-Identifier: Apache-2.0
#include "segments.h"

#include <gtest/gtest.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace openunison::net::testing {

std::uint32_t segments_sent(int socket) {
  tcp_info info{};
  socklen_t size = sizeof info;
  EXPECT_EQ(::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size), 0);
  return info.tcpi_data_segs_out;
}

}  // namespace openunison::net::testing
