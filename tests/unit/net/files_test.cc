// SPDX-License-Identifier: Apache-2.0
#include "net/files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/connect.h"
#include "net/fd_stream.h"
#include "net/listener.h"
#include "net/runtime.h"

namespace openunison::net {
namespace {

constexpr Millis kPatience{10'000};

TEST(Files, SomeAreKeptBack) {
  struct {
    std::size_t open_files, wanted, fit;
  } const cases[] = {
      {1'048'576, 16'384, 16'384},
      {16'896, 16'384, 16'384},
      {16'895, 16'384, 16'383},
      {1'024, 16'384, 512},
      {64, 16'384, 32},
      {1, 16'384, 1},
      {0, 16'384, 1},
  };
  for (const auto& each : cases)
    EXPECT_EQ(connections_that_fit(each.open_files, each.wanted), each.fit) << each.open_files;
}

// For the length of a test.
class FewFiles {
 public:
  explicit FewFiles(rlim_t soft) {
    ::getrlimit(RLIMIT_NOFILE, &former_);
    rlimit few = former_;
    few.rlim_cur = soft;
    ::setrlimit(RLIMIT_NOFILE, &few);
  }
  ~FewFiles() { ::setrlimit(RLIMIT_NOFILE, &former_); }

 private:
  rlimit former_{};
};

TEST(Files, SoftLimitIsRaisedToTheHardOne) {
  const FewFiles few(100);
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  EXPECT_EQ(raise_open_files(), limit.rlim_max);
  ::getrlimit(RLIMIT_NOFILE, &limit);
  EXPECT_EQ(limit.rlim_cur, limit.rlim_max);
}

Task<void> keep(std::vector<std::unique_ptr<Stream>>& streams, std::unique_ptr<Stream> stream) {
  streams.push_back(std::move(stream));
  co_return;
}

// The client's socket is made first, then no descriptor is left for the server's.
Task<void> turned_away(std::uint16_t port, const std::vector<std::unique_ptr<Stream>>& streams,
                       const int& refused) {
  auto first = co_await connect_tcp("127.0.0.1", port, in(kPatience));
  EXPECT_TRUE(first);
  while (streams.empty()) co_await sleep_until(in(Millis(1)));
  const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  {
    const FewFiles few(64);
    std::vector<int> taken;
    for (int fd = 0; fd >= 0;) {
      fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
      if (fd >= 0) taken.push_back(fd);
    }
    // The backlog takes it; the listener's thread is this one.
    EXPECT_EQ(::connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    while (refused == 0) co_await sleep_until(in(Millis(1)));
    char byte[1];
    EXPECT_LE(::recv(client, byte, 1, 0), 0) << "closed at once, not left waiting";
    for (const int fd : taken) ::close(fd);
  }
  ::close(client);
  EXPECT_EQ(refused, 1);
  auto third = co_await connect_tcp("127.0.0.1", port, in(kPatience));
  EXPECT_TRUE(third);
}

TEST(Files, WithoutADescriptorConnectionsAreTurnedAwayAndAcceptingGoesOn) {
#if defined(__has_feature)
#if __has_feature(undefined_behavior_sanitizer)
  // The sanitizer looks at objects through a pipe, which there is none for here; it then takes
  // sound ones for broken.
  GTEST_SKIP() << "the sanitizer itself needs descriptors";
#endif
#endif
  Runtime runtime(1);
  std::vector<std::unique_ptr<Stream>> streams;
  int refused = 0;
  auto listener = Listener::open(
      runtime, "127.0.0.1:0",
      [&](std::unique_ptr<Stream> stream) { return keep(streams, std::move(stream)); },
      [&] { ++refused; });
  ASSERT_TRUE(listener) << listener.error().message();
  runtime.block_on(turned_away((*listener)->port(), streams, refused));
  streams.clear();
}

// What epoll refuses is an error of that one connection; it was an exception that ended the
// program.
TEST(Files, SocketThatCannotBeWatchedIsAnError) {
  Runtime runtime(1);
  const auto socket = Socket::create(runtime.executor(0), 1'000'000);
  ASSERT_FALSE(socket);
  EXPECT_TRUE(socket.error().is(Errc::io));
}

}  // namespace
}  // namespace openunison::net
