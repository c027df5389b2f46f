// SPDX-License-Identifier: Apache-2.0
#include "config/checks.h"

#include <gtest/gtest.h>

#include "text/url.h"

namespace openunison::config {
namespace {

// A parser that takes the leading digits for an address would call these loopback.
// A parser that takes the leading digits for an address would call these loopback.
TEST(Checks, UrlWithANameThatBeginsAsAnAddress) {
  for (const char* text : {"http://127.0.0.1.example.com/", "http://127.0.0.1evil.example.com/",
                           "http://127.0.0.1-a.example.com"})
    EXPECT_FALSE(is_loopback_host(text::Url::parse(text)->host)) << text;
  EXPECT_TRUE(is_loopback_host(text::Url::parse("http://127.0.0.1:3000/a")->host));
}

TEST(Checks, PlainName) {
  for (const char* good : {"a", "A9", "a.b-c_d", "1"}) EXPECT_TRUE(is_plain_name(good, 8)) << good;
  for (const char* bad : {"", "-a", ".a", "..", "a/b", "a b", "a@b", "é", "123456789"})
    EXPECT_FALSE(is_plain_name(bad, 8)) << bad;
}

TEST(Checks, ProviderName) {
  for (const char* good : {"a", "okta-2", "9"}) EXPECT_TRUE(is_provider_name(good)) << good;
  // The back-channel's address is /auth/oidc/backchannel_logout.
  for (const char* bad :
       {"", "A", "backchannel_logout", "a.b", "a/b", "123456789012345678901234567890123"})
    EXPECT_FALSE(is_provider_name(bad)) << bad;
}

TEST(Checks, HostName) {
  for (const char* good :
       {"a", "localhost", "127.0.0.1", "K8s-ou.example.com", "xn--bcher-kva.example"})
    EXPECT_TRUE(is_host_name(good)) << good;
  for (const char* bad :
       {"", ".", "a.", ".a", "a..b", "a-", "-a", "a_b", "a:1", "::1", "[::1]", "a b", "a/b", "a@b"})
    EXPECT_FALSE(is_host_name(bad)) << bad;
  EXPECT_TRUE(is_host_name(std::string(63, 'a')));
  EXPECT_FALSE(is_host_name(std::string(64, 'a')));
  std::string long_name = std::string(63, 'a') + "." + std::string(63, 'a') + "." +
                          std::string(63, 'a') + "." + std::string(61, 'a');
  EXPECT_TRUE(is_host_name(long_name));
  EXPECT_FALSE(is_host_name(long_name + "a"));
}

TEST(Checks, SocketAddress) {
  for (const char* good : {"0.0.0.0:8443", "127.0.0.1:0", "[::]:65535", "[::1]:1"})
    EXPECT_TRUE(is_socket_address(good)) << good;
  for (const char* bad :
       {"", ":1", "1.2.3.4", "1.2.3.4:", "1.2.3.4:x", "1.2.3.4:-1", "1.2.3.4:65536", "1.2.3:1",
        "::1:1", "[1.2.3.4]:1", "[::1]", "a:1", "1.2.3.4:1 "}) {
    EXPECT_FALSE(is_socket_address(bad)) << bad;
  }
}

TEST(Checks, LoopbackAddress) {
  for (const char* good : {"127.0.0.1:1", "127.9.9.9:1", "[::1]:1"})
    EXPECT_TRUE(is_loopback_address(good)) << good;
  for (const char* bad :
       {"0.0.0.0:1", "[::]:1", "10.0.0.1:1", "128.0.0.1:1", "localhost:1", "127.0.0.1"})
    EXPECT_FALSE(is_loopback_address(bad)) << bad;
}

TEST(Checks, LoopbackHost) {
  for (const char* good : {"localhost", "127.0.0.1", "127.1.2.3", "::1"})
    EXPECT_TRUE(is_loopback_host(good)) << good;
  for (const char* bad : {"", "127.0.0.1.example.com", "localhost.example.com", "127.example.com",
                          "::2", "127.1", "0.0.0.0"})
    EXPECT_FALSE(is_loopback_host(bad)) << bad;
}

TEST(Checks, Prefix) {
  for (const char* good : {"", "-", "oidc:", "https://a.example.com#", "a_b.c/@+"})
    EXPECT_TRUE(is_prefix(good)) << good;
  for (const char* bad :
       {" ", "a b", "'", "\"", "a,b", "a;b", "$a", "`", "\\", "a=b", "{", "a\n", "é"})
    EXPECT_FALSE(is_prefix(bad)) << bad;
}

TEST(Checks, FileName) {
  for (const char* good : {"tls.crt", "a", "a b"}) EXPECT_TRUE(is_file_name(good)) << good;
  for (const char* bad : {"", ".", "..", ".hidden", "a/b", "/a", "a\nb"})
    EXPECT_FALSE(is_file_name(bad)) << bad;
}

TEST(Checks, Colour) {
  for (const char* good : {"#000000", "#0b6E69"}) EXPECT_TRUE(is_colour(good)) << good;
  for (const char* bad : {"", "#000", "000000", "#00000g", "#0000000", "#00000;"})
    EXPECT_FALSE(is_colour(bad)) << bad;
}

TEST(Checks, Guid) {
  EXPECT_TRUE(is_guid("72f988bf-86F1-41af-91ab-2d7cd011db47"));
  for (const char* bad :
       {"", "72f988bf86f141af91ab2d7cd011db47", "72f988bf-86f1-41af-91ab-2d7cd011db4",
        "72f988bf-86f1-41af-91ab-2d7cd011db4g", "72f988bf-86f1-41af-91ab-2d7cd011db470"}) {
    EXPECT_FALSE(is_guid(bad)) << bad;
  }
}

}  // namespace
}  // namespace openunison::config
