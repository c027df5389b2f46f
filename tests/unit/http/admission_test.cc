// SPDX-License-Identifier: Apache-2.0
//
// What one address may hold, as numbers and over real sockets: requests whose body never comes,
// bodies that trickle, handshakes that never end.
#include "http/admission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connection_fixture.h"
#include "h1_cases.h"
#include "http/edge.h"
#include "net/connect.h"
#include "test_certificates.h"

namespace openunison::http::testing {
namespace {

using ::testing::HasSubstr;

constexpr Millis kPatience{10'000};

double refused(const std::string& reason) {
  return metric("openunison_http_refused_total{reason=\"" + reason + "\"}");
}

TEST(Admission, CountsByAddressAndForAll) {
  Limits limits;
  limits.connections = 3;
  limits.connections_per_address = 2;
  Admission admission(limits);
  const auto one = admission.share("192.0.2.1"), other = admission.share("192.0.2.2");
  const double own = refused("connections_per_address"), all = refused("connections");
  auto a = admission.connection(one), b = admission.connection(one);
  EXPECT_TRUE(a && b);
  EXPECT_FALSE(admission.connection(one));
  EXPECT_EQ(refused("connections_per_address"), own + 1);
  auto c = admission.connection(other);
  EXPECT_TRUE(c) << "what one was refused isn't counted for all";
  EXPECT_FALSE(admission.connection(other));
  EXPECT_EQ(refused("connections"), all + 1);
  a.reset();
  EXPECT_TRUE(admission.connection(other)) << "and what is given back is free";
  EXPECT_EQ(admission.connections(), 2u);
}

TEST(Admission, OneSubscribersNetworkIsOneAddress) {
  Limits limits;
  limits.handshakes_per_address = 1;
  Admission admission(limits);
  const auto first = admission.handshake(admission.share("2001:db8:1:2::1"));
  EXPECT_TRUE(first);
  EXPECT_FALSE(admission.handshake(admission.share("2001:db8:1:2:ffff::9")));
  EXPECT_TRUE(admission.handshake(admission.share("2001:db8:1:3::1")));
}

TEST(Admission, ProxysAddressIsHeldToTheCommonLimitOnly) {
  Limits limits;
  limits.connections = 2;
  limits.connections_per_address = 1;
  Admission admission(limits);
  const auto proxy = admission.share("192.0.2.1");
  const auto a = admission.connection(proxy, false), b = admission.connection(proxy, false);
  EXPECT_TRUE(a && b);
  EXPECT_FALSE(admission.connection(proxy, false));
}

TEST(Admission, SharesAreTheSameWhileSomebodyHoldsThem) {
  Admission admission(Limits{});
  const auto share = admission.share("192.0.2.1");
  EXPECT_EQ(admission.share("192.0.2.1"), share);
  EXPECT_EQ(admission.share("::ffff:192.0.2.1"), share);
  EXPECT_NE(admission.share("192.0.2.2"), share);
}

TEST(Admission, FirstBytesOfABodyAreLeftToEachAddress) {
  Limits limits;
  limits.held_body_bytes = 100'000;
  limits.held_body_bytes_per_address = 80'000;
  Admission admission(limits);
  const auto greedy = admission.share("192.0.2.1"), also = admission.share("192.0.2.2"),
             person = admission.share("192.0.2.3");
  {
    Admission::HeldBytes first(admission, *greedy), more(admission, *greedy),
        second(admission, *also);
    EXPECT_TRUE(first.add(80'000));
    EXPECT_FALSE(more.add(1)) << "its address has no more";
    EXPECT_TRUE(second.add(20'000));
    EXPECT_FALSE(second.add(1)) << "nor has the server";
    Admission::HeldBytes form(admission, *person), next(admission, *person);
    EXPECT_TRUE(form.add(10'000));
    EXPECT_FALSE(form.add(10'000));
    EXPECT_FALSE(next.add(10'000)) << "an address has it once, not once a request";
    EXPECT_EQ(admission.body_bytes(), 110'000u);
  }
  EXPECT_EQ(admission.body_bytes(), 0u);
}

// --- Over sockets ---

std::unique_ptr<Server> start(net::Runtime& runtime, std::shared_ptr<Service> service,
                              Limits limits,
                              std::shared_ptr<const net::TlsServerContext> tls = nullptr) {
  ServerOptions options;
  options.name = "admission";
  options.listen = {"127.0.0.1:0"};
  options.limits = limits;
  options.tls = std::move(tls);
  auto server = Server::start(runtime, std::move(options), std::move(service));
  EXPECT_TRUE(server) << server.error().message();
  return std::move(*server);
}

Task<std::unique_ptr<net::Stream>> send(std::uint16_t port, std::string raw) {
  auto stream = co_await net::connect_tcp("127.0.0.1", port, net::in(kPatience));
  EXPECT_TRUE(stream);
  auto written = co_await (*stream)->write(raw, net::in(kPatience));
  EXPECT_TRUE(written);
  co_return std::move(*stream);
}

Task<std::string> answer(net::Stream& stream) {
  char buffer[4096];
  auto got = co_await stream.read_some(buffer, net::in(kPatience));
  co_return got ? std::string(buffer, *got) : "";
}

Task<std::string> ask(std::uint16_t port, std::string raw) {
  auto stream = co_await send(port, std::move(raw));
  co_return co_await answer(*stream);
}

// Until all heads have been read: the answers of the requests behind them come then.
Task<void> until_requests(MirrorService& mirror, int count) {
  while (mirror.requests < count) co_await net::sleep_until(net::in(Millis(1)));
}

Task<void> bodies_never_come(const Server& server, MirrorService& mirror) {
  const std::uint16_t port = server.ports()[0];
  std::vector<std::unique_ptr<net::Stream>> waiting;
  for (int i = 0; i < 5; ++i)
    waiting.push_back(co_await send(port, post("Content-Length: 5\r\n", "he")));
  co_await until_requests(mirror, 5);
  EXPECT_EQ(server.requests_in_flight(), 0u);
  const std::string other = co_await ask(port, get("/other"));
  EXPECT_THAT(other, HasSubstr("200 OK"));
  // And whoever sends the rest at last is served, however many came meanwhile.
  for (const auto& stream : waiting) {
    co_await stream->write("llo", net::in(kPatience));
    const std::string got = co_await answer(*stream);
    EXPECT_THAT(got, HasSubstr("[hello]"));
  }
  EXPECT_EQ(server.requests_in_flight(), 0u);
}

TEST(AdmissionOverSockets, RequestsThatWaitForTheirBodyTakeNobodysPlace) {
  net::Runtime runtime(1);
  auto mirror = std::make_shared<MirrorService>();
  Limits limits;
  limits.requests_in_flight = 1;
  auto server = start(runtime, mirror, limits);
  runtime.block_on(bodies_never_come(*server, *mirror));
}

Task<void> over_the_share(const Server& server, MirrorService& mirror) {
  const std::uint16_t port = server.ports()[0];
  auto one = co_await send(port, post("Content-Length: 5\r\n", ""));
  auto two = co_await send(port, post("Content-Length: 5\r\n", ""));
  co_await until_requests(mirror, 2);
  const std::string third = co_await ask(port, get("/"));
  EXPECT_THAT(third, HasSubstr("429"));
  EXPECT_THAT(third, HasSubstr("retry-after: 1"));
  co_await one->write("hello", net::in(kPatience));
  const std::string first = co_await answer(*one);
  EXPECT_THAT(first, HasSubstr("200 OK"));
  const std::string again = co_await ask(port, get("/"));
  EXPECT_THAT(again, HasSubstr("200 OK"));
}

TEST(AdmissionOverSockets, AddressHasAShareOfAllRequests) {
  net::Runtime runtime(1);
  auto mirror = std::make_shared<MirrorService>();
  Limits limits;
  limits.requests_per_address = 2;
  auto server = start(runtime, mirror, limits);
  const double before = refused("requests_per_address");
  runtime.block_on(over_the_share(*server, *mirror));
  EXPECT_EQ(refused("requests_per_address"), before + 1);
}

// Works until it is told that it is enough.
class BusyService final : public Service {
 public:
  Task<void> handle(Request& request, Responder& responder) override {
    if (request.path == "/busy") {
      entered.complete();
      co_await gate.wait(net::in(kPatience));
    }
    co_await responder.send({200, {}, "done"});
  }
  net::Completion entered, gate;
};

Task<void> one_works(std::uint16_t port, BusyService& service, int status) {
  auto busy = co_await send(port, get("/busy"));
  co_await service.entered.wait(net::in(kPatience));
  const std::string refused = co_await ask(port, get("/"));
  EXPECT_THAT(refused, HasSubstr(std::to_string(status)));
  service.gate.complete();
  const std::string done = co_await answer(*busy);
  EXPECT_THAT(done, HasSubstr("200 OK"));
  const std::string served = co_await ask(port, get("/"));
  EXPECT_THAT(served, HasSubstr("200 OK"));
}

TEST(AdmissionOverSockets, WorkIsCountedByAddressAndForAll) {
  for (const bool per_address : {false, true}) {
    net::Runtime runtime(1);
    auto service = std::make_shared<BusyService>();
    Limits limits;
    (per_address ? limits.requests_in_flight_per_address : limits.requests_in_flight) = 1;
    auto server = start(runtime, service, limits);
    const std::string reason = per_address ? "in_flight_per_address" : "in_flight";
    const double before = refused(reason);
    runtime.block_on(one_works(server->ports()[0], *service, per_address ? 429 : 503));
    EXPECT_EQ(refused(reason), before + 1);
  }
}

// Answers more than the sockets' buffers take, which nobody reads.
class LongService final : public Service {
 public:
  Task<void> handle(Request& request, Responder& responder) override {
    const std::size_t size = request.path == "/long" ? 32 * 1024 * 1024 : 4;
    if (size > 4) started.complete();
    co_await responder.send({200, {}, std::string(size, 'x')});
  }
  net::Completion started;
};

Task<void> nobody_reads(const Server& server, LongService& service) {
  auto slow = co_await send(server.ports()[0], get("/long"));
  co_await service.started.wait(net::in(kPatience));
  const std::string other = co_await ask(server.ports()[0], get("/"));
  EXPECT_THAT(other, HasSubstr("200 OK"));
}

TEST(AdmissionOverSockets, AnswersThatNobodyReadsTakeNobodysPlace) {
  net::Runtime runtime(1);
  auto service = std::make_shared<LongService>();
  Limits limits;
  limits.requests_in_flight = 1;
  auto server = start(runtime, service, limits);
  runtime.block_on(nobody_reads(*server, *service));
}

Task<void> trickle(std::uint16_t port) {
  auto held = co_await send(port, post("Content-Length: 60001\r\n", std::string(60'000, 'x')));
  while (metric("openunison_http_held_body_bytes{server=\"admission\"}") < 60'000)
    co_await net::sleep_until(net::in(Millis(1)));
  const std::string over =
      co_await ask(port, post("Content-Length: 60000\r\n", std::string(60'000, 'y')));
  EXPECT_THAT(over, HasSubstr("503"));
  co_await held->write("x", net::in(kPatience));
  const std::string done = co_await answer(*held);
  EXPECT_THAT(done, HasSubstr("200 OK"));
  const std::string again =
      co_await ask(port, post("Content-Length: 60000\r\n", std::string(60'000, 'z')));
  EXPECT_THAT(again, HasSubstr("200 OK"));
}

TEST(AdmissionOverSockets, BodiesInMemoryAreBounded) {
  for (const bool per_address : {false, true}) {
    net::Runtime runtime(1);
    Limits limits;
    (per_address ? limits.held_body_bytes_per_address : limits.held_body_bytes) = 100'000;
    auto server = start(runtime, std::make_shared<MirrorService>(), limits);
    const std::string reason = per_address ? "held_body_bytes_per_address" : "held_body_bytes";
    const double before = refused(reason);
    runtime.block_on(trickle(server->ports()[0]));
    EXPECT_EQ(refused(reason), before + 1);
  }
}

Task<void> silent_handshakes(std::uint16_t port) {
  auto silent = co_await send(port, "");
  auto one_too_many = co_await send(port, "");
  // Closed at once; the silent one is still waited for.
  const std::string closed = co_await answer(*one_too_many);
  EXPECT_EQ(closed, "");
}

TEST(AdmissionOverSockets, HandshakesAreCountedByAddressAndForAll) {
  for (const bool per_address : {false, true}) {
    net::Runtime runtime(1);
    Limits limits;
    (per_address ? limits.handshakes_per_address : limits.handshakes) = 1;
    auto tls = net::TlsServerContext::create({{kOneCertificate, Secret(kOneKey), "test"}});
    ASSERT_TRUE(tls);
    auto server = start(runtime, std::make_shared<MirrorService>(), limits, *tls);
    const std::string reason = per_address ? "handshakes_per_address" : "handshakes";
    const double before = refused(reason);
    runtime.block_on(silent_handshakes(server->ports()[0]));
    EXPECT_EQ(refused(reason), before + 1);
  }
}

}  // namespace
}  // namespace openunison::http::testing
