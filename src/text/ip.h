// SPDX-License-Identifier: Apache-2.0
//
// IP addresses and ranges as text (RFC 4291 §2.2, RFC 4632). An IPv4 address that is written inside
// IPv6 (::ffff:192.0.2.1) is that IPv4 address; a zone ("%eth0") is this machine's matter and left
// out. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace openunison::text {

class IpAddress {
 public:
  // Neither port nor brackets. nullopt: no address.
  static std::optional<IpAddress> parse(std::string_view text);
  // 4 or 16 bytes in network order, as the PROXY protocol carries them.
  static IpAddress v4(const std::array<std::uint8_t, 4>& bytes);
  static IpAddress v6(const std::array<std::uint8_t, 16>& bytes);

  bool is_v4() const;
  // Of a local network, or of this machine (RFC 1918, 6598, 3927, 4193, 4291): nobody on the
  // internet has it.
  bool is_private() const;
  std::string text() const;
  // In network order; IPv4 in its IPv6 form.
  const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
  bool operator==(const IpAddress&) const = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
};

class IpRange {
 public:
  // "10.0.0.0/8", "2001:db8::/32", "192.0.2.1". nullopt: none of these, or bits behind the prefix
  // are set, which is a slip of the pen as often as not.
  static std::optional<IpRange> parse(std::string_view text);
  bool contains(const IpAddress& address) const;

 private:
  IpAddress base_;
  unsigned bits_ = 128;  // of the IPv6 form
};

// Who counts for what an address does. First what counts as one address: an IPv4 address, or the
// /64 of an IPv6 one, since that is what one subscriber has; of what is no address, the text
// itself. Then the /56 and the /48 around an IPv6 one, which whole subscribers are given: of
// whatever one address may have, a /56 may have twice as much and a /48 four times. The networks of
// IPv4 belong to many.
struct AddressShare {
  std::string key;     // for tables; no two kinds have the same
  unsigned addresses;  // how many addresses' worth
};
std::vector<AddressShare> address_shares(std::string_view ip);

}  // namespace openunison::text
