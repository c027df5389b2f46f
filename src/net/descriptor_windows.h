// SPDX-License-Identifier: Apache-2.0
//
// The same for Windows, where Asio has no such class for a socket of ours. Its class for datagrams
// waits for readiness by select(), as the others here; that for streams would wait for data by a
// read of nothing, which a listening socket can't do. Nothing but waiting is asked of it.
// Private to net/, for asio.h.
#pragma once

#include <boost/asio/basic_datagram_socket.hpp>
#include <boost/asio/generic/datagram_protocol.hpp>

#include "net/task.h"

namespace openunison::net {

class Descriptor
    : public boost::asio::basic_datagram_socket<boost::asio::generic::datagram_protocol, Executor> {
  using Protocol = boost::asio::generic::datagram_protocol;
  using Base = boost::asio::basic_datagram_socket<Protocol, Executor>;

 public:
  explicit Descriptor(const Executor& executor) : Base(executor) {}
  Descriptor(const Executor& executor, int socket)
      : Base(executor, any(), static_cast<native_handle_type>(socket)) {}
  void assign(int socket, boost::system::error_code& error) {
    Base::assign(any(), static_cast<native_handle_type>(socket), error);
  }
  // Handles of Windows have 32 bits that count.
  int native_handle() { return static_cast<int>(Base::native_handle()); }

 private:
  static Protocol any() { return {2, 0}; }  // AF_INET: it isn't looked at
};

}  // namespace openunison::net
