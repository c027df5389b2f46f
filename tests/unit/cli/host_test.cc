// SPDX-License-Identifier: Apache-2.0
#include "cli/host.h"

#include <gtest/gtest.h>

#include "cli/error.h"

namespace openunison::cli {
namespace {

TEST(Host, IsReadAsPeopleTypeIt) {
  struct Case {
    const char* given;
    const char* name;
    std::uint16_t port;
    const char* text;
  };
  const Case cases[] = {
      {"k8sou.example.com", "k8sou.example.com", 443, "k8sou.example.com"},
      {"K8SOU.Example.COM", "k8sou.example.com", 443, "k8sou.example.com"},
      {"k8sou.example.com:8443", "k8sou.example.com", 8443, "k8sou.example.com:8443"},
      {"https://k8sou.example.com", "k8sou.example.com", 443, "k8sou.example.com"},
      {"https://k8sou.example.com:443/", "k8sou.example.com", 443, "k8sou.example.com"},
      {"https://k8sou.example.com:8443/k8s/demo?x=y", "k8sou.example.com", 8443,
       "k8sou.example.com:8443"},
      {"127.0.0.1:8443", "127.0.0.1", 8443, "127.0.0.1:8443"},
      {"[::1]:8443", "::1", 8443, "[::1]:8443"},
      {"[::1]", "::1", 443, "[::1]"}};
  for (const Case& each : cases) {
    const auto host = Host::parse(each.given);
    ASSERT_TRUE(host) << each.given << ": " << host.error().message();
    EXPECT_EQ(host->name, each.name) << each.given;
    EXPECT_EQ(host->port, each.port) << each.given;
    EXPECT_EQ(host->text(), each.text) << each.given;
    EXPECT_EQ(host->origin(), std::string("https://") + each.text);
    EXPECT_EQ(Host::parse(host->text()).value(), *host) << "not the same when read again";
  }
}

TEST(Host, RefusesWhatIsNone) {
  for (const char* given :
       {"", " ", "http://k8sou.example.com", "ftp://x", "k8sou.example.com/k8s", "user@host",
        "https://user:password@host", "host:0x1", "host:70000", "host:", "a b", "host\n",
        "k8sou.example.com?x", "k8sou.example.com#x", "\\\\host"}) {
    const auto host = Host::parse(given);
    ASSERT_FALSE(host) << given;
    EXPECT_TRUE(host.error().is(Errc::bad_argument)) << given;
    EXPECT_NE(host.error().message().find("--host="), std::string::npos);
  }
}

}  // namespace
}  // namespace openunison::cli
