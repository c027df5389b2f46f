// SPDX-License-Identifier: Apache-2.0
//
// Who is believed about whom: tables of field values and PROXY headers, and spoofs of each.
#include "http/proxies.h"

#include <gtest/gtest.h>

#include "net/runtime.h"

namespace openunison::http::testing {
namespace {

using namespace std::string_view_literals;

Proxies proxies(ForwardedField field = ForwardedField::x_forwarded_for) {
  Proxies result;
  for (const char* range : {"10.0.0.0/8", "2001:db8:f::/48"})
    result.trusted.push_back(*text::IpRange::parse(range));
  result.field = field;
  return result;
}

struct ChainCase {
  const char* name;
  const char* peer;
  std::vector<std::string> lines;  // of the field
  const char* client;
  std::uint16_t port = 0;
};

Request request_from(const char* peer, const char* field, const std::vector<std::string>& lines) {
  Request request;
  request.peer = {peer, 0};
  for (const std::string& line : lines) request.headers.add(field, line);
  return request;
}

TEST(Proxies, XForwardedFor) {
  const ChainCase cases[] = {
      {"no field", "10.0.0.1", {}, "10.0.0.1"},
      {"one", "10.0.0.1", {"203.0.113.7"}, "203.0.113.7"},
      {"untrusted peer's is dropped", "198.51.100.9", {"203.0.113.7"}, "198.51.100.9"},
      {"untrusted peer names a trusted one", "198.51.100.9", {"10.0.0.5"}, "198.51.100.9"},
      {"spoof to the left", "10.0.0.1", {"127.0.0.1, 203.0.113.7"}, "203.0.113.7"},
      {"spoof in a line of its own", "10.0.0.1", {"127.0.0.1", "203.0.113.7"}, "203.0.113.7"},
      {"through two", "10.0.0.1", {"203.0.113.7, 10.9.9.9"}, "203.0.113.7"},
      {"spoof, through two", "10.0.0.1", {"1.1.1.1, 203.0.113.7, 10.9.9.9"}, "203.0.113.7"},
      {"spoofed trusted hop", "10.0.0.1", {"1.1.1.1, 10.1.1.1, 203.0.113.7"}, "203.0.113.7"},
      {"all are trusted", "10.0.0.1", {"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
      {"IPv6", "2001:db8:f::1", {"2001:db8:1::7"}, "2001:db8:1::7"},
      {"IPv6 in brackets", "10.0.0.1", {"[2001:DB8:1::7]"}, "2001:db8:1::7"},
      {"IPv6 with a port", "10.0.0.1", {"[2001:db8:1::7]:4711"}, "2001:db8:1::7", 4711},
      {"IPv4 with a port", "10.0.0.1", {"203.0.113.7:4711"}, "203.0.113.7", 4711},
      {"zone", "10.0.0.1", {"fe80::1%eth0"}, "fe80::1"},
      {"IPv4 inside IPv6", "::ffff:10.0.0.1", {"::ffff:203.0.113.7"}, "203.0.113.7"},
      {"IPv4 inside IPv6 isn't a way round", "10.0.0.1", {"1.1.1.1, ::ffff:10.0.0.2"}, "1.1.1.1"},
      {"unknown", "10.0.0.1", {"unknown"}, "10.0.0.1"},
      {"no address", "10.0.0.1", {"203.0.113.7, localhost"}, "10.0.0.1"},
      {"empty element", "10.0.0.1", {"203.0.113.7, "}, "10.0.0.1"},
      {"empty field", "10.0.0.1", {""}, "10.0.0.1"},
      {"blanks and tabs", "10.0.0.1", {" \t203.0.113.7\t "}, "203.0.113.7"},
      {"leading zeros", "10.0.0.1", {"203.0.113.007"}, "10.0.0.1"},
      {"port too large", "10.0.0.1", {"203.0.113.7:70000"}, "10.0.0.1"},
      {"port empty", "10.0.0.1", {"203.0.113.7:"}, "10.0.0.1"},
      {"open bracket", "10.0.0.1", {"[2001:db8::1"}, "10.0.0.1"},
      {"rubbish behind the bracket", "10.0.0.1", {"[2001:db8::1]x"}, "10.0.0.1"},
      {"IPv4 in brackets", "10.0.0.1", {"[203.0.113.7]"}, "10.0.0.1"},
      {"two in one", "10.0.0.1", {"203.0.113.7 198.51.100.1"}, "10.0.0.1"},
      {"semicolon", "10.0.0.1", {"203.0.113.7;x"}, "10.0.0.1"},
      {"quoted", "10.0.0.1", {"\"203.0.113.7\""}, "10.0.0.1"},
      {"admin socket", "", {"203.0.113.7"}, ""},
  };
  for (const ChainCase& each : cases) {
    Request request = request_from(each.peer, "x-forwarded-for", each.lines);
    EXPECT_TRUE(proxies().reveal(request)) << each.name;
    EXPECT_EQ(request.peer.ip, each.client) << each.name;
    EXPECT_EQ(request.peer.port, each.port) << each.name;
  }
}

TEST(Proxies, Forwarded) {
  const ChainCase cases[] = {
      {"one", "10.0.0.1", {"for=203.0.113.7"}, "203.0.113.7"},
      {"untrusted peer's is dropped", "198.51.100.9", {"for=203.0.113.7"}, "198.51.100.9"},
      {"all of it", "10.0.0.1", {"for=203.0.113.7;proto=http;by=10.0.0.1;host=a"}, "203.0.113.7"},
      {"name in capitals", "10.0.0.1", {"Proto=http; For=203.0.113.7"}, "203.0.113.7"},
      {"IPv6", "10.0.0.1", {"for=\"[2001:db8:1::7]:4711\""}, "2001:db8:1::7", 4711},
      {"hidden port", "10.0.0.1", {"for=\"203.0.113.7:_p\""}, "203.0.113.7"},
      {"escaped", "10.0.0.1", {R"(for="203.0.113.\7")"}, "203.0.113.7"},
      {"spoof to the left", "10.0.0.1", {"for=127.0.0.1, for=203.0.113.7"}, "203.0.113.7"},
      {"spoof by a comma in quotes",
       "10.0.0.1",
       {"x=\", for=1.1.1.1\", for=203.0.113.7"},
       "203.0.113.7"},
      {"two lines", "10.0.0.1", {"for=1.1.1.1", "for=203.0.113.7"}, "203.0.113.7"},
      {"through two", "10.0.0.1", {"for=203.0.113.7, for=10.2.2.2"}, "203.0.113.7"},
      {"empty elements", "10.0.0.1", {", for=203.0.113.7 ,,"}, "203.0.113.7"},
      {"nothing", "10.0.0.1", {""}, "10.0.0.1"},
      {"hidden", "10.0.0.1", {"for=_secret"}, "10.0.0.1"},
      {"unknown", "10.0.0.1", {"for=unknown"}, "10.0.0.1"},
      {"hop without for", "10.0.0.1", {"for=203.0.113.7, proto=https"}, "10.0.0.1"},
  };
  for (const ChainCase& each : cases) {
    Request request = request_from(each.peer, "forwarded", each.lines);
    EXPECT_TRUE(proxies(ForwardedField::forwarded).reveal(request)) << each.name;
    EXPECT_EQ(request.peer.ip, each.client) << each.name;
    EXPECT_EQ(request.peer.port, each.port) << each.name;
  }
}

TEST(Proxies, BrokenForwardedIsRefused) {
  for (const char* value :
       {"for", "for=", "for=1.1.1.1;", ";for=1.1.1.1", "for=\"1.1.1.1", "for=\"1.1.1.1\\",
        "for=[::1]", "for=1.1.1.1 for=2.2.2.2", "for=1.1.1.1;for=2.2.2.2", "for =1.1.1.1",
        "for= 1.1.1.1", "for=\"1.1.1.1\"x", "\", for=1.1.1.1", "=1.1.1.1", "for=2001:db8::1"}) {
    Request request = request_from("10.0.0.1", "forwarded", {value});
    EXPECT_FALSE(proxies(ForwardedField::forwarded).reveal(request)) << value;
    Request untrusted = request_from("198.51.100.1", "forwarded", {value});
    EXPECT_TRUE(proxies(ForwardedField::forwarded).reveal(untrusted))
        << value << ": nobody looks at it";
  }
}

TEST(Proxies, ATrustedProxyThatSaysNobodyIsFoundOut) {
  using Client = Proxies::Client;
  const std::tuple<const char*, std::vector<std::string>, Client> cases[] = {
      {"10.0.0.1", {"203.0.113.7"}, Client::known},
      {"10.0.0.1", {}, Client::unsaid},
      {"10.0.0.1", {"unknown"}, Client::unsaid},
      {"10.0.0.1", {"10.9.9.9"}, Client::unsaid},
      {"198.51.100.9", {}, Client::known},
      {"198.51.100.9", {"203.0.113.7"}, Client::known},
  };
  for (const auto& [peer, lines, client] : cases) {
    Request request = request_from(peer, "x-forwarded-for", lines);
    EXPECT_EQ(proxies().reveal(request).value(), client) << peer << " " << lines.size();
  }
  Request other_field = request_from("10.0.0.1", "forwarded", {"for=203.0.113.7"});
  EXPECT_EQ(proxies().reveal(other_field).value(), Client::unsaid);
}

// A client may write what it likes in front of what the proxies add.
TEST(Proxies, OnlyTheLastHopsAreLookedAt) {
  std::string spoofed, forwarded;
  for (int i = 0; i < 2'000; ++i) {
    spoofed += "9.9.9.9,";
    forwarded += "for=9.9.9.9,";
  }
  for (int hops = 1; hops <= 20; ++hops) {
    std::string way = "203.0.113.7", named = "for=203.0.113.7";
    for (int i = 1; i < hops; ++i) {
      way += ", 10.0.0.9";
      named += ", for=10.0.0.9";
    }
    const char* const client = hops <= 16 ? "203.0.113.7" : "10.0.0.9";
    Request request = request_from("10.0.0.1", "x-forwarded-for", {spoofed + way});
    EXPECT_TRUE(proxies().reveal(request));
    EXPECT_EQ(request.peer.ip, client) << hops;
    request = request_from("10.0.0.1", "forwarded", {forwarded + named});
    EXPECT_TRUE(proxies(ForwardedField::forwarded).reveal(request));
    EXPECT_EQ(request.peer.ip, client) << hops;
  }
  EXPECT_EQ(parse_forwarded(forwarded)->size(), 16u);
}

TEST(Proxies, AnElementHasFewParameters) {
  std::string element = "for=203.0.113.7";
  for (int i = 1; i < 16; ++i) element += ";p" + std::to_string(i) + "=a";
  EXPECT_TRUE(parse_forwarded(element));
  EXPECT_FALSE(parse_forwarded(element + ";p16=a"));
}

TEST(Proxies, OnlyTheChosenFieldIsRead) {
  for (const ForwardedField field :
       {ForwardedField::none, ForwardedField::x_forwarded_for, ForwardedField::forwarded}) {
    Request request;
    request.peer = {"10.0.0.1", 0};
    request.headers.add("x-forwarded-for", "203.0.113.1");
    request.headers.add("forwarded", "for=203.0.113.2");
    request.headers.add("x-real-ip", "203.0.113.3");
    ASSERT_TRUE(proxies(field).reveal(request));
    EXPECT_EQ(request.peer.ip, field == ForwardedField::none              ? "10.0.0.1"
                               : field == ForwardedField::x_forwarded_for ? "203.0.113.1"
                                                                          : "203.0.113.2");
  }
}

TEST(Proxies, FieldsAreTakenOffAndTheHostStays) {
  for (const char* peer : {"10.0.0.1", "198.51.100.1"}) {
    Request request;
    request.peer = {peer, 0};
    request.authority.host = "portal.example.com";
    for (const char* name : {"forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-port",
                             "x-forwarded-proto", "x-real-ip"})
      request.headers.add(name, "evil.example");
    request.headers.add("accept", "*/*");
    ASSERT_TRUE(proxies().reveal(request));
    ASSERT_EQ(request.headers.fields().size(), 1u);
    EXPECT_EQ(request.headers.fields()[0].name, "accept");
    EXPECT_EQ(request.authority.host, "portal.example.com");
  }
}

// --- PROXY ---

constexpr std::string_view kV2 = "\r\n\r\n\0\r\nQUIT\n"sv;

std::string binary(std::string_view command_family, std::string_view body) {
  std::string bytes(kV2);
  bytes += command_family;
  bytes += static_cast<char>(body.size() >> 8);
  bytes += static_cast<char>(body.size() & 0xFF);
  bytes += body;
  return bytes;
}

struct HeaderCase {
  const char* name;
  std::string bytes;
  const char* source;  // null: wrong; "": none
  std::uint16_t port = 0;
};

std::vector<HeaderCase> header_cases() {
  const std::string four("\xCB\0\x71\x07\x0A\0\0\x01\x12\x67\x01\xBB", 12);
  const std::string six = std::string("\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x07", 16) +
                          std::string(15, '\0') + "\x01" + std::string("\x12\x67\x01\xBB", 4);
  return {
      {"v1 IPv4", "PROXY TCP4 203.0.113.7 10.0.0.1 4711 443\r\n", "203.0.113.7", 4711},
      {"v1 IPv6", "PROXY TCP6 2001:db8::7 ::1 4711 443\r\n", "2001:db8::7", 4711},
      {"v1 unknown", "PROXY UNKNOWN\r\n", ""},
      {"v1 unknown with more",
       "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
       "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
       ""},
      {"v1 too long", "PROXY UNKNOWN " + std::string(100, 'x') + "\r\n", nullptr},
      {"v1 bare LF", "PROXY TCP4 203.0.113.7 10.0.0.1 4711 443\n", nullptr},
      {"v1 bare CR", "PROXY TCP4 203.0.113.7 10.0.0.1 4711 443\r\r\n", nullptr},
      {"v1 two blanks", "PROXY  TCP4 203.0.113.7 10.0.0.1 4711 443\r\n", nullptr},
      {"v1 tab", "PROXY\tTCP4 203.0.113.7 10.0.0.1 4711 443\r\n", nullptr},
      {"v1 trailing blank", "PROXY TCP4 203.0.113.7 10.0.0.1 4711 443 \r\n", nullptr},
      {"v1 leading blank", " PROXY TCP4 203.0.113.7 10.0.0.1 4711 443\r\n", nullptr},
      {"v1 lower case", "proxy TCP4 203.0.113.7 10.0.0.1 4711 443\r\n", nullptr},
      {"v1 UDP", "PROXY UDP4 203.0.113.7 10.0.0.1 4711 443\r\n", nullptr},
      {"v1 IPv6 as TCP4", "PROXY TCP4 ::1 10.0.0.1 4711 443\r\n", nullptr},
      {"v1 IPv4 as TCP6", "PROXY TCP6 203.0.113.7 ::1 4711 443\r\n", nullptr},
      {"v1 leading zero", "PROXY TCP4 203.0.113.07 10.0.0.1 4711 443\r\n", nullptr},
      {"v1 port with a zero", "PROXY TCP4 203.0.113.7 10.0.0.1 04711 443\r\n", nullptr},
      {"v1 port too large", "PROXY TCP4 203.0.113.7 10.0.0.1 65536 443\r\n", nullptr},
      {"v1 negative port", "PROXY TCP4 203.0.113.7 10.0.0.1 -1 443\r\n", nullptr},
      {"v1 missing port", "PROXY TCP4 203.0.113.7 10.0.0.1 4711\r\n", nullptr},
      {"v1 zone", "PROXY TCP6 fe80::1%eth0 ::1 4711 443\r\n", nullptr},
      {"v1 zero byte", std::string("PROXY TCP4 203.0.113.7\0 10.0.0.1 1 2\r\n", 38), nullptr},
      {"v2 IPv4", binary("\x21\x11", four), "203.0.113.7", 4711},
      {"v2 IPv6", binary("\x21\x21", six), "2001:db8::7", 4711},
      {"v2 IPv4 inside IPv6",
       binary("\x21\x21", std::string(10, '\0') + "\xFF\xFF" + four.substr(0, 4) +
                              std::string(16, '\0') + four.substr(8)),
       "203.0.113.7", 4711},
      {"v2 local", binary("\x20\x11"sv, four), ""},
      {"v2 local, empty", binary("\x20\0"sv, ""), ""},
      {"v2 unspecified", binary("\x21\0"sv, ""), ""},
      {"v2 with TLVs", binary("\x21\x11", four + std::string("\x04\0\x02xy", 5)), "203.0.113.7",
       4711},
      {"v2 TLV too long", binary("\x21\x11", four + std::string("\x04\0\x03xy", 5)), nullptr},
      {"v2 half a TLV", binary("\x21\x11", four + "\x04"), nullptr},
      {"v2 too short for its family", binary("\x21\x21", four), nullptr},
      {"v2 version 1", binary("\x11\x11", four), nullptr},
      {"v2 version 3", binary("\x31\x11", four), nullptr},
      {"v2 command 2", binary("\x22\x11", four), nullptr},
      {"v2 UDP", binary("\x21\x12", four), nullptr},
      {"v2 Unix", binary("\x21\x31", std::string(216, '\0')), nullptr},
      {"v2 too long", binary("\x21\x11", four + std::string(2037, '\0')), nullptr},
      {"TLS", std::string("\x16\x03\x01\x02\0\x01\0\x01\xFC\x03\x03\0\0\0\0\r\n", 17), nullptr},
      {"HTTP", "GET / HTTP/1.1\r\n", nullptr},
      {"nothing", "", nullptr},
  };
}

TEST(ProxyHeader, Table) {
  for (const HeaderCase& each : header_cases()) {
    const auto header = parse_proxy_header(each.bytes);
    ASSERT_EQ(header.has_value(), each.source != nullptr) << each.name;
    if (!header) continue;
    ASSERT_EQ(header->source.has_value(), *each.source != '\0') << each.name;
    if (!header->source) continue;
    EXPECT_EQ(header->source->ip, each.source) << each.name;
    EXPECT_EQ(header->source->port, each.port) << each.name;
  }
}

Task<std::pair<Result<ProxyHeader>, std::string>> read_one(std::string bytes, std::size_t split) {
  auto [client, server] = net::memory_pipe(split);
  co_await client->write(bytes, net::in(Millis(5000)));
  co_await client->shutdown_write(net::in(Millis(5000)));
  auto header = co_await read_proxy_header(*server, net::in(Millis(5000)));
  std::string rest;
  char buffer[64];
  while (header) {
    auto got = co_await server->read_some(buffer, net::in(Millis(5000)));
    if (!got || *got == 0) break;
    rest.append(buffer, *got);
  }
  co_return std::pair(std::move(header), std::move(rest));
}

// What stands behind the header is the connection's, to the byte.
TEST(ProxyHeader, ReadsNoByteFurther) {
  for (const std::size_t split : {std::size_t{0}, std::size_t{1}, std::size_t{7}}) {
    for (const HeaderCase& each : header_cases()) {
      net::Runtime runtime(1);
      auto [header, rest] = runtime.block_on(read_one(each.bytes + "\x16rest", split));
      ASSERT_EQ(header.has_value(), each.source != nullptr) << each.name;
      if (header) EXPECT_EQ(rest, "\x16rest") << each.name;
    }
  }
}

TEST(ProxyHeader, EachCutOffOneIsWrong) {
  for (const HeaderCase& each : header_cases()) {
    if (each.source == nullptr) continue;
    for (std::size_t length = 0; length < each.bytes.size(); ++length)
      EXPECT_FALSE(parse_proxy_header(each.bytes.substr(0, length))) << each.name << length;
  }
}

}  // namespace
}  // namespace openunison::http::testing
