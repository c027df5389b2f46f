// SPDX-License-Identifier: Apache-2.0
#include "text/ip.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace openunison::text {
namespace {

constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

// The byte with only the first `bits` bits of the range left, of those in byte number `index`.
std::uint8_t mask_of(unsigned bits, std::size_t index) {
  const unsigned before = static_cast<unsigned>(index) * 8;
  if (bits <= before) return 0;
  const unsigned own = std::min(bits - before, 8u);
  return static_cast<std::uint8_t>(0xFF00u >> own);
}

// With the length, so that no bytes read as an IPv4 address.
std::string network_key(const IpAddress& address, std::size_t bytes) {
  std::string key(reinterpret_cast<const char*>(address.bytes().data()), bytes);
  return key.append("/").append(std::to_string(8 * bytes));
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  const std::size_t percent = text.find('%');
  const bool zoned = percent != std::string_view::npos;
  if (zoned && percent + 1 == text.size()) return std::nullopt;
  const std::string plain(text.substr(0, percent));
  // A zero byte would end what inet_pton sees.
  if (plain.find('\0') != std::string::npos) return std::nullopt;
  std::array<std::uint8_t, 4> four{};
  if (::inet_pton(AF_INET, plain.c_str(), four.data()) == 1) {
    if (zoned) return std::nullopt;
    return v4(four);
  }
  IpAddress address;
  if (::inet_pton(AF_INET6, plain.c_str(), address.bytes_.data()) != 1) return std::nullopt;
  return address;
}

IpAddress IpAddress::v4(const std::array<std::uint8_t, 4>& bytes) {
  IpAddress address;
  std::copy(kMapped.begin(), kMapped.end(), address.bytes_.begin());
  std::copy(bytes.begin(), bytes.end(), address.bytes_.begin() + kMapped.size());
  return address;
}

IpAddress IpAddress::v6(const std::array<std::uint8_t, 16>& bytes) {
  IpAddress address;
  address.bytes_ = bytes;
  return address;
}

bool IpAddress::is_v4() const {
  return std::equal(kMapped.begin(), kMapped.end(), bytes_.begin());
}

bool IpAddress::is_private() const {
  static const std::vector<IpRange> kPrivate = [] {
    std::vector<IpRange> ranges;
    for (const char* text : {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10",
                             "169.254.0.0/16", "127.0.0.0/8", "::1", "fc00::/7", "fe80::/10"})
      ranges.push_back(IpRange::parse(text).value());
    return ranges;
  }();
  return std::ranges::any_of(kPrivate,
                             [this](const IpRange& range) { return range.contains(*this); });
}

std::string IpAddress::text() const {
  char out[INET6_ADDRSTRLEN] = {};
  if (is_v4()) {
    ::inet_ntop(AF_INET, bytes_.data() + kMapped.size(), out, sizeof out);
  } else {
    ::inet_ntop(AF_INET6, bytes_.data(), out, sizeof out);
  }
  return out;
}

std::optional<IpRange> IpRange::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view ip = text.substr(0, slash);
  if (ip.find('%') != std::string_view::npos) return std::nullopt;
  const auto base = IpAddress::parse(ip);
  if (!base) return std::nullopt;
  IpRange range;
  range.base_ = *base;
  if (slash != std::string_view::npos) {
    const std::string_view length = text.substr(slash + 1);
    // As it is written, not as it is kept: ::ffff:10.0.0.0/104 counts as IPv6 does.
    const bool as_v4 = ip.find(':') == std::string_view::npos;
    unsigned bits = 0;
    const auto [end, failed] = std::from_chars(length.data(), length.data() + length.size(), bits);
    if (failed != std::errc() || end != length.data() + length.size()) return std::nullopt;
    if (length.size() > 1 && length.front() == '0') return std::nullopt;
    if (bits > (as_v4 ? 32u : 128u)) return std::nullopt;
    range.bits_ = as_v4 ? bits + 8 * static_cast<unsigned>(kMapped.size()) : bits;
  }
  for (std::size_t i = 0; i < range.base_.bytes().size(); ++i) {
    if ((range.base_.bytes()[i] & ~mask_of(range.bits_, i) & 0xFF) != 0) return std::nullopt;
  }
  return range;
}

bool IpRange::contains(const IpAddress& address) const {
  // ::/0 is every IPv6 address and no IPv4 one, though those are kept in an IPv6 form.
  if (base_.is_v4() != address.is_v4()) return false;
  for (std::size_t i = 0; i < address.bytes().size(); ++i) {
    if ((address.bytes()[i] & mask_of(bits_, i)) != base_.bytes()[i]) return false;
  }
  return true;
}

std::vector<AddressShare> address_shares(std::string_view ip) {
  std::vector<AddressShare> shares;
  const auto address = IpAddress::parse(ip);
  if (!address || address->is_v4()) {
    shares.push_back({address ? address->text() : std::string(ip), 1});
    return shares;
  }
  shares.push_back({network_key(*address, 8), 1});
  shares.push_back({network_key(*address, 7), 2});
  shares.push_back({network_key(*address, 6), 4});
  return shares;
}

}  // namespace openunison::text
