// SPDX-License-Identifier: Apache-2.0
//
// Server over real sockets on loopback: accepting, caps, TLS, draining.
#include "http/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "connection_fixture.h"
#include "h1_cases.h"
#include "http/client.h"
#include "net/connect.h"
#include "test_certificates.h"

namespace openunison::http::testing {
namespace {

using ::testing::HasSubstr;

constexpr Millis kPatience{10'000};

std::shared_ptr<const net::TlsServerContext> server_tls(const char* certificate, const char* key) {
  auto context = net::TlsServerContext::create({{certificate, Secret(key), "test"}});
  EXPECT_TRUE(context) << context.error().message();
  return *context;
}

std::shared_ptr<const net::TlsClientContext> trusting(const char* certificate) {
  auto context = net::TlsClientContext::create({certificate}, false);
  EXPECT_TRUE(context) << context.error().message();
  return *context;
}

// Answers when told to.
class GatedService final : public Service {
 public:
  Task<void> handle(Request&, Responder& responder) override {
    entered.complete();
    co_await gate.wait(net::in(kPatience));
    co_await responder.send({200, {}, "through the gate"});
  }
  net::Completion entered, gate;
};

std::unique_ptr<Server> start(net::Runtime& runtime, std::shared_ptr<Service> service,
                              Limits limits = {},
                              std::shared_ptr<const net::TlsServerContext> tls = nullptr,
                              const char* name = "test") {
  ServerOptions options;
  options.name = name;
  options.listen = {"127.0.0.1:0"};
  options.limits = limits;
  options.tls = std::move(tls);
  auto server = Server::start(runtime, std::move(options), std::move(service));
  EXPECT_TRUE(server) << server.error().message();
  return std::move(*server);
}

Task<std::unique_ptr<net::Stream>> connect(std::uint16_t port) {
  auto stream = co_await net::connect_tcp("127.0.0.1", port, net::in(kPatience));
  EXPECT_TRUE(stream);
  co_return std::move(*stream);
}

Task<std::string> read_to_end(net::Stream& stream) {
  std::string all;
  char buffer[1024];
  for (;;) {
    auto got = co_await stream.read_some(buffer, net::in(kPatience));
    if (!got || *got == 0) co_return all;
    all.append(buffer, *got);
  }
}

Task<std::string> read_part(net::Stream& stream) {
  char buffer[1024];
  auto got = co_await stream.read_some(buffer, net::in(kPatience));
  co_return got ? std::string(buffer, *got) : "";
}

Task<std::string> ask(std::uint16_t port, std::string raw) {
  auto stream = co_await connect(port);
  auto written = co_await stream->write(raw, net::in(kPatience));
  EXPECT_TRUE(written);
  co_return co_await read_to_end(*stream);
}

TEST(Server, AnswersOverTcp) {
  net::Runtime runtime(1);
  auto server = start(runtime, std::make_shared<MirrorService>());
  ASSERT_EQ(server->ports().size(), 1u);
  const auto got = parse_responses(
      runtime.block_on(ask(server->ports()[0], get("/1") + with_line("Connection: close"))));
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got[0].body, "GET /1 example.com []");
  EXPECT_EQ(got[1].header("connection"), "close");
}

TEST(Server, BusyAddressIsAnError) {
  net::Runtime runtime(1);
  auto server = start(runtime, std::make_shared<MirrorService>());
  ServerOptions options;
  options.listen = {"127.0.0.1:" + std::to_string(server->ports()[0])};
  const auto second = Server::start(runtime, std::move(options), std::make_shared<MirrorService>());
  ASSERT_FALSE(second);
  EXPECT_TRUE(second.error().is(net::Errc::io));
}

Task<void> over_cap(std::uint16_t port) {
  auto first = co_await connect(port);
  co_await first->write(get("/"), net::in(kPatience));
  const std::string answer = co_await read_part(*first);
  EXPECT_THAT(answer, HasSubstr("200 OK"));
  const std::string refused = co_await ask(port, get("/"));
  EXPECT_EQ(refused, "");
  first.reset();
}

TEST(Server, ConnectionCapsCloseAtAccept) {
  for (const bool per_address : {false, true}) {
    Limits limits;
    (per_address ? limits.connections_per_address : limits.connections) = 1;
    const std::string series = std::string("openunison_http_refused_total{reason=\"") +
                               (per_address ? "connections_per_address" : "connections") + "\"}";
    const double before = metric(series);
    net::Runtime runtime(1);
    auto server = start(runtime, std::make_shared<MirrorService>(), limits);
    runtime.block_on(over_cap(server->ports()[0]));
    EXPECT_EQ(metric(series), before + 1) << series;
  }
}

Task<void> close_then_again(std::uint16_t port) {
  for (int i = 0; i < 3; ++i) {
    const std::string answer = co_await ask(port, with_line("Connection: close"));
    EXPECT_THAT(answer, HasSubstr("200 OK")) << i;
    // The server leaves its count when it has seen our end.
    while (metric("openunison_http_connections{server=\"caps\"}") > 0)
      co_await net::sleep_until(net::in(Millis(1)));
  }
}

TEST(Server, CapsCountOpenConnectionsOnly) {
  Limits limits;
  limits.connections = 1;
  net::Runtime runtime(1);
  auto server = start(runtime, std::make_shared<MirrorService>(), limits, nullptr, "caps");
  runtime.block_on(close_then_again(server->ports()[0]));
}

// --- TLS ---

struct TlsFixture {
  net::Runtime runtime{1};
  std::unique_ptr<Server> server;
  std::uint16_t port() const { return server->ports()[0]; }

  Result<Response> fetch(const char* trusted) {
    Client client(runtime, {trusting(trusted)});
    ClientRequest request;
    request.url =
        text::Url::parse("https://localhost:" + std::to_string(port()) + "/path?query").value();
    return runtime.block_on(client.fetch(std::move(request)));
  }
};

TEST(Server, AnswersOverTlsWithTransportSecurity) {
  TlsFixture fixture;
  fixture.server = start(fixture.runtime, std::make_shared<MirrorService>(), {},
                         server_tls(kOneCertificate, kOneKey));
  const auto response = fixture.fetch(kOneCertificate);
  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(response->body, "GET /path?query localhost:" + std::to_string(fixture.port()) + " []");
  EXPECT_EQ(response->headers.get("strict-transport-security"), "max-age=31536000");
}

TEST(Server, NewConnectionsGetTheNewCertificate) {
  TlsFixture fixture;
  fixture.server = start(fixture.runtime, std::make_shared<MirrorService>(), {},
                         server_tls(kOneCertificate, kOneKey));
  EXPECT_TRUE(fixture.fetch(kOneCertificate));
  fixture.server->set_tls(server_tls(kTwoCertificate, kTwoKey));
  EXPECT_TRUE(fixture.fetch(kTwoCertificate));
  const auto old = fixture.fetch(kOneCertificate);
  ASSERT_FALSE(old);
  EXPECT_TRUE(old.error().is(net::Errc::untrusted));
}

TEST(Server, PlainHttpOnATlsPortIsRefusedAndCounted) {
  TlsFixture fixture;
  fixture.server = start(fixture.runtime, std::make_shared<MirrorService>(), {},
                         server_tls(kOneCertificate, kOneKey));
  const double before = metric("openunison_http_refused_total{reason=\"handshake\"}");
  const std::string answer = fixture.runtime.block_on(ask(fixture.port(), get("/")));
  EXPECT_EQ(answer.find("HTTP/1.1"), std::string::npos);
  EXPECT_EQ(metric("openunison_http_refused_total{reason=\"handshake\"}"), before + 1);
}

TEST(Server, SlowHandshakeEnds) {
  TlsFixture fixture;
  Limits limits;
  limits.handshake_timeout = Millis(20);
  fixture.server = start(fixture.runtime, std::make_shared<MirrorService>(), limits,
                         server_tls(kOneCertificate, kOneKey));
  EXPECT_EQ(fixture.runtime.block_on(ask(fixture.port(), std::string("\x16\x03\x01", 3))), "");
}

// --- Draining ---

Task<void> drain_and_tell(Server& server, std::shared_ptr<net::Completion> drained) {
  co_await server.drain();
  drained->complete();
}

Task<void> drain_with_work(net::Runtime& runtime, Server& server, GatedService& service) {
  const std::uint16_t port = server.ports()[0];
  auto idle = co_await connect(port);
  auto busy = co_await connect(port);
  co_await busy->write(get("/") + get("/second"), net::in(kPatience));
  co_await service.entered.wait(net::in(kPatience));
  EXPECT_EQ(server.requests_in_flight(), 1u);

  auto drained = std::make_shared<net::Completion>();
  runtime.spawn(0, drain_and_tell(server, drained));
  const std::string of_idle = co_await read_to_end(*idle);  // ends: it was closed
  EXPECT_EQ(of_idle, "");
  EXPECT_FALSE(drained->done());
  auto late = co_await net::connect_tcp("127.0.0.1", port, net::in(kPatience));
  EXPECT_FALSE(late);

  service.gate.complete();
  const std::string answer = co_await read_to_end(*busy);
  const auto got = parse_responses(answer);
  EXPECT_EQ(got.size(), 1u);  // the second is not begun
  if (!got.empty()) EXPECT_EQ(got[0].body, "through the gate");
  if (!got.empty()) EXPECT_EQ(got[0].header("connection"), "close");
  busy.reset();
  const bool done = co_await drained->wait(net::in(kPatience));
  EXPECT_TRUE(done);
  EXPECT_EQ(server.requests_in_flight(), 0u);
}

TEST(Server, DrainFinishesWhatRunsAndClosesWhatIsIdle) {
  net::Runtime runtime(1);
  auto service = std::make_shared<GatedService>();
  auto server = start(runtime, service);
  runtime.block_on(drain_with_work(runtime, *server, *service));
}

Task<void> drain_stuck(Server& server, GatedService& service,
                       std::unique_ptr<net::Stream>& client) {
  client = co_await connect(server.ports()[0]);
  co_await client->write(get("/"), net::in(kPatience));
  co_await service.entered.wait(net::in(kPatience));
  co_await server.drain();
  EXPECT_EQ(server.requests_in_flight(), 1u);
}

TEST(Server, DrainGivesUpAtItsDeadline) {
  net::Runtime runtime(1);
  auto service = std::make_shared<GatedService>();
  Limits limits;
  limits.drain_timeout = Millis(20);
  auto server = start(runtime, service, limits);
  std::unique_ptr<net::Stream> client;
  runtime.block_on(drain_stuck(*server, *service, client));
}

// A connection whose handshake ends after the draining has begun: it isn't waited for, and ends at
// once.
Task<void> handshake_while_draining(Server& server) {
  auto plain = co_await connect(server.ports()[0]);
  co_await net::sleep_until(net::in(Millis(10)));  // accepted
  co_await server.drain();
  auto secured = co_await net::tls_connect(std::move(plain), trusting(kOneCertificate), "localhost",
                                           net::in(kPatience));
  EXPECT_TRUE(secured);
  if (!secured) co_return;
  char byte;
  auto got = co_await (*secured)->read_some({&byte, 1}, net::in(Millis(2'000)));
  EXPECT_FALSE(!got && got.error().is(net::Errc::timed_out));
}

TEST(Server, HandshakeThatEndsWhileDrainingIsOfNoUse) {
  net::Runtime runtime(1);
  auto server =
      start(runtime, std::make_shared<MirrorService>(), {}, server_tls(kOneCertificate, kOneKey));
  runtime.block_on(handshake_while_draining(*server));
}

Task<void> drain_nothing(Server& server) {
  co_await server.drain();
}

TEST(Server, DrainOfAnIdleServerReturnsAtOnce) {
  net::Runtime runtime(1);
  auto server = start(runtime, std::make_shared<MirrorService>());
  runtime.block_on(drain_nothing(*server));
}

Task<void> destroy_with_connection(std::unique_ptr<Server>& server) {
  auto client = co_await connect(server->ports()[0]);
  co_await client->write(get("/"), net::in(kPatience));
  const std::string answer = co_await read_part(*client);
  EXPECT_THAT(answer, HasSubstr("200 OK"));
  server.reset();
  char byte;
  auto got = co_await client->read_some({&byte, 1}, net::in(Millis(2'000)));
  EXPECT_FALSE(!got && got.error().is(net::Errc::timed_out));
}

TEST(Server, DestroyingItClosesItsConnections) {
  net::Runtime runtime(1);
  auto server = start(runtime, std::make_shared<MirrorService>());
  runtime.block_on(destroy_with_connection(server));
}

// --- Several threads (run under the thread sanitizer too) ---

struct Crowd {
  Client& client;
  std::uint16_t port;
  std::atomic<int> answered{0}, running{0};
  net::Completion all_done;
};

Task<void> member(Crowd& crowd) {
  for (int i = 0; i < 25; ++i) {
    ClientRequest request;
    request.url =
        text::Url::parse("http://127.0.0.1:" + std::to_string(crowd.port) + "/" + std::to_string(i))
            .value();
    auto response = co_await crowd.client.fetch(std::move(request));
    if (response && response->status == 200) ++crowd.answered;
  }
  if (--crowd.running == 0) crowd.all_done.complete();
}

Task<void> drain_after(Crowd& crowd, Server& server, net::Runtime& runtime) {
  const bool done = co_await crowd.all_done.wait(net::in(kPatience));
  EXPECT_TRUE(done);
  co_await server.drain();
  runtime.stop();
}

TEST(Server, ServesOnSeveralThreads) {
  class Ok final : public Service {
    Task<void> handle(Request& request, Responder& responder) override {
      co_await responder.send({200, {}, request.path});
    }
  };
  net::Runtime runtime(2);
  auto server = start(runtime, std::make_shared<Ok>());
  Client client(runtime, {trusting(kOneCertificate)});
  Crowd crowd{client, server->ports()[0]};
  crowd.running = 6;
  for (unsigned i = 0; i < 6; ++i) runtime.spawn(i % 2, member(crowd));
  runtime.spawn(0, drain_after(crowd, *server, runtime));
  runtime.run();
  EXPECT_EQ(crowd.answered, 150);
}

}  // namespace
}  // namespace openunison::http::testing
