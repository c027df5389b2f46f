// SPDX-License-Identifier: Apache-2.0
#include "net/fd_stream.h"

namespace openunison::net {

Task<Result<void>> wait_connected(Socket& socket, Deadline deadline) {
  return socket.wait_writable(deadline);
}

}  // namespace openunison::net
