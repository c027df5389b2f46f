// SPDX-License-Identifier: Apache-2.0
//
// Several certificates on one port: which host a connection may ask for, by the name that it was
// opened by (RFC 9110 §15.5.20; RFC 9113 §9.1.1: connections that a client uses for several hosts).
#include <gtest/gtest.h>

#include "../net/certificates.h"
#include "connection_fixture.h"
#include "h2_peer.h"
#include "net/connect.h"

namespace openunison::http::testing {
namespace {

constexpr Millis kPatience{10'000};

class Misdirected : public ::testing::Test {
 protected:
  void serve(std::vector<net::CertificatePair> pairs, Proxies proxies = {}) {
    ServerOptions options;
    options.name = "misdirected";
    options.listen = {"127.0.0.1:0"};
    options.proxies = std::move(proxies);
    options.tls = context(std::move(pairs));
    auto started = Server::start(runtime_, std::move(options), std::make_shared<MirrorService>());
    ASSERT_TRUE(started) << started.error().message();
    server_ = std::move(*started);
  }
  static std::shared_ptr<const net::TlsServerContext> context(
      std::vector<net::CertificatePair> pairs) {
    auto made = net::TlsServerContext::create(std::move(pairs), kAlpn);
    EXPECT_TRUE(made);
    return *made;
  }

  // The status of each answer, to requests for these hosts on one connection that was opened by
  // `name`; an address opens it without one.
  std::vector<int> statuses(const std::string& name, std::vector<std::string> hosts, bool h2) {
    return runtime_.block_on(ask(name, std::move(hosts),
                                 h2 ? std::vector<std::string>{"h2"} : std::vector<std::string>{}));
  }
  Task<std::unique_ptr<net::Stream>> open(std::string name, std::vector<std::string> alpn) {
    auto trusted =
        net::TlsClientContext::create({one_.chain_pem, two_.chain_pem}, false, {"http/1.1"});
    auto tcp = co_await net::connect_tcp("127.0.0.1", server_->ports()[0], net::in(kPatience));
    EXPECT_TRUE(tcp);
    auto stream = co_await net::tls_connect(std::move(*tcp), *trusted, std::move(name),
                                            net::in(kPatience), std::move(alpn));
    EXPECT_TRUE(stream) << stream.error().message();
    co_return std::move(*stream);
  }

  net::Runtime runtime_{1};
  std::unique_ptr<Server> server_;
  const net::CertificatePair one_ =
      net::testing::make_certificate("DNS:one.example,DNS:also.example,IP:127.0.0.1");
  const net::CertificatePair two_ = net::testing::make_certificate("DNS:two.example");

 private:
  Task<std::vector<int>> ask(std::string name, std::vector<std::string> hosts,
                             std::vector<std::string> alpn) {
    const bool h2 = !alpn.empty();
    auto stream = co_await open(std::move(name), std::move(alpn));
    std::string requests = h2 ? preface() : "";
    std::uint32_t id = 1;
    for (std::size_t i = 0; i < hosts.size(); ++i, id += 2) {
      requests += h2 ? headers(id, {{":method", "GET"},
                                    {":scheme", "https"},
                                    {":authority", hosts[i]},
                                    {":path", "/"}})
                     : "GET / HTTP/1.1\r\nHost: " + hosts[i] +
                           (i + 1 == hosts.size() ? "\r\nConnection: close\r\n\r\n" : "\r\n\r\n");
    }
    auto written = co_await stream->write(requests, net::in(kPatience));
    EXPECT_TRUE(written);
    H2Reading reading;
    std::string text;
    char buffer[4096];
    const auto last = static_cast<std::int32_t>(id - 2);
    while (!h2 || !reading.stream(last).done()) {
      auto got = co_await stream->read_some(buffer, net::in(kPatience));
      if (!got || *got == 0) break;
      h2 ? reading.add({buffer, *got}) : static_cast<void>(text.append(buffer, *got));
    }
    std::vector<int> all;
    if (h2) {
      for (std::int32_t each = 1; each <= last; each += 2)
        all.push_back(reading.stream(each).status);
    } else {
      for (const Received& each : parse_responses(text)) all.push_back(each.status);
    }
    co_return all;
  }
};

using Statuses = std::vector<int>;

TEST_F(Misdirected, AConnectionServesTheNamesOfItsCertificate) {
  serve({one_, two_});
  const double before = metric("openunison_http_refused_total{reason=\"misdirected\"}");
  for (const bool h2 : {false, true}) {
    EXPECT_EQ(
        statuses("one.example", {"one.example", "also.example", "two.example", "one.example"}, h2),
        (Statuses{200, 200, 421, 200}))
        << h2;
    EXPECT_EQ(statuses("two.example", {"two.example", "one.example"}, h2), (Statuses{200, 421}))
        << h2;
    EXPECT_EQ(statuses("two.example", {"TWO.example:443"}, h2), (Statuses{200})) << h2;
  }
  EXPECT_EQ(metric("openunison_http_refused_total{reason=\"misdirected\"}"), before + 4);
}

TEST_F(Misdirected, WithoutANameItIsTheFirstCertificate) {
  serve({one_, two_});
  for (const bool h2 : {false, true})
    EXPECT_EQ(statuses("127.0.0.1", {"one.example", "two.example"}, h2), (Statuses{200, 421}))
        << h2;
}

// A name that no certificate has is the service's to refuse: connecting anew wouldn't help.
TEST_F(Misdirected, NamesWithoutACertificateAreLeftToTheService) {
  serve({one_, two_});
  EXPECT_EQ(statuses("one.example", {"nobody.example"}, true), (Statuses{200}));
  serve({two_});
  EXPECT_EQ(statuses("two.example", {"one.example"}, true), (Statuses{200}));
}

TEST_F(Misdirected, AProxyThatEncryptsAnewConnectsByAnyName) {
  Proxies proxies;
  proxies.trusted.push_back(*text::IpRange::parse("127.0.0.1"));
  serve({one_, two_}, std::move(proxies));
  EXPECT_EQ(statuses("one.example", {"two.example"}, false), (Statuses{200}));
}

TEST_F(Misdirected, NewCertificatesCountAtOnce) {
  serve({one_});
  EXPECT_EQ(statuses("one.example", {"two.example"}, false), (Statuses{200}));
  server_->set_tls(context({one_, two_}));
  EXPECT_EQ(statuses("one.example", {"two.example"}, false), (Statuses{421}));
}

}  // namespace
}  // namespace openunison::http::testing
