// SPDX-License-Identifier: Apache-2.0
//
// The system's resolver: it knows the hosts file, search domains, multicast names, a company's VPN
// and whatever else the machine is set up with.
#include <netdb.h>
#include <sys/socket.h>

#include <cstring>

#include "net/address.h"
#include "net/error.h"
#include "net/resolver.h"

namespace openunison::net {

Result<std::vector<std::string>> resolve_blocking(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (failed != 0)
    return fail(Errc::unresolved,
                "the name " + host + " has no address: " + ::gai_strerror(failed));
  std::vector<std::string> addresses;
  for (const addrinfo* each = list; each != nullptr; each = each->ai_next) {
    sockaddr_storage storage{};
    std::memcpy(&storage, each->ai_addr, each->ai_addrlen);
    addresses.push_back(peer_of(storage).ip);
  }
  ::freeaddrinfo(list);
  return addresses;
}

}  // namespace openunison::net
