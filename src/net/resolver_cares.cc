// SPDX-License-Identifier: Apache-2.0
//
// c-ares: for programs that are linked statically, where the system's resolver would have to load
// its plugins from a C library of just the same version. Knows /etc/hosts and /etc/resolv.conf.
#include <ares.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstring>
#include <memory>

#include "net/address.h"
#include "net/error.h"
#include "net/resolver.h"

namespace openunison::net {
namespace {

constexpr int kTryMillis = 2'000;
constexpr int kTries = 3;

struct Answer {
  int status = ARES_ETIMEOUT;
  std::vector<std::string> addresses;
};

void take(void* into, int status, int, ares_addrinfo* found) {
  auto& answer = *static_cast<Answer*>(into);
  answer.status = status;
  if (status != ARES_SUCCESS) return;
  for (const ares_addrinfo_node* each = found->nodes; each != nullptr; each = each->ai_next) {
    sockaddr_storage storage{};
    std::memcpy(&storage, each->ai_addr, each->ai_addrlen);
    answer.addresses.push_back(peer_of(storage).ip);
  }
  ares_freeaddrinfo(found);
}

// Until everything that was asked is answered or given up.
void wait(ares_channel channel) {
  for (;;) {
    ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
    const int wanted = ares_getsock(channel, sockets, ARES_GETSOCK_MAXNUM);
    pollfd waits[ARES_GETSOCK_MAXNUM];
    nfds_t count = 0;
    for (int i = 0; i < ARES_GETSOCK_MAXNUM; ++i) {
      const bool read = ARES_GETSOCK_READABLE(wanted, i);
      const bool write = ARES_GETSOCK_WRITABLE(wanted, i);
      if (!read && !write) continue;
      const int events = (read ? POLLIN : 0) | (write ? POLLOUT : 0);
      waits[count++] = {sockets[i], static_cast<short>(events), 0};
    }
    if (count == 0) return;
    timeval longest{1, 0};
    timeval until{};
    const timeval* next = ares_timeout(channel, &longest, &until);
    ::poll(waits, count, static_cast<int>(next->tv_sec * 1'000 + next->tv_usec / 1'000 + 1));
    bool ready = false;
    for (nfds_t i = 0; i < count; ++i) {
      if (waits[i].revents == 0) continue;
      ready = true;
      const bool read = (waits[i].revents & ~POLLOUT) != 0;
      const bool write = (waits[i].revents & POLLOUT) != 0;
      ares_process_fd(channel, read ? waits[i].fd : ARES_SOCKET_BAD,
                      write ? waits[i].fd : ARES_SOCKET_BAD);
    }
    if (!ready) ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  }
}

struct ChannelDeleter {
  void operator()(ares_channel channel) const { ares_destroy(channel); }
};

}  // namespace

Result<std::vector<std::string>> resolve_blocking(const std::string& host) {
  static const int usable = ares_library_init(ARES_LIB_INIT_ALL);
  ares_options options{};
  options.timeout = kTryMillis;
  options.tries = kTries;
  ares_channel made = nullptr;
  const int failed = usable != ARES_SUCCESS
                         ? usable
                         : ares_init_options(&made, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES);
  if (failed != ARES_SUCCESS)
    return fail(Errc::unresolved,
                std::string("names can't be looked up: ") + ares_strerror(failed));
  Answer answer;
  {
    const std::unique_ptr<std::remove_pointer_t<ares_channel>, ChannelDeleter> channel(made);
    ares_addrinfo_hints hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    ares_getaddrinfo(made, host.c_str(), nullptr, &hints, take, &answer);
    wait(made);
  }
  if (answer.status != ARES_SUCCESS)
    return fail(Errc::unresolved,
                "the name " + host + " has no address: " + ares_strerror(answer.status));
  return std::move(answer.addresses);
}

}  // namespace openunison::net
