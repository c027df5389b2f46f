// SPDX-License-Identifier: Apache-2.0
//
// What must change nothing: after all of it the sign-in's own callback still counts, and its code
// is the one that is given.
#include <gmock/gmock.h>
#include <grp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/machine_posix.h"
#include "loopback_fixture.h"
#include "net/files.h"

namespace openunison::cli::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

struct Knock {
  const char* name;
  std::string bytes;
  const char* answer;  // what it begins with
};

class HostileTest : public LoopbackTest {
 protected:
  std::string request(std::string_view line, std::string_view fields) const {
    return std::string(line) + "\r\n" + std::string(fields) + "\r\n";
  }
  std::string host(std::string_view value) const {
    return request("GET /callback?" + query_with("evil") + " HTTP/1.1",
                   "Host: " + std::string(value) + "\r\n");
  }
  std::string with(std::string_view method_and_path) const {
    return request(std::string(method_and_path) + " HTTP/1.1", "Host: " + host_ + "\r\n");
  }
  void expect_still_waiting() {
    std::string page;
    EXPECT_EQ(right_callback(page).code, "right");
    finish();
    runtime_.block_on(until_filled(page));
    EXPECT_THAT(page, HasSubstr("You’re signed in"));
  }
};

TEST_F(HostileTest, Queries) {
  const std::string state = std::string("&state=") + kState;
  const std::string iss = std::string("&iss=") + kEncodedIssuer;
  const std::string error = "error=access_denied";
  const struct {
    const char* name;
    std::string query;
  } cases[] = {
      {"nothing", ""},
      {"no state", "code=evil" + iss},
      {"empty state", "code=evil&state=" + iss},
      {"wrong state", "code=evil&state=b" + std::string(kState).substr(1) + iss},
      {"shorter state", "code=evil&state=" + std::string(kState).substr(1) + iss},
      {"longer state", "code=evil" + state + "x" + iss},
      {"state in upper case", "code=evil&STATE=" + std::string(kState) + iss},
      {"state twice, the same", "code=evil" + state + state + iss},
      {"state twice, the right one last", "code=evil&state=x" + state + iss},
      {"state as an array", "code=evil&state[]=" + std::string(kState) + iss},
      {"state with a NUL", "code=evil" + state + "%00" + iss},
      {"no iss", "code=evil" + state},
      {"empty iss", "code=evil" + state + "&iss="},
      {"wrong iss", "code=evil" + state + "&iss=https%3A%2F%2Fevil.example.com"},
      {"iss with a slash", "code=evil" + state + iss + "%2F"},
      {"iss in upper case",
       "code=evil" + state + "&iss=HTTPS%3A%2F%2Fk8sou.example.com%2Fauth%2Fidp%2Fk8sIdp"},
      {"iss twice", "code=evil" + state + iss + iss},
      {"the issuer's host alone", "code=evil" + state + "&iss=https%3A%2F%2Fk8sou.example.com"},
      {"neither code nor error", state + iss},
      {"empty code", "code=" + state + iss},
      {"code and error", "code=evil&" + error + state + iss},
      {"code twice", "code=evil&code=evil2" + state + iss},
      {"long code", "code=" + std::string(4097, 'x') + state + iss},
      {"code with a newline", "code=evil%0a" + state + iss},
      {"code that isn't ASCII", "code=%c3%a9" + state + iss},
      {"code that isn't UTF-8", "code=%ff" + state + iss},
      {"broken escape", "code=%zz" + state + iss},
      {"long error", "error=" + std::string(129, 'x') + state + iss},
      {"error with an escape sequence", "error=%1b%5b2J" + state + iss},
      {"error without state", error + iss},
      {"error with wrong state", error + "&state=x" + iss},
      {"error without iss", error + state},
      {"error twice", error + "&" + error + state + iss},
      {"description twice", error + "&error_description=a&error_description=b" + state + iss},
      {"too many parameters",
       [] {
         std::string many;
         for (int i = 0; i < 300; ++i) many += "a" + std::to_string(i) + "=1&";
         return many;
       }() +
           query_with("evil")},
      {"encoded twice", "code=evil%26state%3D" + std::string(kState) + iss},
      {"semicolons", "code=evil;state=" + std::string(kState) + ";iss=" + kEncodedIssuer},
  };
  for (const auto& c : cases) {
    const std::string answer = runtime_.block_on(knock(get(c.query)));
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 400")) << c.name;
    EXPECT_THAT(answer, Not(HasSubstr("evil"))) << c.name;  // nothing is given back
    EXPECT_THAT(answer, Not(HasSubstr(kState))) << c.name;
  }
  expect_still_waiting();
}

TEST_F(HostileTest, EveryOtherStateAndIssuer) {
  const std::string right = query_with("evil");
  for (std::size_t i = std::string("code=evil&").size(); i < right.size(); ++i) {
    std::string wrong = right;
    wrong[i] = wrong[i] == 'x' ? 'y' : 'x';
    EXPECT_THAT(runtime_.block_on(knock(get(wrong))), StartsWith("HTTP/1.1 400")) << i;
  }
  expect_still_waiting();
}

TEST_F(HostileTest, HostsMethodsPathsAndForms) {
  const std::string port = std::to_string(port_);
  const std::string other = std::to_string(port_ == 1 ? 2 : port_ - 1);
  const std::string good = "/callback?" + query_with("evil");
  const std::string fields = "Host: " + host_ + "\r\n";
  const Knock cases[] = {
      // DNS rebinding, and names that are not asked for.
      {"a stranger's name", host("evil.example.com:" + port), "HTTP/1.1 421"},
      {"localhost", host("localhost:" + port), "HTTP/1.1 421"},
      {"a name that holds the address", host("127.0.0.1.nip.example:" + port), "HTTP/1.1 421"},
      {"the address without a port", host("127.0.0.1"), "HTTP/1.1 421"},
      {"another port", host("127.0.0.1:" + other), "HTTP/1.1 421"},
      {"another address", host("127.0.0.2:" + port), "HTTP/1.1 421"},
      {"any address", host("0.0.0.0:" + port), "HTTP/1.1 421"},
      {"the address as one number", host("2130706433:" + port), "HTTP/1.1 4"},
      {"the address in octal", host("0177.0.0.1:" + port), "HTTP/1.1 4"},
      {"IPv4 in IPv6", host("[::ffff:127.0.0.1]:" + port), "HTTP/1.1 4"},
      {"userinfo", host("127.0.0.1:" + port + "@evil.example.com"), "HTTP/1.1 400"},
      {"an empty host", host(""), "HTTP/1.1 4"},
      {"no host", request("GET " + good + " HTTP/1.1", ""), "HTTP/1.1 400"},
      {"two hosts", request("GET " + good + " HTTP/1.1", fields + "Host: evil\r\n"),
       "HTTP/1.1 400"},
      {"an absolute target elsewhere",
       request("GET http://evil.example.com" + good + " HTTP/1.1", fields), "HTTP/1.1 4"},
      {"HTTP/1.0 without a host", request("GET " + good + " HTTP/1.0", ""), "HTTP/1.1 4"},
      {"HTTP/0.9", "GET " + good + "\r\n", "HTTP/1.1 400"},
      // Methods.
      {"HEAD", with("HEAD " + good), "HTTP/1.1 405"},
      {"POST", with("POST " + good), "HTTP/1.1 405"},
      {"OPTIONS, as for a private network", with("OPTIONS " + good), "HTTP/1.1 405"},
      {"PUT", with("PUT " + good), "HTTP/1.1 405"},
      {"get", with("get " + good), "HTTP/1.1 501"},
      {"CONNECT", with("CONNECT 127.0.0.1:" + port), "HTTP/1.1 501"},
      {"TRACE", with("TRACE " + good), "HTTP/1.1 4"},
      {"GET with a body",
       request("GET " + good + " HTTP/1.1", fields + "Content-Length: 5\r\n") + "hello",
       "HTTP/1.1 413"},
      {"POSTed parameters",
       request("POST /callback HTTP/1.1",
               fields + "Content-Length: " + std::to_string(query_with("evil").size()) + "\r\n") +
           query_with("evil"),
       "HTTP/1.1 413"},
      // Paths.
      {"the root", with("GET /?" + query_with("evil")), "HTTP/1.1 404"},
      {"an icon", with("GET /favicon.ico"), "HTTP/1.1 404"},
      {"a slash more", with("GET /callback/?" + query_with("evil")), "HTTP/1.1 404"},
      {"another case", with("GET /Callback?" + query_with("evil")), "HTTP/1.1 404"},
      {"an encoded letter", with("GET /%63allback?" + query_with("evil")), "HTTP/1.1 4"},
      {"dots", with("GET /x/../callback?" + query_with("evil")), "HTTP/1.1 4"},
      {"two slashes", with("GET //callback?" + query_with("evil")), "HTTP/1.1 4"},
      {"a parameter of the path", with("GET /callback;a=b?" + query_with("evil")), "HTTP/1.1 404"},
      // Not this protocol.
      {"HTTP/2 without TLS", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/1.1 505"},
      {"a TLS handshake", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 15),
       "HTTP/1.1 400"},
      {"garbage", std::string("\x00\xff\r\n\r\n", 6), "HTTP/1.1 400"},
      {"bare newlines", "GET " + good + " HTTP/1.1\nHost: " + host_ + "\n\n", "HTTP/1.1 400"},
      {"a long target", with("GET /callback?" + std::string(9'000, 'a')), "HTTP/1.1 414"},
      {"a long field",
       request("GET " + good + " HTTP/1.1",
               fields + "Cookie: " + std::string(40'000, 'a') + "\r\n"),
       "HTTP/1.1 431"},
      {"two lengths",
       request("GET " + good + " HTTP/1.1", fields + "Content-Length: 0\r\nContent-Length: 1\r\n"),
       "HTTP/1.1 400"},
      {"an upgrade",
       request("GET " + good.substr(0, 9) + " HTTP/1.1",
               fields + "Connection: upgrade\r\nUpgrade: websocket\r\n"),
       "HTTP/1.1 400"},
  };
  for (const Knock& c : cases) {
    const std::string answer = runtime_.block_on(knock(c.bytes));
    EXPECT_THAT(answer, StartsWith(c.answer)) << c.name;
    EXPECT_THAT(answer, Not(HasSubstr("access-control"))) << c.name;
  }
  expect_still_waiting();
}

TEST_F(HostileTest, OneRequestAConnection) {
  const std::string answer =
      runtime_.block_on(knock(with("GET /favicon.ico") + get(query_with("evil"))));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(answer, HasSubstr("\r\nconnection: close\r\n"));
  EXPECT_EQ(answer.find("HTTP/1.1", 1), std::string::npos);
  expect_still_waiting();
}

TEST_F(HostileTest, SilentAndSlowConnectionsHoldNobodyUp) {
  std::vector<std::unique_ptr<net::Stream>> open;
  for (const char* part : {"", "G", "GET /callback?code=e", "GET /callback HTTP/1.1\r\nHost: "}) {
    open.push_back(runtime_.block_on(connect()));
    ASSERT_TRUE(open.back());
    ASSERT_TRUE(runtime_.block_on(open.back()->write(part, net::in(kPatience))));
  }
  expect_still_waiting();
}

TEST_F(HostileTest, AConnectionThatIsResetChangesNothing) {
  for (int i = 0; i < 20; ++i) {
    auto stream = runtime_.block_on(connect());
    ASSERT_TRUE(stream);
    ASSERT_TRUE(runtime_.block_on(stream->write("GET /callb", net::in(kPatience))));
    stream->close();
  }
  expect_still_waiting();
}

TEST_F(HostileTest, AThousandConnections) {
  if (net::raise_open_files() < 1'500) GTEST_SKIP() << "too few files may be open";
  std::vector<std::unique_ptr<net::Stream>> open;
  for (int i = 0; i < 1'000; ++i) {
    open.push_back(runtime_.block_on(connect()));
    ASSERT_TRUE(open.back()) << i;
  }
  char buffer[1];
  const auto first = runtime_.block_on(open.front()->read_some(buffer, net::in(kPatience)));
  ASSERT_TRUE(first) << "the oldest didn't make room";
  EXPECT_EQ(*first, 0u);
  expect_still_waiting();
}

// A page that is held must not be the one that makes room.
TEST_F(HostileTest, AThousandConnectionsWhileThePageIsHeld) {
  if (net::raise_open_files() < 1'500) GTEST_SKIP() << "too few files may be open";
  std::string page;
  EXPECT_EQ(right_callback(page).code, "right");
  std::vector<std::unique_ptr<net::Stream>> open;
  for (int i = 0; i < 1'000; ++i) {
    open.push_back(runtime_.block_on(connect()));
    ASSERT_TRUE(open.back()) << i;
  }
  finish();
  runtime_.block_on(until_filled(page));
  EXPECT_THAT(page, HasSubstr("You’re signed in"));
}

// What a stranger does after it has sent its callback.
enum class Then { waits, half_closes, closes, resets };

// As another user; system calls only, for it is a child. Gives its exit code.
int stranger(std::uint16_t port, const std::string& bytes, Then then, int answer_to) {
  constexpr uid_t kStranger = 54'321;
  char buffer[64] = {};
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::setgroups(0, nullptr) != 0 || ::setuid(kStranger) != 0) return 1;
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) return 2;
  if (::write(fd, bytes.data(), bytes.size()) < 0) return 3;
  if (then == Then::closes) return ::close(fd);
  if (then == Then::resets) {
    const linger at_once{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    return ::close(fd);
  }
  if (then == Then::half_closes && ::shutdown(fd, SHUT_WR) != 0) return 4;
  const ssize_t got = ::read(fd, buffer, sizeof buffer);
  if (got <= 0 || ::write(answer_to, buffer, static_cast<std::size_t>(got)) < 0) return 5;
  return 0;
}

Task<int> until_ended(pid_t id) {
  int status = -1;
  while (::waitpid(id, &status, WNOHANG) == 0) co_await net::sleep_until(net::in(Millis(5)));
  co_return status;
}

TEST_F(HostileTest, AnotherUsersProcessIsRefusedEvenWithTheRightState) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can be somebody else";
  const std::string bytes = get(query_with("evil"));
  for (const Then then : {Then::waits, Then::half_closes, Then::closes, Then::resets}) {
    SCOPED_TRACE(static_cast<int>(then));
    // There, what is in no table may be a browser of Windows.
    if (then == Then::resets && is_kernel_of_wsl()) continue;
    int pipe_ends[2];
    ASSERT_EQ(::pipe(pipe_ends), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) ::_exit(stranger(port_, bytes, then, pipe_ends[1]));
    ::close(pipe_ends[1]);
    // Where nobody waits for an answer, it has ended before anything of it is looked at: what it
    // has left is what is found.
    int status = -1;
    if (then == Then::closes || then == Then::resets) {
      ASSERT_EQ(::waitpid(child, &status, 0), child);
    } else {
      status = runtime_.block_on(until_ended(child));
    }
    EXPECT_EQ(status, 0);
    char buffer[64] = {};
    const ssize_t got = ::read(pipe_ends[0], buffer, sizeof buffer);
    ::close(pipe_ends[0]);
    if (then == Then::waits || then == Then::half_closes) {
      EXPECT_THAT(std::string(buffer, got > 0 ? static_cast<std::size_t>(got) : 0),
                  StartsWith("HTTP/1.1 403"));
    }
  }
  expect_still_waiting();
}

// Programs that have sockets of IPv6 only reach 127.0.0.1 by them too, and are in the other table.
TEST_F(HostileTest, HonestCallersOfEveryKindOfSocketAreKnown) {
  for (const char* ip : {"127.0.0.1", "::1", "::ffff:127.0.0.1"}) {
    SCOPED_TRACE(ip);
    auto stream = runtime_.block_on(connect(ip));
    if (!stream) GTEST_SKIP() << "no IPv6 here";
    stream.reset();
    options_.hold = Millis(1);
    loopback_.reset();
    open();
    const std::string answer = runtime_.block_on(knock(get(query_with("right")), ip));
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
    EXPECT_TRUE(loopback_->has_callback());
  }
}

}  // namespace
}  // namespace openunison::cli::testing
