// SPDX-License-Identifier: Apache-2.0
#include "identity/redact.h"

#include <gtest/gtest.h>

namespace openunison::identity {
namespace {

TEST(Redact, TakesOutWhatWasSentInWhateverForm) {
  struct Case {
    const char* name;
    std::vector<std::string> secrets;
    std::string text, expected;
  };
  const Case cases[] = {
      {"none", {}, "invalid_grant", "invalid_grant"},
      {"once", {"the-code"}, "code the-code is used", "code [secret] is used"},
      {"everywhere", {"the-code"}, "the-codethe-code", "[secret][secret]"},
      {"several", {"the-code", "verifier"}, "verifier of the-code", "[secret] of [secret]"},
      {"inside another", {"secret-1", "id:secret-1"}, "id:secret-1 secret-1", "[secret] [secret]"},
      {"percent-encoded", {"a+b/c=d"}, "code=a%2Bb%2Fc%3Dd&", "code=[secret]&"},
      {"base64", {"id:secret-1"}, "Basic aWQ6c2VjcmV0LTE=", "Basic [secret]"},
      {"escaped as JSON", {"ab/cd/ef"}, R"({"d":"ab\/cd\/ef"})", R"({"d":"[secret]"})"},
      {"too short to tell from words", {"abc", ""}, "abcdef", "abcdef"},
      {"what it is replaced by", {"[secret]"}, "[secret]", "[secret]"},
  };
  for (const Case& c : cases) EXPECT_EQ(redact(c.text, c.secrets), c.expected) << c.name;
}

}  // namespace
}  // namespace openunison::identity
