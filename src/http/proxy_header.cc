// SPDX-License-Identifier: Apache-2.0
//
// The PROXY protocol, versions 1 and 2. Stricter than its text: one form of each number, nothing
// behind an address, no unknown command; TLVs must fill their room exactly and are not looked at.
#include <array>
#include <charconv>

#include "http/proxies.h"

namespace openunison::http {
namespace {

constexpr std::string_view kSignature{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::size_t kMostText = 107;     // of version 1, with CRLF
constexpr std::size_t kMostBinary = 2048;  // of version 2, behind its 16 bytes
constexpr std::size_t kBinaryHead = 16;

std::unexpected<Error> bad(const char* why) {
  return fail(Errc::bad_request, std::string("the PROXY header is wrong: ") + why);
}

std::optional<std::uint16_t> port_of(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (text.empty() || failed != std::errc() || end != text.data() + text.size() ||
      (text.size() > 1 && text.front() == '0')) {
    return std::nullopt;
  }
  return port;
}

// "PROXY TCP4 192.0.2.1 192.0.2.2 1234 443", without CRLF.
Result<ProxyHeader> parse_text(std::string_view line) {
  if (line == "PROXY UNKNOWN" || line.starts_with("PROXY UNKNOWN ")) return ProxyHeader{};
  std::array<std::string_view, 6> words;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::size_t space = line.find(' ');
    const bool is_last = i + 1 == words.size();
    if ((space == std::string_view::npos) != is_last) return bad("it must have six words");
    words[i] = line.substr(0, space);
    line.remove_prefix(is_last ? line.size() : space + 1);
  }
  const bool four = words[1] == "TCP4";
  if (words[0] != "PROXY" || (!four && words[1] != "TCP6")) return bad("TCP4 or TCP6 must follow");
  for (const std::string_view word : {words[2], words[3]}) {
    const auto address = text::IpAddress::parse(word);
    const bool written_four = word.find(':') == std::string_view::npos;
    if (!address || written_four != four || word.find('%') != std::string_view::npos)
      return bad("an address isn't one");
  }
  const auto source_port = port_of(words[4]), own_port = port_of(words[5]);
  if (!source_port || !own_port) return bad("a port isn't one");
  return ProxyHeader{net::PeerAddress{text::IpAddress::parse(words[2])->text(), *source_port}};
}

std::size_t number_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::size_t>(static_cast<unsigned char>(bytes[at])) << 8 |
         static_cast<unsigned char>(bytes[at + 1]);
}

// Type, length, value; nothing may be left over.
bool are_tlvs(std::string_view rest) {
  while (!rest.empty()) {
    if (rest.size() < 3) return false;
    const std::size_t length = number_at(rest, 1);
    if (rest.size() - 3 < length) return false;
    rest.remove_prefix(3 + length);
  }
  return true;
}

template <std::size_t Size>
std::array<std::uint8_t, Size> bytes_of(std::string_view from) {
  std::array<std::uint8_t, Size> bytes{};
  for (std::size_t i = 0; i < Size; ++i) bytes[i] = static_cast<std::uint8_t>(from[i]);
  return bytes;
}

Result<ProxyHeader> parse_binary(std::string_view bytes) {
  if (bytes.size() < kBinaryHead) return bad("it is cut off");
  const auto command = static_cast<unsigned char>(bytes[12]);
  const auto family = static_cast<unsigned char>(bytes[13]);
  const std::string_view body = bytes.substr(kBinaryHead);
  if (body.size() != number_at(bytes, 14)) return bad("it isn't as long as it says");
  if (command != 0x20 && command != 0x21) return bad("its version or command isn't known");
  if (command == 0x20) return ProxyHeader{};  // LOCAL: a health check of the proxy's own
  const bool four = family == 0x11, six = family == 0x21;
  if (family == 0x00) return ProxyHeader{};
  if (!four && !six) return bad("it is of no TCP connection");
  const std::size_t addresses = four ? 12 : 36;
  if (body.size() < addresses || !are_tlvs(body.substr(addresses)))
    return bad("its length doesn't fit what it holds");
  const text::IpAddress source =
      four ? text::IpAddress::v4(bytes_of<4>(body)) : text::IpAddress::v6(bytes_of<16>(body));
  const auto port = static_cast<std::uint16_t>(number_at(body, addresses - 4));
  return ProxyHeader{net::PeerAddress{source.text(), port}};
}

// Exactly `count` more bytes.
Task<Result<void>> read_exactly(net::Stream& stream, std::string& into, std::size_t count,
                                net::Deadline deadline) {
  const std::size_t end = into.size() + count;
  std::size_t at = into.size();
  into.resize(end);
  while (at < end) {
    auto got = co_await stream.read_some({into.data() + at, end - at}, deadline);
    if (!got) co_return std::unexpected(got.error());
    if (*got == 0) co_return bad("it is cut off");
    at += *got;
  }
  co_return Result<void>{};
}

}  // namespace

Result<ProxyHeader> parse_proxy_header(std::string_view bytes) {
  if (bytes.starts_with(kSignature)) {
    if (bytes.size() > kBinaryHead + kMostBinary) return bad("it is too long");
    return parse_binary(bytes);
  }
  if (bytes.size() > kMostText) return bad("it is too long");
  if (!bytes.ends_with("\r\n")) return bad("there is none");
  return parse_text(bytes.substr(0, bytes.size() - 2));
}

Task<Result<ProxyHeader>> read_proxy_header(net::Stream& stream, net::Deadline deadline) {
  std::string bytes;
  // The shortest line has 15 bytes, so this is never too much.
  auto read = co_await read_exactly(stream, bytes, kSignature.size(), deadline);
  if (!read) co_return std::unexpected(read.error());
  if (bytes == kSignature) {
    read = co_await read_exactly(stream, bytes, kBinaryHead - kSignature.size(), deadline);
    if (!read) co_return std::unexpected(read.error());
    const std::size_t length = number_at(bytes, 14);
    if (length > kMostBinary) co_return bad("it is too long");
    read = co_await read_exactly(stream, bytes, length, deadline);
    if (!read) co_return std::unexpected(read.error());
    co_return parse_proxy_header(bytes);
  }
  if (!bytes.starts_with("PROXY ")) co_return bad("there is none");
  while (!bytes.ends_with('\n')) {
    if (bytes.size() == kMostText) co_return bad("it is too long");
    read = co_await read_exactly(stream, bytes, 1, deadline);
    if (!read) co_return std::unexpected(read.error());
  }
  co_return parse_proxy_header(bytes);
}

}  // namespace openunison::http
