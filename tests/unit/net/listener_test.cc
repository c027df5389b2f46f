// SPDX-License-Identifier: Apache-2.0
#include "net/listener.h"

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "loopback.h"

namespace openunison::net::testing {
namespace {

using ::testing::HasSubstr;

Task<void> drop(std::unique_ptr<Stream> stream) {
  stream->close();
  co_return;
}

std::string at(std::uint16_t port) {
  return "127.0.0.1:" + std::to_string(port);
}

class Threads : public ::testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(OneAndSeveral, Threads, ::testing::Values(1u, 3u));

// With several threads each has a socket of its own at the address, which must not let a second
// server in.
TEST_P(Threads, AnAddressInUseIsAnErrorThatNamesIt) {
  Runtime first(GetParam()), second(GetParam());
  auto held = Listener::open(first, "127.0.0.1:0", drop);
  ASSERT_TRUE(held);
  ASSERT_NE((*held)->port(), 0);
  const auto refused = Listener::open(second, at((*held)->port()), drop);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(Errc::io));
  EXPECT_THAT(refused.error().message(), HasSubstr(at((*held)->port())));
  EXPECT_THAT(refused.error().message(), HasSubstr("in use"));
  held->reset();
  EXPECT_TRUE(Listener::open(second, "127.0.0.1:0", drop));
}

TEST(Listener, AddressesTable) {
  Runtime runtime(1);
  for (const char* good : {"127.0.0.1:0", "0.0.0.0:0", "[::1]:0"})
    EXPECT_TRUE(Listener::open(runtime, good, drop)) << good;
  for (const char* bad :
       {"", "127.0.0.1", ":0", "localhost:0", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:x",
        "::1:0", "[::1]", "[127.0.0.1]:0", "127.0.0.1:0 ", "1.2.3:0"})
    EXPECT_FALSE(Listener::open(runtime, bad, drop)) << bad;
}

TEST(Listener, AnAddressOfAnotherMachineIsAnError) {
  Runtime runtime(1);
  const auto refused = Listener::open(runtime, "192.0.2.1:0", drop);  // RFC 5737
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("192.0.2.1:0"));
}

TEST_F(Loopback, ClosedListenerAcceptsNoMoreAndConnectionsLiveOn) {
  Pair pair = connect();
  const std::uint16_t port = listener_->port();
  listener_->close();
  const auto refused = run(connect_tcp("127.0.0.1", port, in(kPatience)));
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(Errc::refused));
  EXPECT_TRUE(run(pair.near->write("still", in(kPatience))));
  char buffer[16];
  const auto got = run(pair.far->read_some(buffer, in(kPatience)));
  ASSERT_TRUE(got);
  EXPECT_EQ(std::string(buffer, *got), "still");
}

// Goes on for as long as connections come, and notes how many came between two turns of its own.
Task<void> look_between(const std::size_t& accepted, std::size_t all, std::size_t& most) {
  std::size_t seen = 0;
  const Deadline end = in(kPatience);
  while (seen < all && std::chrono::steady_clock::now() < end) {
    co_await sleep_until(std::chrono::steady_clock::now());
    most = std::max(most, accepted - seen);
    seen = accepted;
  }
}

// A flood of connections doesn't keep a thread from the connections that it has.
TEST(Listener, OthersHaveTheirTurnWhileManyConnect) {
  constexpr std::size_t kMany = 500;
  Runtime runtime(1);
  std::size_t accepted = 0, most = 0;
  const auto listener =
      Listener::open(runtime, "127.0.0.1:0", [&accepted](std::unique_ptr<Stream> stream) {
        ++accepted;
        return drop(std::move(stream));
      });
  ASSERT_TRUE(listener);
  std::vector<int> clients;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons((*listener)->port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (std::size_t i = 0; i < kMany; ++i) {
    clients.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(
        ::connect(clients.back(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  runtime.block_on(look_between(accepted, kMany, most));
  EXPECT_EQ(accepted, kMany);
  EXPECT_LE(most, 64u);
  for (const int client : clients) ::close(client);
}

TEST_F(Loopback, AcceptedConnectionsSayWhoseTheyAre) {
  const Pair pair = connect();
  EXPECT_EQ(pair.far->peer().ip, "127.0.0.1");
  EXPECT_NE(pair.far->peer().port, 0);
  EXPECT_EQ(pair.near->peer().port, listener_->port());
  EXPECT_FALSE(pair.far->tls().active);
}

class UnixListener : public ::testing::Test {
 protected:
  UnixListener() {
    char name[] = "/tmp/openunison-net-XXXXXX";
    directory_ = ::mkdtemp(name);
    path_ = directory_ + "/admin.sock";
  }
  ~UnixListener() override {
    ::unlink(path_.c_str());
    ::rmdir(directory_.c_str());
  }
  bool exists() const { return ::access(path_.c_str(), F_OK) == 0; }
  Runtime runtime_{1};
  std::string directory_, path_;
};

TEST_F(UnixListener, IsForItsOwnerOnlyAndGoesWhenItCloses) {
  auto listener = Listener::open_unix(runtime_, path_, drop);
  ASSERT_TRUE(listener) << listener.error().message();
  struct stat status{};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0600u);
  EXPECT_TRUE(runtime_.block_on(connect_unix(path_, in(kPatience))));
  (*listener)->close();
  EXPECT_FALSE(exists());
}

TEST_F(UnixListener, ReplacesWhatAServerThatDiedLeftBehind) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path_.copy(address.sun_path, path_.size());
  const int died = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(::bind(died, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::close(died);
  ASSERT_TRUE(exists());
  EXPECT_TRUE(Listener::open_unix(runtime_, path_, drop));
}

TEST_F(UnixListener, LeavesALiveOneAlone) {
  auto live = Listener::open_unix(runtime_, path_, drop);
  ASSERT_TRUE(live);
  const auto refused = Listener::open_unix(runtime_, path_, drop);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr(path_));
  EXPECT_TRUE(runtime_.block_on(connect_unix(path_, in(kPatience))));
}

TEST_F(UnixListener, NeverReplacesAFileThatIsNoSocket) {
  std::ofstream(path_) << "precious";
  EXPECT_FALSE(Listener::open_unix(runtime_, path_, drop));
  std::ifstream in(path_);
  std::string content;
  in >> content;
  EXPECT_EQ(content, "precious");
}

TEST_F(UnixListener, AMissingOneIsNamed) {
  const auto refused = runtime_.block_on(connect_unix(path_, in(kPatience)));
  ASSERT_FALSE(refused);
}

}  // namespace
}  // namespace openunison::net::testing
