// SPDX-License-Identifier: Apache-2.0
//
// Client against scripted servers on loopback: what it sends, what it takes, what it keeps, what it
// sends again.
#include "http/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connection_fixture.h"
#include "http/client_pool.h"
#include "http/server.h"
#include "net/connect.h"
#include "net/listener.h"
#include "test_certificates.h"

namespace openunison::http::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr Millis kPatience{10'000};
const std::string kHello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const std::string kHang = "(hang)";  // instead of an answer: say nothing, stay open

// For each connection in turn the answers to its requests; then it is closed.
struct Script {
  std::vector<std::vector<std::string>> connections;
  std::vector<std::string> requests;  // as they came, with their bodies
  std::size_t accepted = 0;
  bool stay_open = false;  // after the last answer, until the client ends
};

// A request with its body, as announced; "" at the end.
Task<std::string> read_request(net::Stream& stream) {
  std::string all;
  char buffer[4096];
  for (;;) {
    const std::size_t head_end = all.find("\r\n\r\n");
    if (head_end != std::string::npos) {
      const std::size_t field = all.find("content-length: ");
      const std::size_t length = field < head_end ? std::stoul(all.substr(field + 16)) : 0;
      if (all.size() >= head_end + 4 + length) co_return all;
    }
    auto got = co_await stream.read_some(buffer, net::in(kPatience));
    if (!got || *got == 0) co_return all;
    all.append(buffer, *got);
  }
}

Task<void> play(Script& script, std::unique_ptr<net::Stream> stream) {
  const std::size_t number = script.accepted++;
  if (number >= script.connections.size()) co_return;
  const std::vector<std::string> answers = script.connections[number];
  for (const std::string& answer : answers) {
    std::string request = co_await read_request(*stream);
    if (request.empty()) co_return;
    script.requests.push_back(std::move(request));
    if (answer == kHang) {
      co_await read_request(*stream);
      co_return;
    }
    auto written = co_await stream->write(answer, net::in(kPatience));
    if (!written) co_return;
  }
  if (script.stay_open) co_await read_request(*stream);
}

class ClientTest : public ::testing::Test {
 protected:
  ClientTest() {
    auto context = net::TlsClientContext::create({kOneCertificate}, false);
    options_.tls = *context;
  }

  void serve(std::vector<std::vector<std::string>> connections) {
    script_.connections = std::move(connections);
    auto listener = net::Listener::open(
        runtime_, "127.0.0.1:0",
        [this](std::unique_ptr<net::Stream> stream) { return play(script_, std::move(stream)); });
    ASSERT_TRUE(listener);
    listener_ = std::move(*listener);
  }

  Client& client() {
    if (!client_) client_ = std::make_unique<Client>(runtime_, options_);
    return *client_;
  }
  std::string origin() const { return "http://127.0.0.1:" + std::to_string(listener_->port()); }

  ClientRequest request(const std::string& target, const std::string& method = "GET",
                        const std::string& body = "") {
    ClientRequest made;
    made.method = method;
    made.url = text::Url::parse(target.starts_with("/") ? origin() + target : target).value();
    made.body = body;
    return made;
  }
  Result<Response> fetch(ClientRequest request) {
    return runtime_.block_on(client().fetch(std::move(request)));
  }
  Result<Response> fetch(const std::string& target) { return fetch(request(target)); }

  net::Runtime runtime_{1};
  ClientOptions options_;
  Script script_;
  std::unique_ptr<net::Listener> listener_;
  std::unique_ptr<Client> client_;
};

// --- What it sends ---

TEST_F(ClientTest, SendsOneCleanRequest) {
  serve({{kHello, kHello, kHello}});
  ClientRequest get = request("/path?a=b");
  get.headers.add("accept", "application/json");
  get.headers.add("host", "evil");
  get.headers.add("content-length", "99");
  get.headers.add("connection", "x");
  const auto response = fetch(std::move(get));
  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "hello");
  const std::string host = "127.0.0.1:" + std::to_string(listener_->port());
  EXPECT_EQ(script_.requests[0],
            "GET /path?a=b HTTP/1.1\r\nhost: " + host +
                "\r\nuser-agent: openunison\r\naccept: application/json\r\n\r\n");
  ASSERT_TRUE(fetch(request(origin(), "POST", "")));
  EXPECT_THAT(script_.requests[1], StartsWith("POST / HTTP/1.1\r\n"));
  EXPECT_THAT(script_.requests[1], HasSubstr("content-length: 0\r\n"));
  ASSERT_TRUE(fetch(request("/p", "POST", "a=b")));
  EXPECT_TRUE(script_.requests[2].ends_with("content-length: 3\r\n\r\na=b"));
}

TEST_F(ClientTest, SendsNothingThatWouldSplit) {
  serve({{kHello}});
  ClientRequest bad_value = request("/");
  bad_value.headers.add("x-a", "b\r\nx-evil: 1");
  ClientRequest bad_name = request("/");
  bad_name.headers.add("x-a: b\r\nx-evil", "1");
  ClientRequest bad_method = request("/", "GET / HTTP/1.1\r\nx-evil: 1\r\n\r\nGET");
  ClientRequest bad_path = request("/");
  bad_path.url.path = "/ HTTP/1.1\r\nx-evil: 1\r\n\r\n";
  for (ClientRequest* each : {&bad_value, &bad_name, &bad_method, &bad_path}) {
    const auto response = fetch(*each);
    ASSERT_FALSE(response);
    EXPECT_TRUE(response.error().is(Errc::internal));
  }
  EXPECT_EQ(script_.accepted, 0u);
}

// --- What it takes ---

struct AnswerCase {
  const char* name;
  std::string answer;
  std::optional<std::string> body;  // nullopt: an error
  std::error_code error = {};
};

TEST_F(ClientTest, AnswersTable) {
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const AnswerCase cases[] = {
      {"by length", kHello, "hello"},
      {"by chunks", chunked + "2\r\nhe\r\n3\r\nllo\r\n0\r\nX-T: a\r\n\r\n", "hello"},
      {"until close", "HTTP/1.1 200 OK\r\n\r\nhello", "hello"},
      {"at the size limit",
       "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + std::string(100, 'x'),
       std::string(100, 'x')},
      {"no content", "HTTP/1.1 204 No Content\r\n\r\n", ""},
      {"after interim answers",
       "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + kHello,
       "hello"},
      {"too large by length", "HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n", std::nullopt,
       Errc::body_too_large},
      {"too large in chunks",
       chunked + "64\r\n" + std::string(100, 'x') + "\r\n1\r\nx\r\n0\r\n\r\n", std::nullopt,
       Errc::body_too_large},
      {"too large until close", "HTTP/1.1 200 OK\r\n\r\n" + std::string(101, 'x'), std::nullopt,
       Errc::body_too_large},
      {"cut by length", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello", std::nullopt,
       Errc::bad_gateway},
      {"cut in chunks", chunked + "5\r\nhello\r\n", std::nullopt, Errc::bad_gateway},
      {"cut in the head", "HTTP/1.1 200 OK\r\nContent-", std::nullopt, net::Errc::closed},
      {"nothing", "", std::nullopt, net::Errc::closed},
      {"bad chunk", chunked + "5 \r\nhello\r\n0\r\n\r\n", std::nullopt, Errc::bad_gateway},
      {"length and chunks",
       "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello",
       std::nullopt, Errc::bad_gateway},
      {"not http", "SSH-2.0-OpenSSH_9.2\r\n", std::nullopt, Errc::bad_gateway},
      {"switching unasked",
       "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
       std::nullopt, Errc::bad_gateway},
      {"head too large", "HTTP/1.1 200 OK\r\nX-A: " + std::string(40'000, 'a') + "\r\n\r\n",
       std::nullopt, Errc::bad_gateway},
  };
  std::vector<std::vector<std::string>> connections;
  for (const AnswerCase& each : cases) connections.push_back({each.answer});
  std::string many_interim;
  for (int i = 0; i < 50; ++i) many_interim += "HTTP/1.1 102 Processing\r\n\r\n";
  connections.push_back({many_interim + kHello});
  serve(std::move(connections));
  for (const AnswerCase& each : cases) {
    client_.reset();  // a connection each
    ClientRequest limited = request("/");
    limited.max_response_bytes = 100;
    const auto response = fetch(std::move(limited));
    ASSERT_EQ(response.has_value(), each.body.has_value()) << each.name;
    if (response) EXPECT_EQ(response->body, *each.body) << each.name;
    if (!response)
      EXPECT_EQ(response.error().code(), each.error)
          << each.name << ": " << response.error().message();
  }
  client_.reset();
  EXPECT_FALSE(fetch("/"));  // too many interim answers
}

TEST_F(ClientTest, HeadHasNoBodyAndKeepsTheConnection) {
  serve({{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", kHello}});
  const auto head = fetch(request("/", "HEAD"));
  ASSERT_TRUE(head);
  EXPECT_EQ(head->body, "");
  EXPECT_EQ(head->headers.get("content-length"), "5");
  EXPECT_EQ(fetch("/")->body, "hello");
  EXPECT_EQ(script_.accepted, 1u);
}

TEST_F(ClientTest, TimeoutIsOverTheWholeExchangeAndNamesHostAndPortOnly) {
  serve({{kHang}});
  ClientRequest slow = request("/path?code=secret");
  slow.timeout = Millis(30);
  const auto response = fetch(std::move(slow));
  ASSERT_FALSE(response);
  EXPECT_TRUE(response.error().is(net::Errc::timed_out));
  EXPECT_THAT(response.error().message(),
              HasSubstr("127.0.0.1:" + std::to_string(listener_->port())));
  EXPECT_THAT(response.error().message(), Not(HasSubstr("secret")));
  EXPECT_THAT(response.error().message(), Not(HasSubstr("path")));
}

TEST_F(ClientTest, RefusedConnectionIsSaid) {
  serve({});
  const std::string target = origin() + "/";
  listener_.reset();
  runtime_.block_on(net::sleep_until(net::in(Millis(0))));
  const auto response = fetch(target);
  ASSERT_FALSE(response);
  EXPECT_TRUE(response.error().is(net::Errc::refused)) << response.error().message();
}

// --- What it keeps ---

TEST_F(ClientTest, KeepsAConnectionOnlyWhenNothingIsLeftOnIt) {
  const std::string keepers[] = {kHello,
                                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                                 "HTTP/1.1 304 Not Modified\r\n\r\n"};
  for (const std::string& first : keepers) {
    script_ = Script();
    client_.reset();
    serve({{first, kHello}});
    ASSERT_TRUE(fetch("/1")) << first;
    ASSERT_TRUE(fetch("/2")) << first;
    EXPECT_EQ(script_.accepted, 1u) << first;
  }
  const std::string enders[] = {
      "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
      "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", kHello + "x", kHello + kHello,
      "HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n"};
  for (const std::string& first : enders) {
    script_ = Script();
    script_.stay_open = true;
    client_.reset();
    serve({{first, kHello}, {kHello}});  // would answer on the first, too
    ASSERT_TRUE(fetch("/1")) << first;
    ASSERT_TRUE(fetch("/2")) << first;
    EXPECT_EQ(script_.accepted, 2u) << first;
  }
}

TEST_F(ClientTest, ConnectionThatTheServerClosedIsNotUsedEvenForPost) {
  serve({{kHello}, {kHello}});
  ASSERT_TRUE(fetch("/1"));
  runtime_.block_on(net::sleep_until(net::in(Millis(5))));  // the server's end arrives
  const auto second = fetch(request("/2", "POST", "a"));
  ASSERT_TRUE(second) << second.error().message();
  EXPECT_EQ(script_.accepted, 2u);
}

TEST_F(ClientTest, IdleTimeoutEndsAConnection) {
  options_.idle_timeout = Millis(0);
  serve({{kHello, kHello}, {kHello}});
  ASSERT_TRUE(fetch("/1"));
  ASSERT_TRUE(fetch("/2"));
  EXPECT_EQ(script_.accepted, 2u);
}

// --- What it sends again: GET and HEAD, once, on a pooled connection that ended before any byte
// ---

TEST_F(ClientTest, GetIsSentAgainOnceWhenAPooledConnectionEnds) {
  serve({{kHello, ""}, {kHello}});
  ASSERT_TRUE(fetch("/1"));
  const auto second = fetch("/2");
  ASSERT_TRUE(second) << second.error().message();
  EXPECT_EQ(script_.requests.size(), 3u);  // /1, /2, /2
}

TEST_F(ClientTest, GetIsNotSentAgainWithoutNeed) {
  // On a fresh connection.
  serve({{""}, {kHello}});
  EXPECT_FALSE(fetch("/1"));
  EXPECT_EQ(script_.requests.size(), 1u);
  // After the first byte of an answer.
  script_ = Script();
  client_.reset();
  serve({{kHello, "HTTP/1.1 200"}, {kHello}});
  ASSERT_TRUE(fetch("/1"));
  EXPECT_FALSE(fetch("/2"));
  EXPECT_EQ(script_.requests.size(), 2u);
  // When the second one ends too.
  script_ = Script();
  client_.reset();
  serve({{kHello, ""}, {""}, {kHello}});
  ASSERT_TRUE(fetch("/1"));
  EXPECT_FALSE(fetch("/2"));
  EXPECT_EQ(script_.requests.size(), 3u);
}

TEST_F(ClientTest, PostIsNeverSentAgain) {
  serve({{kHello, ""}, {kHello}});
  ASSERT_TRUE(fetch("/1"));
  const auto second = fetch(request("/2", "POST", "a=b"));
  ASSERT_FALSE(second);
  EXPECT_TRUE(second.error().is(net::Errc::closed));
  EXPECT_EQ(script_.requests.size(), 2u);
}

// The server may be closing just now what has been idle for long.
TEST_F(ClientTest, PostDoesNotTrustAConnectionThatWasIdleForLong) {
  options_.idle_for_once = Millis(0);
  serve({{kHello, kHello}, {kHello}});
  ASSERT_TRUE(fetch("/1"));
  runtime_.block_on(net::sleep_until(net::in(Millis(5))));
  ASSERT_TRUE(fetch(request("/2", "POST", "a=b")));
  EXPECT_EQ(script_.accepted, 2u);
  ASSERT_TRUE(fetch("/3"));
  EXPECT_EQ(script_.accepted, 2u) << "GET may be sent again";
}

// --- Redirects ---

std::string redirect(const std::string& location, int status = 302) {
  return "HTTP/1.1 " + std::to_string(status) +
         " Found\r\nContent-Length: 0\r\nLocation: " + location + "\r\n\r\n";
}

TEST_F(ClientTest, RedirectsOnlyWhenAskedAndOnTheSameOrigin) {
  serve({{redirect("/a"), redirect("/a?b"), kHello, redirect("http://127.0.0.1:1/a"),
          redirect("//127.0.0.1:1/a"), redirect("/a"), redirect("/a"), redirect("relative"),
          redirect("/a", 200)}});
  EXPECT_EQ(fetch("/")->status, 302);  // not asked
  ClientRequest follow = request("/");
  follow.max_redirects = 1;
  EXPECT_EQ(fetch(follow)->body, "hello");
  EXPECT_THAT(script_.requests[2], StartsWith("GET /a?b HTTP/1.1\r\n"));
  EXPECT_EQ(fetch(follow)->status, 302);  // another port
  EXPECT_EQ(fetch(follow)->status, 302);  // the same, without a scheme
  EXPECT_EQ(fetch(follow)->status, 302);  // one, then no more
  EXPECT_EQ(script_.requests.size(), 7u);
  EXPECT_EQ(fetch(follow)->status, 302);  // not an address
  EXPECT_EQ(fetch(follow)->status, 200);  // not a redirect
}

TEST_F(ClientTest, PostIsNeverRedirected) {
  serve({{redirect("/a", 307), kHello}});
  ClientRequest post = request("/", "POST", "a=b");
  post.max_redirects = 5;
  EXPECT_EQ(fetch(post)->status, 307);
}

// --- TLS ---

class ClientTlsTest : public ClientTest {
 protected:
  void serve_tls(const char* address = "127.0.0.1:0", const char* certificate = kOneCertificate,
                 const char* key = kOneKey) {
    ServerOptions options;
    options.name = "test";
    options.listen = {address};
    options.tls = net::TlsServerContext::create({{certificate, Secret(key), "test"}}).value();
    server_ = std::move(
        Server::start(runtime_, std::move(options), std::make_shared<MirrorService>()).value());
  }
  std::string at(const std::string& host) const {
    return "https://" + host + ":" + std::to_string(server_->ports()[0]) + "/";
  }
  std::unique_ptr<Server> server_;
};

TEST_F(ClientTlsTest, VerifiesNameAndIssuer) {
  serve_tls();
  for (const char* host : {"localhost", "127.0.0.1"}) {
    const auto response = fetch(at(host));
    EXPECT_TRUE(response) << response.error().message();
  }
  server_.reset();
  serve_tls("127.0.0.2:0");
  const auto wrong_name = fetch(at("127.0.0.2"));
  ASSERT_FALSE(wrong_name);
  EXPECT_TRUE(wrong_name.error().is(net::Errc::untrusted)) << wrong_name.error().message();
  server_.reset();
  serve_tls("127.0.0.1:0", kTwoCertificate, kTwoKey);
  const auto wrong_issuer = fetch(at("localhost"));
  ASSERT_FALSE(wrong_issuer);
  EXPECT_TRUE(wrong_issuer.error().is(net::Errc::untrusted));
}

// --- Proxies ---

TEST_F(ClientTest, PlainHttpGoesThroughTheProxyInAbsoluteForm) {
  serve({{kHello, kHello}});
  options_.proxy = "http://user:p%40ss@127.0.0.1:" + std::to_string(listener_->port());
  const auto response = fetch("http://idp.example/path?a=b");
  ASSERT_TRUE(response) << response.error().message();
  EXPECT_THAT(script_.requests[0],
              StartsWith("GET http://idp.example/path?a=b HTTP/1.1\r\nhost: idp.example\r\n"));
  EXPECT_THAT(script_.requests[0], HasSubstr("proxy-authorization: Basic dXNlcjpwQHNz\r\n"));
}

// A proxy that really tunnels to `target`; what it was asked is kept.
struct TunnelProxy {
  std::uint16_t target;
  std::string answer;
  std::string asked;
};

Task<void> relay(std::shared_ptr<net::Stream> from, std::shared_ptr<net::Stream> to) {
  char buffer[4096];
  for (;;) {
    auto got = co_await from->read_some(buffer, net::in(kPatience));
    if (!got || *got == 0) break;
    auto written = co_await to->write({buffer, *got}, net::in(kPatience));
    if (!written) break;
  }
  co_await to->shutdown_write(net::in(kPatience));
}

Task<void> tunnel(TunnelProxy& proxy, std::unique_ptr<net::Stream> accepted) {
  const std::shared_ptr<net::Stream> client = std::move(accepted);
  proxy.asked = co_await read_request(*client);
  auto written = co_await client->write(proxy.answer, net::in(kPatience));
  if (!written || !proxy.answer.starts_with("HTTP/1.1 200")) co_return;
  auto connected = co_await net::connect_tcp("127.0.0.1", proxy.target, net::in(kPatience));
  if (!connected) co_return;
  const std::shared_ptr<net::Stream> server = std::move(*connected);
  const net::Executor executor = co_await net::current_executor();
  net::Runtime::spawn_on(executor, relay(server, client));
  co_await relay(client, server);
}

class ClientTunnelTest : public ClientTlsTest {
 protected:
  Result<Response> fetch_through(const std::string& answer) {
    serve_tls();
    proxy_ = {server_->ports()[0], answer, ""};
    listener_ = std::move(
        net::Listener::open(runtime_, "127.0.0.1:0", [this](std::unique_ptr<net::Stream> stream) {
          return tunnel(proxy_, std::move(stream));
        }).value());
    options_.proxy = "http://user:pass@127.0.0.1:" + std::to_string(listener_->port());
    return fetch("https://localhost:8443/?code=secret");
  }
  TunnelProxy proxy_;
};

TEST_F(ClientTunnelTest, HttpsGoesThroughATunnelAndIsVerified) {
  const auto response =
      fetch_through("HTTP/1.1 200 Connection established\r\nProxy-Agent: x\r\n\r\n");
  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(response->body, "GET /?code=secret localhost:8443 []");
  EXPECT_EQ(proxy_.asked,
            "CONNECT localhost:8443 HTTP/1.1\r\nhost: localhost:8443\r\nuser-agent: openunison\r\n"
            "proxy-authorization: Basic dXNlcjpwYXNz\r\n\r\n");
}

TEST_F(ClientTunnelTest, RefusedTunnelNamesTheProxy) {
  const auto response =
      fetch_through("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
  ASSERT_FALSE(response);
  EXPECT_TRUE(response.error().is(Errc::bad_gateway));
  const std::string& message = response.error().message();
  EXPECT_THAT(message, HasSubstr("127.0.0.1:" + std::to_string(listener_->port())));
  EXPECT_THAT(message, HasSubstr("407"));
  for (const char* secret : {"pass", "secret", "dXNl"})
    EXPECT_THAT(message, Not(HasSubstr(secret)));
}

TEST_F(ClientTunnelTest, BytesBeforeTheHandshakeAreRefused) {
  const auto response = fetch_through("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n");
  ASSERT_FALSE(response);
  EXPECT_TRUE(response.error().is(Errc::bad_gateway));
}

struct NoProxyCase {
  std::vector<std::string> no_proxy;
  bool direct;
};

TEST_F(ClientTest, NoProxyTable) {
  const NoProxyCase cases[] = {
      {{}, false},        {{"127.0.0.1"}, true}, {{"other.example", "127.0.0.1"}, true},
      {{"*"}, true},      {{".0.0.1"}, true},    {{"*.0.0.1"}, true},
      {{"0.0.1"}, false}, {{"27.0.0.1"}, false}, {{"127.0.0"}, false},
      {{""}, false},
  };
  for (const NoProxyCase& each : cases) {
    script_ = Script();
    client_.reset();
    serve({{kHello}});
    options_.proxy = "http://127.0.0.1:1";  // nobody is there
    options_.no_proxy = each.no_proxy;
    EXPECT_EQ(fetch("/").has_value(), each.direct)
        << (each.no_proxy.empty() ? "none" : each.no_proxy.front());
  }
}

TEST_F(ClientTest, ProxyThatCannotBeUsedIsNeverGoneAround) {
  serve({{kHello}});
  for (const char* proxy : {"not an address", "https://127.0.0.1:1", "http://a:%zz@127.0.0.1:1",
                            "socks5://127.0.0.1:1"}) {
    client_.reset();
    options_.proxy = proxy;
    const auto response = fetch("/");
    ASSERT_FALSE(response) << proxy;
    EXPECT_TRUE(response.error().is(Errc::internal)) << proxy;
  }
  EXPECT_EQ(script_.accepted, 0u);
}

// --- The pool ---

TEST(ClientPool, KeepsTheNewestAndForgetsTheOld) {
  ClientPool pool(2, 2, Millis(100));
  const auto make = [] { return std::move(net::memory_pipe().first); };
  const MonoTime start{};
  auto second = make(), third = make();
  net::Stream* second_pointer = second.get();
  net::Stream* third_pointer = third.get();
  pool.keep(0, "a", make(), start);
  pool.keep(0, "a", std::move(second), start + Millis(10));
  pool.keep(0, "a", std::move(third), start + Millis(20));
  pool.keep(0, "b", make(), start + Millis(20));
  EXPECT_EQ(pool.size(0), 3u);
  EXPECT_EQ(pool.take(1, "a", start + Millis(20), Millis(100)), nullptr);
  EXPECT_EQ(pool.take(0, "a", start + Millis(30), Millis(9)), nullptr);
  EXPECT_EQ(pool.take(0, "a", start + Millis(30), Millis(100)).get(), third_pointer);
  EXPECT_EQ(pool.take(0, "a", start + Millis(30), Millis(100)).get(), second_pointer);
  EXPECT_EQ(pool.take(0, "a", start + Millis(30), Millis(100)), nullptr);
  EXPECT_EQ(pool.size(0), 1u);
  // Whatever its origin, what is too old goes.
  pool.keep(0, "c", make(), start + Millis(120));
  EXPECT_EQ(pool.size(0), 1u);
}

Task<void> quiet_or_not() {
  auto [open_end, open_peer] = net::memory_pipe();
  bool quiet = co_await is_quiet(*open_end);
  EXPECT_TRUE(quiet);
  co_await open_peer->write("x", net::in(kPatience));
  quiet = co_await is_quiet(*open_end);
  EXPECT_FALSE(quiet);
  auto [closed_end, closed_peer] = net::memory_pipe();
  closed_peer.reset();
  quiet = co_await is_quiet(*closed_end);
  EXPECT_FALSE(quiet);
}

TEST(ClientPool, QuietMeansOpenAndNothingThere) {
  net::Runtime runtime(1);
  runtime.block_on(quiet_or_not());
}

}  // namespace
}  // namespace openunison::http::testing
