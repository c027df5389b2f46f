// SPDX-License-Identifier: Apache-2.0
#include "text/ip.h"

#include <gtest/gtest.h>

namespace openunison::text {
namespace {

struct AddressCase {
  std::string_view text;
  const char* canonical;  // null: no address
};

TEST(IpAddress, TextToAddressAndBack) {
  using namespace std::string_view_literals;
  const AddressCase cases[] = {
      {"192.0.2.1", "192.0.2.1"},
      {"0.0.0.0", "0.0.0.0"},
      {"255.255.255.255", "255.255.255.255"},
      {"2001:DB8:0:0:0::1", "2001:db8::1"},
      {"::1", "::1"},
      {"::", "::"},
      {"::ffff:192.0.2.1", "192.0.2.1"},
      {"::ffff:c000:201", "192.0.2.1"},
      {"::192.0.2.1", "::192.0.2.1"},
      {"fe80::1%eth0", "fe80::1"},
      {"fe80::1%", nullptr},
      {"192.0.2.1%eth0", nullptr},
      {"192.0.2", nullptr},
      {"192.0.2.256", nullptr},
      {"192.0.2.01", nullptr},
      {"0xC0.0.2.1", nullptr},
      {"3221225985", nullptr},
      {"192.0.2.1:80", nullptr},
      {"[::1]", nullptr},
      {" ::1", nullptr},
      {"::1 ", nullptr},
      {"", nullptr},
      {"localhost", nullptr},
      {"192.0.2.1\0.evil"sv, nullptr},
      {"1:2:3:4:5:6:7:8:9", nullptr},
      {":::", nullptr},
  };
  for (const AddressCase& each : cases) {
    const auto address = IpAddress::parse(each.text);
    ASSERT_EQ(address.has_value(), each.canonical != nullptr) << each.text;
    if (address) EXPECT_EQ(address->text(), each.canonical);
  }
}

struct RangeCase {
  const char* range;
  const char* address;
  bool contained;
};

TEST(IpRange, Contains) {
  const RangeCase cases[] = {
      {"10.0.0.0/8", "10.255.255.255", true},
      {"10.0.0.0/8", "11.0.0.0", false},
      {"10.0.0.0/8", "9.255.255.255", false},
      {"10.0.0.0/8", "::ffff:10.1.2.3", true},
      {"192.0.2.1", "192.0.2.1", true},
      {"192.0.2.1", "192.0.2.2", false},
      {"192.0.2.0/31", "192.0.2.1", true},
      {"192.0.2.0/31", "192.0.2.2", false},
      {"172.16.0.0/12", "172.31.255.255", true},
      {"172.16.0.0/12", "172.32.0.0", false},
      {"0.0.0.0/0", "203.0.113.9", true},
      {"0.0.0.0/0", "::1", false},
      {"::/0", "2001:db8::1", true},
      {"::/0", "203.0.113.9", false},
      {"2001:db8::/33", "2001:db8:7fff::1", true},
      {"2001:db8::/33", "2001:db8:8000::1", false},
      {"fe80::/10", "fe80::1%eth0", true},
      {"::1", "::1", true},
  };
  for (const RangeCase& each : cases) {
    const auto range = IpRange::parse(each.range);
    ASSERT_TRUE(range) << each.range;
    EXPECT_EQ(range->contains(*IpAddress::parse(each.address)), each.contained)
        << each.range << " " << each.address;
  }
}

TEST(IpRange, NoRange) {
  for (const char* text :
       {"", "/", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.1/8",
        "10.0.0.0/8/8", "10/8", "::/129", "::1/64", "fe80::%eth0/10", "10.0.0.0/8 ", "all"}) {
    EXPECT_FALSE(IpRange::parse(text)) << text;
  }
}

TEST(IpAddress, PrivateOnes) {
  for (const char* text : {"10.0.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "169.254.1.1",
                           "127.0.0.2", "::1", "fd12::1", "fe80::1%eth0", "::ffff:10.0.0.1"})
    EXPECT_TRUE(IpAddress::parse(text)->is_private()) << text;
  for (const char* text : {"11.0.0.1", "172.32.0.1", "192.169.0.1", "100.128.0.1", "203.0.113.7",
                           "2001:db8::1", "::2", "fec0::1"})
    EXPECT_FALSE(IpAddress::parse(text)->is_private()) << text;
}

// What counts as one address.
std::string group_of(std::string_view ip) {
  return address_shares(ip).front().key;
}

TEST(AddressShares, NetworksAreThoseThatOneSubscriberMayHaveOfIpv6) {
  const auto shares = address_shares("2001:db8:1:234::1");
  ASSERT_EQ(shares.size(), 3u);
  for (const unsigned i : {0u, 1u, 2u}) EXPECT_EQ(shares[i].addresses, 1u << i);
  const auto same = address_shares("2001:db8:1:2ff::1");
  EXPECT_EQ(shares[1].key, same[1].key) << "one /56";
  EXPECT_EQ(shares[2].key, same[2].key) << "one /48";
  const auto next = address_shares("2001:db8:1:334::1");
  EXPECT_NE(shares[1].key, next[1].key) << "another /56";
  EXPECT_EQ(shares[2].key, next[2].key) << "of one /48";
  EXPECT_NE(shares[2].key, address_shares("2001:db8:2:234::1")[2].key);
  EXPECT_NE(shares[1].key, shares[0].key);
  for (const char* text : {"192.0.2.1", "::ffff:192.0.2.1", "", "no address"})
    EXPECT_EQ(address_shares(text).size(), 1u) << text;
}

TEST(AddressShares, FirstIsAnAddressOrASubscribersNetwork) {
  EXPECT_EQ(group_of("1.2.3.4"), "1.2.3.4");
  EXPECT_EQ(group_of("2001:db8:1:2:3::4"), group_of("2001:db8:1:2:ffff::"));
  EXPECT_NE(group_of("2001:db8:1:2::"), group_of("2001:db8:1:3::"));
  EXPECT_NE(group_of("::ffff:1.2.3.4"), group_of("::ffff:1.2.3.5"));
  EXPECT_EQ(group_of("::ffff:1.2.3.4"), group_of("1.2.3.4"));
  EXPECT_EQ(group_of("fe80::1%eth0"), group_of("fe80::2%eth1"));
  EXPECT_EQ(group_of(""), "");
}

}  // namespace
}  // namespace openunison::text
