// SPDX-License-Identifier: Apache-2.0
//
// The client over HTTP/2: against our own server, and against a scripted one that sends what no
// honest server would.
#include <gtest/gtest.h>

#include "h2_peer.h"
#include "http/client.h"
#include "net/listener.h"
#include "test_certificates.h"

namespace openunison::http::testing {
namespace {

constexpr Millis kPatience{10'000};

std::shared_ptr<const net::TlsServerContext> offering(std::vector<std::string> alpn) {
  return *net::TlsServerContext::create({{kOneCertificate, Secret(kOneKey), "test"}},
                                        std::move(alpn));
}

double opened(const std::string& version) {
  return metric("openunison_http_client_connections_total{version=\"" + version + "\"}");
}

class ClientH2 : public ::testing::Test {
 protected:
  ClientH2() { options_.tls = *net::TlsClientContext::create({kOneCertificate}, false); }

  ClientRequest request(const std::string& path, const std::string& method = "GET",
                        std::string body = "") {
    ClientRequest made;
    made.method = method;
    made.url = text::Url::parse("https://localhost:" + std::to_string(port_) + path).value();
    made.body = std::move(body);
    return made;
  }
  Client& client() {
    if (!client_) client_ = std::make_unique<Client>(runtime_, options_);
    return *client_;
  }
  Result<Response> fetch(ClientRequest request) {
    return runtime_.block_on(client().fetch(std::move(request)));
  }

  net::Runtime runtime_{1};
  ClientOptions options_;
  std::uint16_t port_ = 0;
  std::unique_ptr<Client> client_;
};

// --- Against our own server ---

class ClientH2Loopback : public ClientH2 {
 protected:
  void serve(std::vector<std::string> alpn, Limits limits = {}) {
    ServerOptions options;
    options.name = "loopback";
    options.listen = {"127.0.0.1:0"};
    options.tls = offering(std::move(alpn));
    options.limits = limits;
    server_ = std::move(*Server::start(runtime_, std::move(options), mirror_));
    port_ = server_->ports().front();
  }
  std::string mirrored(const std::string& method, const std::string& path,
                       const std::string& body = "") const {
    return method + " " + path + " localhost:" + std::to_string(port_) + " [" + body + "]";
  }
  std::shared_ptr<MirrorService> mirror_ = std::make_shared<MirrorService>();
  std::unique_ptr<Server> server_;
};

TEST_F(ClientH2Loopback, IsChosenWhereItIsOffered) {
  serve({"h2", "http/1.1"});
  const double before = opened("2");
  auto response = fetch(request("/a?b=c"));
  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, mirrored("GET", "/a?b=c"));
  EXPECT_EQ(opened("2"), before + 1);
}

TEST_F(ClientH2Loopback, FallsBackToHttp11) {
  serve({"http/1.1"});
  const double before = opened("1.1");
  auto response = fetch(request("/a"));
  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(response->body, mirrored("GET", "/a"));
  EXPECT_EQ(opened("1.1"), before + 1);
}

TEST_F(ClientH2Loopback, IsNotOfferedWhereItIsNotWanted) {
  serve({"h2", "http/1.1"});
  options_.http2 = false;
  const double before = opened("2");
  auto response = fetch(request("/a"));
  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(response->body, mirrored("GET", "/a"));
  EXPECT_EQ(opened("2"), before);
}

TEST_F(ClientH2Loopback, BodiesPassTheWindowsBothWays) {
  serve({"h2"});
  const std::string large(300'000, 'a');
  for (int i = 0; i < 3; ++i) {
    auto response = fetch(request("/", "POST", large));
    ASSERT_TRUE(response) << response.error().message();
    EXPECT_EQ(response->body, mirrored("POST", "/", large));
  }
}

TEST_F(ClientH2Loopback, HeadHasNoBody) {
  serve({"h2"});
  auto response = fetch(request("/", "HEAD"));
  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(response->body, "");
  EXPECT_TRUE(response->headers.contains("content-length"));
}

Task<void> fetch_one(Client& client, ClientRequest request, int& good, int& left,
                     net::Completion& all) {
  auto response = co_await client.fetch(std::move(request));
  if (response && response->status == 200) ++good;
  if (--left == 0) all.complete();
}

Task<bool> wait_completed(net::Completion& completion) {
  co_return co_await completion.wait(net::in(kPatience));
}

TEST_F(ClientH2Loopback, AThreadsRequestsShareOneConnection) {
  Limits limits;
  limits.streams_per_connection = 10;  // the others wait for a place
  serve({"h2", "http/1.1"}, limits);
  const double before = opened("2");
  int good = 0, left = 50;
  net::Completion all;
  for (int i = 0; i < 50; ++i) {
    runtime_.spawn(
        0, fetch_one(client(), request("/" + std::to_string(i), "POST", "hello"), good, left, all));
  }
  EXPECT_TRUE(runtime_.block_on(wait_completed(all)));
  EXPECT_EQ(good, 50);
  EXPECT_EQ(opened("2"), before + 1);
}

// The server ends the connection in good order; the next request begins another.
TEST_F(ClientH2Loopback, AConnectionThatWasEndedIsReplaced) {
  Limits limits;
  limits.requests_per_connection = 3;
  serve({"h2"}, limits);
  for (int i = 0; i < 20; ++i) {
    auto response = fetch(request("/" + std::to_string(i), i % 2 == 0 ? "GET" : "POST"));
    ASSERT_TRUE(response) << i << " " << response.error().message();
    EXPECT_EQ(response->status, 200);
  }
}

TEST_F(ClientH2Loopback, AnAnswerOverTheLimitIsRefused) {
  serve({"h2"});
  ClientRequest made = request("/", "POST", std::string(1000, 'a'));
  made.max_response_bytes = 500;
  auto response = fetch(std::move(made));
  ASSERT_FALSE(response);
  EXPECT_TRUE(response.error().is(Errc::body_too_large));
  EXPECT_TRUE(fetch(request("/after")));
}

// --- Against a script ---

struct H2Script {
  // Of each connection: what follows its first, second, ... request; behind the last it ends.
  std::vector<std::vector<std::string>> connections;
  std::shared_ptr<const net::TlsServerContext> tls;
  std::size_t accepted = 0;
  std::vector<std::string> protocols;
  std::size_t requests = 0;
};

const std::string kHang = "hang";
const std::string kClose = "close";

// Until another request has come. False: the client ended.
Task<bool> read_request(net::Stream& stream, H2Reading& reading, std::size_t& magic_left,
                        std::size_t wanted) {
  char buffer[4096];
  while (reading.count(kHeaders) < wanted) {
    auto got = co_await stream.read_some(buffer, net::in(kPatience));
    if (!got || *got == 0) co_return false;
    std::string_view bytes(buffer, *got);
    const std::size_t of_magic = std::min(magic_left, bytes.size());
    magic_left -= of_magic;
    reading.add(bytes.substr(of_magic));
  }
  co_return true;
}

Task<void> play(H2Script& script, std::unique_ptr<net::Stream> tcp) {
  const std::size_t number = script.accepted++;
  if (number >= script.connections.size()) co_return;
  auto stream = co_await net::tls_accept(std::move(tcp), script.tls, net::in(kPatience));
  if (!stream) co_return;
  script.protocols.push_back((*stream)->tls().alpn);
  if ((*stream)->tls().alpn != "h2") {
    char buffer[4096];
    co_await (*stream)->read_some(buffer, net::in(kPatience));
    co_await (*stream)->write("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nold",
                              net::in(kPatience));
    co_await (*stream)->read_some(buffer, net::in(kPatience));
    co_return;
  }
  H2Reading reading;
  std::size_t magic_left = magic().size();
  co_await (*stream)->write(settings(), net::in(kPatience));
  for (const std::string& answer : script.connections[number]) {
    const std::size_t next = reading.count(kHeaders) + 1;
    const bool came = co_await read_request(**stream, reading, magic_left, next);
    if (!came) co_return;
    ++script.requests;
    if (answer == kClose) co_return;
    if (answer != kHang) co_await (*stream)->write(answer, net::in(kPatience));
  }
  co_await read_request(**stream, reading, magic_left, 1'000);
}

class ClientH2Scripted : public ClientH2 {
 protected:
  void serve(std::vector<std::vector<std::string>> connections) {
    script_.connections = std::move(connections);
    script_.tls = offering({"h2", "http/1.1"});
    auto listener = net::Listener::open(
        runtime_, "127.0.0.1:0",
        [this](std::unique_ptr<net::Stream> stream) { return play(script_, std::move(stream)); });
    ASSERT_TRUE(listener);
    listener_ = std::move(*listener);
    port_ = listener_->port();
  }
  H2Script script_;
  std::unique_ptr<net::Listener> listener_;
};

std::string answer_head(std::uint32_t stream, FieldList more = {}, bool ends = false,
                        std::string status = "200") {
  FieldList list = {{":status", std::move(status)}};
  for (auto& each : more) list.push_back(std::move(each));
  return headers(stream, list, ends);
}
std::string good(std::uint32_t stream) {
  return answer_head(stream) + data(stream, "hello", true);
}

struct GoodAnswer {
  std::string name, bytes, body;
};
void PrintTo(const GoodAnswer& each, std::ostream* out) {
  *out << each.name;
}

class ClientH2Good : public ClientH2Scripted, public ::testing::WithParamInterface<GoodAnswer> {};

INSTANTIATE_TEST_SUITE_P(
    All, ClientH2Good,
    ::testing::ValuesIn(std::vector<GoodAnswer>{
        {"plain", good(1), "hello"},
        {"with its length",
         answer_head(1, {{"content-length", "5"}}) + data(1, "hel") + data(1, "lo", true), "hello"},
        {"padded",
         answer_head(1) + frame(kData, kPadded | kEndStream, 1, "\x01hello" + std::string(1, '\0')),
         "hello"},
        {"interim", answer_head(1, {{"link", "x"}}, false, "103") + good(1), "hello"},
        {"trailers", answer_head(1) + data(1, "hello") + headers(1, {{"x-t", "1"}}), "hello"},
        {"no body", answer_head(1, {}, true), ""},
        {"in two frames of a head",
         frame(kHeaders, kNone, 1, fields({{":status", "200"}})) +
             frame(kContinuation, kEndHeaders | kEndStream, 1, fields({{"x", "a"}})) +
             data(1, "hello", true),
         "hello"},
        {"unknown frames", frame(0x99, 0, 0, "a") + good(1) + frame(0x99, 0, 1, "a"), "hello"},
        {"pings", ping() + good(1), "hello"},
        {"goaway with its answer", answer_head(1) + go_away(1) + data(1, "hello", true), "hello"},
        {"early, and a stop", good(1) + reset(1, kNoError), "hello"},
    }),
    [](const auto& info) { return "Case" + std::to_string(info.index); });

TEST_P(ClientH2Good, IsRead) {
  serve({{GetParam().bytes}});
  auto response = fetch(request("/"));
  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, GetParam().body);
  EXPECT_FALSE(response->headers.contains("x-t"));
  EXPECT_FALSE(response->headers.contains("link"));
}

struct BadAnswer {
  std::string name, bytes;
  Errc error = Errc::bad_gateway;
};
void PrintTo(const BadAnswer& each, std::ostream* out) {
  *out << each.name;
}

std::vector<BadAnswer> bad_answers() {
  const auto with = [](const char* name, const std::string& value) {
    return answer_head(1, {{name, value}}) + data(1, "hello", true);
  };
  const auto status = [](const std::string& value) { return answer_head(1, {}, true, value); };
  return {
      {"no status", headers(1, {{"x", "a"}})},
      {"status of two digits", status("20")},
      {"status of four digits", status("2000")},
      {"status below the range", status("099")},
      {"status above the range", status("600")},
      {"status of letters", status("2xx")},
      {"two statuses", answer_head(1, {{":status", "200"}}, true)},
      {"status of an upgrade", answer_head(1, {}, false, "101") + good(1)},
      {"pseudo-field of a request", answer_head(1, {{":path", "/"}}, true)},
      {"status after a field", headers(1, {{"x", "a"}, {":status", "200"}})},
      {"interim that ends", answer_head(1, {}, true, "103")},
      {"interim without end", repeated(answer_head(1, {}, false, "103"), 30) + good(1)},
      {"name in upper case", with("X", "a")},
      {"name of no token", with("x y", "a")},
      {"line in a value", with("x", "a\r\nset-cookie: b")},
      {"nul in a value", with("x", std::string("a\0", 2))},
      {"space before a value", with("x", " a")},
      {"field of a connection", with("connection", "close")},
      {"transfer-encoding", with("transfer-encoding", "chunked")},
      {"length too small", with("content-length", "4")},
      {"length too large", with("content-length", "6")},
      {"two lengths",
       answer_head(1, {{"content-length", "5"}, {"content-length", "5"}}) + data(1, "hello", true)},
      {"length of no number", with("content-length", "+5")},
      {"length over the limit", answer_head(1, {{"content-length", "2000"}}), Errc::body_too_large},
      {"body over the limit", answer_head(1) + data(1, std::string(1001, 'a')),
       Errc::body_too_large},
      {"head too large",
       frame(kHeaders, kNone, 1, fields({{":status", "200"}})) +
           repeated(frame(kContinuation, kNone, 1, fields({{"x", std::string(15'000, 'a')}})), 3) +
           frame(kContinuation, kEndHeaders, 1)},
      {"too many fields", answer_head(1, FieldList(120, {"x", "a"}), true)},
      {"trailers with a pseudo-field",
       answer_head(1) + data(1, "a") + headers(1, {{":status", "200"}})},
      {"trailers that don't end", answer_head(1) + data(1, "a") + headers(1, {{"x", "a"}}, false)},
      {"reset", reset(1, kInternalError)},
      {"reset inside of the answer", answer_head(1) + data(1, "hel") + reset(1, kNoError)},
      {"refused inside of the answer", answer_head(1) + data(1, "hel") + reset(1, kRefusedStream)},
  };
}

class ClientH2Bad : public ClientH2Scripted, public ::testing::WithParamInterface<BadAnswer> {};

INSTANTIATE_TEST_SUITE_P(All, ClientH2Bad, ::testing::ValuesIn(bad_answers()),
                         [](const auto& info) { return "Case" + std::to_string(info.index); });

TEST_P(ClientH2Bad, IsRefused) {
  serve({{GetParam().bytes}, {kClose}, {kClose}});
  ClientRequest made = request("/", "POST", "x");
  made.max_response_bytes = 1000;
  made.timeout = Millis(5'000);
  auto response = fetch(std::move(made));
  ASSERT_FALSE(response) << response->status << " " << response->body;
  EXPECT_TRUE(response.error().is(GetParam().error)) << response.error().message();
  EXPECT_EQ(script_.requests, 1u);  // never sent again: something was done with it
}

// What breaks the connection itself.
class ClientH2Broken : public ClientH2Scripted, public ::testing::WithParamInterface<BadAnswer> {};

INSTANTIATE_TEST_SUITE_P(
    All, ClientH2Broken,
    ::testing::ValuesIn(std::vector<BadAnswer>{
        {"http 1.1", "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"},
        {"promise",
         frame(kPushPromise, kEndHeaders, 1, big_endian(2, 4) + fields(request_fields()))},
        {"data on stream zero", data(0, "a")},
        {"data on a stream of the server", data(2, "a")},
        {"head on a stream nobody opened", answer_head(7)},
        {"frame too large", answer_head(1) + data(1, std::string(16'385, 'a'))},
        {"field of no table entry", frame(kHeaders, kEndHeaders, 1, "\xff\x01")},
        {"ping of seven bytes", ping("1234567")},
        {"window too large", window_update(0, 0x7fffffff)},
        {"settings flood", repeated(settings(), 100)},
        {"ping flood", repeated(ping(), 200)},
        {"flood of empty frames", answer_head(1) + repeated(data(1, ""), 1000)},
        {"flood of priorities",
         repeated(frame(kPriority, kNone, 1, big_endian(0, 4) + "\x10"), 3000)},
        {"continuations", frame(kHeaders, kNone, 1, fields({{":status", "200"}})) +
                              repeated(frame(kContinuation, kNone, 1, fields({{"x", "a"}})), 50)},
        {"body before the head", data(1, "hello", true)},
        {"end", kClose},
    }),
    [](const auto& info) { return "Case" + std::to_string(info.index); });

TEST_P(ClientH2Broken, EndsInAnErrorAndTheNextRequestIsServed) {
  serve({{GetParam().bytes}, {good(1)}});
  ClientRequest made = request("/", "POST", "x");
  made.timeout = Millis(5'000);
  auto response = fetch(std::move(made));
  ASSERT_FALSE(response);
  EXPECT_FALSE(response.error().is(net::Errc::timed_out)) << response.error().message();
  auto next = fetch(request("/"));
  ASSERT_TRUE(next) << next.error().message();
  EXPECT_EQ(next->body, "hello");
}

TEST_F(ClientH2Scripted, ARefusedRequestIsSentAgainWhateverItsMethod) {
  serve({{reset(1, kRefusedStream), reset(3, kRefusedStream), good(5)}});
  auto response = fetch(request("/", "POST", "hello"));
  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(response->body, "hello");
  EXPECT_EQ(script_.requests, 3u);
}

TEST_F(ClientH2Scripted, ARefusedRequestIsNotSentForEver) {
  serve({{reset(1, kRefusedStream), reset(3, kRefusedStream), reset(5, kRefusedStream), good(7)}});
  auto response = fetch(request("/"));
  ASSERT_FALSE(response);
  EXPECT_TRUE(response.error().is(Errc::bad_gateway));
  EXPECT_EQ(script_.requests, 3u);
}

TEST_F(ClientH2Scripted, WhatGoAwayLeavesOutIsSentAgainElsewhere) {
  serve({{go_away(0)}, {good(1)}});
  auto response = fetch(request("/", "POST", "hello"));
  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(response->body, "hello");
  EXPECT_EQ(script_.accepted, 2u);
}

TEST_F(ClientH2Scripted, WhatGoAwayCoversIsNotSentAgain) {
  serve({{go_away(1) + reset(1, kCancel)}, {good(1)}});
  EXPECT_FALSE(fetch(request("/", "POST", "hello")));
  EXPECT_EQ(script_.accepted, 1u);
}

TEST_F(ClientH2Scripted, AnOriginThatRequiresHttp11GetsIt) {
  serve({{reset(1, kHttp11Required)}, {}});
  auto response = fetch(request("/", "POST", "hello"));
  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(response->body, "old");
  EXPECT_EQ(script_.protocols, (std::vector<std::string>{"h2", "http/1.1"}));
}

TEST_F(ClientH2Scripted, AUsedConnectionThatEndedIsReplacedForGet) {
  serve({{good(1), kClose}, {good(1), kClose}, {good(1)}});
  ASSERT_TRUE(fetch(request("/")));
  auto again = fetch(request("/"));
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(script_.accepted, 2u);
  EXPECT_FALSE(fetch(request("/", "POST", "hello")));  // it may have done its work
  EXPECT_EQ(script_.accepted, 2u);
}

TEST_F(ClientH2Scripted, AnswersThatDoNotComeTimeOutAndTheConnectionIsLeft) {
  serve({{good(1), kHang}, {good(1)}});
  ASSERT_TRUE(fetch(request("/")));
  ClientRequest made = request("/");
  made.timeout = Millis(200);
  auto response = fetch(std::move(made));
  ASSERT_FALSE(response);
  EXPECT_TRUE(response.error().is(net::Errc::timed_out));
  EXPECT_TRUE(fetch(request("/")));
  EXPECT_EQ(script_.accepted, 2u);
}

TEST_F(ClientH2Scripted, AnAnswerThatTricklesTimesOut) {
  serve({{answer_head(1) + data(1, "hel"), good(3)}});
  ClientRequest made = request("/");
  made.timeout = Millis(200);
  auto response = fetch(std::move(made));
  ASSERT_FALSE(response);
  EXPECT_TRUE(response.error().is(net::Errc::timed_out));
  EXPECT_TRUE(fetch(request("/")));  // on the same connection: it lives
  EXPECT_EQ(script_.accepted, 1u);
}

TEST_F(ClientH2Scripted, NothingOfARequestCanForgeAnother) {
  serve({{good(1)}});
  ClientRequest made = request("/");
  made.headers.add("x", "a\r\nhost: b");
  EXPECT_FALSE(fetch(std::move(made)));
  EXPECT_EQ(script_.accepted, 0u);
}

}  // namespace
}  // namespace openunison::http::testing
