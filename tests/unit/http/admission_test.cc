// SPDX-License-Identifier: Apache-2.0
//
// What one address may hold, as numbers and over real sockets: requests whose body never comes,
// bodies that trickle, handshakes that never end.
#include "http/admission.h"

#include <fmt/format.h>
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
using ::testing::Not;

constexpr Millis kPatience{10'000};

double refused(const std::string& reason) {
  return metric("openunison_http_refused_total{reason=\"" + reason + "\"}");
}

std::optional<Admission::Place> take(Admission::Admitted admitted) {
  if (!admitted) return std::nullopt;
  return std::move(*admitted);
}

// Takes as many connections as it gets, each from the next /64 of the network.
std::vector<Admission::Place> fill(Admission& admission, const std::string& network, int subnets,
                                   int from_each) {
  std::vector<Admission::Place> places;
  for (int subnet = 0; subnet < subnets; ++subnet) {
    const auto share = admission.share(fmt::format("{}{:02x}::1", network, subnet));
    for (int i = 0; i < from_each; ++i) {
      auto admitted = admission.connection(share);
      if (!admitted) break;
      places.push_back(std::move(*admitted));
    }
  }
  return places;
}

Limits limits_of_connections(std::size_t all, std::size_t per_address) {
  Limits limits;
  limits.connections = all;
  limits.connections_per_address = per_address;
  return limits;
}

TEST(Admission, CountsByAddressAndForAll) {
  Limits limits;
  limits.connections = 3;
  limits.connections_per_address = 2;
  Admission admission(limits);
  const auto one = admission.share("192.0.2.1"), other = admission.share("192.0.2.2");
  const double own = refused("connections_per_address"), all = refused("connections");
  auto a = take(admission.connection(one)), b = take(admission.connection(one));
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

TEST(Admission, ProxysConnectionsTakeNothingFromItsNetwork) {
  Admission admission(limits_of_connections(160, 10));
  const auto proxy = admission.share("2001:db8:1:2::1");
  std::vector<Admission::Place> held;
  for (int i = 0; i < 100; ++i) held.push_back(std::move(*admission.connection(proxy, false)));
  EXPECT_EQ(fill(admission, "2001:db8:1:2", 256, 10).size(), 20u);
  held.clear();
  EXPECT_EQ(admission.connections(), 0u);
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

// What broke once: whoever has a /56 has 256 addresses, and with them all of the server.
TEST(Admission, NetworksHoldABoundedPartHoweverManyAddressesTheyHave) {
  Admission admission(limits_of_connections(160, 10));
  const double before = refused("connections_per_address");
  {
    auto of_56 = fill(admission, "2001:db8:1:2", 256, 10);
    EXPECT_EQ(of_56.size(), 20u) << "two addresses' shares";
    EXPECT_GT(refused("connections_per_address"), before);
    const auto next_56 = fill(admission, "2001:db8:1:3", 256, 10);
    EXPECT_EQ(next_56.size(), 20u);
    EXPECT_TRUE(fill(admission, "2001:db8:1:4", 256, 10).empty()) << "four, of one /48";
    const auto elsewhere = fill(admission, "2001:db8:2:4", 1, 10);
    EXPECT_EQ(elsewhere.size(), 10u) << "others have theirs";
    of_56.clear();
    EXPECT_EQ(fill(admission, "2001:db8:1:4", 256, 10).size(), 20u) << "given back";
  }
  EXPECT_EQ(admission.connections(), 0u);
}

// Whatever the share of one address is set to, a network is never below it, and the limit of the
// whole is what keeps it in where the share is everything.
TEST(Admission, NetworksHoldAQuarterAtMostUnlessOneAddressMayHoldMore) {
  for (const auto& [per_address, of_56, of_48] :
       {std::tuple{30u, 40u, 40u}, {60u, 60u, 60u}, {160u, 160u, 160u}, {1u, 2u, 4u}}) {
    Admission admission(limits_of_connections(160, per_address));
    EXPECT_EQ(fill(admission, "2001:db8:1:2", 256, 200).size(), of_56) << per_address;
    const auto first = fill(admission, "2001:db8:1:2", 256, 200);
    const auto second = fill(admission, "2001:db8:1:3", 256, 200);
    const auto third = fill(admission, "2001:db8:1:4", 256, 200);
    EXPECT_EQ(first.size() + second.size() + third.size(), of_48) << per_address;
  }
}

// 16 KiB are left to each address, but a network has as many addresses as it likes.
TEST(Admission, FirstBytesAreNotLeftToEachAddressOfANetwork) {
  Limits limits;
  limits.held_body_bytes = 65'536;
  Admission admission(limits);
  const auto greedy = admission.share("192.0.2.1");
  Admission::HeldBytes all(admission, *greedy);
  EXPECT_TRUE(all.add(65'536));
  std::vector<std::shared_ptr<Admission::Share>> shares;  // outlive what refers to them
  std::vector<std::unique_ptr<Admission::HeldBytes>> little;
  std::size_t held = 0;
  for (int i = 0; i < 256; ++i) {
    shares.push_back(admission.share(fmt::format("2001:db8:1:2{:02x}::1", i)));
    little.push_back(std::make_unique<Admission::HeldBytes>(admission, *shares.back()));
    held += little.back()->add(16'384) ? 16'384 : 0;
  }
  EXPECT_EQ(held, 2u * 16'384);
}

// Bodies that are kept back to end all at once were a way around the limit.
TEST(Admission, WorkThatComesBackIsBoundedByTwiceTheLimits) {
  Limits limits;
  limits.requests_in_flight = 4;
  limits.requests_in_flight_per_address = 2;
  Admission admission(limits);
  std::vector<Admission::Place> back;
  const auto take_back = [&](const char* address) {
    const auto share = admission.share(address);
    for (int i = 0; i < 10; ++i) {
      auto again = admission.in_flight_again(share);
      if (again) back.push_back(std::move(*again));
    }
    return back.size();
  };
  EXPECT_EQ(take_back("192.0.2.1"), 4u);
  EXPECT_EQ(take_back("192.0.2.2"), 8u);
  EXPECT_EQ(take_back("192.0.2.3"), 8u);
  EXPECT_FALSE(admission.in_flight(admission.share("192.0.2.3")));
}

// --- Over sockets ---

std::unique_ptr<Server> start(net::Runtime& runtime, std::shared_ptr<Service> service,
                              Limits limits,
                              std::shared_ptr<const net::TlsServerContext> tls = nullptr,
                              Proxies proxies = {}) {
  ServerOptions options;
  options.proxies = std::move(proxies);
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

// What the program writes to its standard error meanwhile.
class CapturedLog {
 public:
  CapturedLog() { ::testing::internal::CaptureStderr(); }
  std::string take() { return ::testing::internal::GetCapturedStderr(); }
};

Proxies trusting(const char* range) {
  Proxies proxies;
  proxies.trusted.push_back(*text::IpRange::parse(range));
  return proxies;
}

// Who may be a proxy that was forgotten is told of, once a minute; a stranger from outside isn't.
TEST(Admission, RefusalsOfPrivateAddressesAreExplained) {
  MirrorService mirror;
  const std::tuple<const char*, const char*, std::size_t> cases[] = {
      {"10.1.2.3", "if it is a proxy or a NAT", 1},
      {"fd00::1", "if it is a proxy or a NAT", 1},
      {"192.168.7.7", "doesn't say for whom", 1},
      {"203.0.113.7", "\"warn\"", 0},
  };
  for (const auto& [ip, text, times] : cases) {
    Edge edge("local", {}, mirror, true, trusting("192.168.7.0/24"));
    CapturedLog log;
    for (int i = 0; i < 3; ++i) edge.turned_away(ip, Refusal::connections_per_address);
    edge.turned_away(ip, Refusal::connections);
    const std::string said = log.take();
    std::size_t found = 0;
    for (std::size_t at = said.find(text); at != std::string::npos; at = said.find(text, at + 1))
      ++found;
    EXPECT_EQ(found, times) << ip << said;
    if (times > 0) EXPECT_THAT(said, HasSubstr("connections_per_address"));
  }
}

TEST(AdmissionOverSockets, ATrustedProxyThatSaysNobodyIsCountedAndTold) {
  const auto count = [] {
    return metric("openunison_http_proxied_without_client_total{server=\"admission\"}");
  };
  net::Runtime runtime(1);
  auto server =
      start(runtime, std::make_shared<MirrorService>(), {}, nullptr, trusting("127.0.0.1"));
  const double before = count();
  const auto said_by = [&](const std::string& request) {
    CapturedLog log;
    const std::string answered = runtime.block_on(ask(server->ports()[0], request));
    const std::string said = log.take();
    EXPECT_THAT(answered, HasSubstr("200 OK"));
    return said;
  };
  const std::string warning = "doesn't say for whom it passes requests on";
  EXPECT_THAT(said_by(with_line("X-Forwarded-For: 203.0.113.7")), Not(HasSubstr(warning)));
  EXPECT_EQ(count(), before);
  EXPECT_THAT(said_by(get("/healthz")), Not(HasSubstr(warning))) << "the proxy's own health check";
  EXPECT_EQ(count(), before + 1);
  EXPECT_THAT(said_by(with_line("Cookie: a=b")), HasSubstr(warning));
  EXPECT_THAT(said_by(with_line("Cookie: a=b")), Not(HasSubstr(warning))) << "not each time";
  EXPECT_EQ(count(), before + 3);
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
