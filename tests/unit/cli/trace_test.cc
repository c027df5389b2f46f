// SPDX-License-Identifier: Apache-2.0
#include "cli/trace.h"

#include <gtest/gtest.h>

namespace openunison::cli {
namespace {

TEST(Trace, SaysByItsLevel) {
  std::string said;
  const auto sink = [&](std::string_view line) { said.append(line).append(";"); };
  for (int level = 0; level <= 2; ++level) {
    const Trace trace(level, sink);
    trace.say("one" + std::to_string(level));
    trace.more("two" + std::to_string(level));
  }
  EXPECT_EQ(said, "one1;one2;two2;");
  Trace().say("nobody hears it");
}

TEST(Trace, OfAFormIsShownWhatIsKnownToBeNoSecret) {
  EXPECT_EQ(described_form("grant_type=refresh_token&client_id=kubernetes&refresh_token=abcdef"),
            "grant_type=refresh_token client_id=kubernetes refresh_token=[6 characters]");
  EXPECT_EQ(described_form("code=a%20b&code_verifier=xyz&later_field=1&GRANT_TYPE=x"),
            "code=[3 characters] code_verifier=[3 characters] later_field=[1 characters] "
            "GRANT_TYPE=[1 characters]");
  EXPECT_EQ(described_form("%"), "[1 characters]");
  EXPECT_EQ(described_form(""), "");
}

TEST(Trace, OfAnAddressNeitherQueryNorUserinfo) {
  const auto shown = [](const char* text) {
    return described_url(text::Url::parse_with_userinfo(text).value());
  };
  EXPECT_EQ(shown("https://k8sou.example.com:8443/auth/idp/k8sIdp/token"),
            "https://k8sou.example.com:8443/auth/idp/k8sIdp/token");
  EXPECT_EQ(shown("https://h/p?code=secret"), "https://h/p?...");
  EXPECT_EQ(shown("http://user:word@proxy:3128"), "http://proxy:3128");
}

}  // namespace
}  // namespace openunison::cli
