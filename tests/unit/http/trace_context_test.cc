// SPDX-License-Identifier: Apache-2.0
#include "http/trace_context.h"

#include <gtest/gtest.h>

namespace openunison::http {
namespace {

constexpr const char* kTrace = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr const char* kGood = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

struct Case {
  const char* name;
  std::string traceparent;
  bool good;
};

TEST(TraceContext, ParsesStrictly) {
  const std::string trace = kTrace, parent = "00f067aa0ba902b7";
  const Case cases[] = {
      {"the standard's example", kGood, true},
      {"not sampled", "00-" + trace + "-" + parent + "-00", true},
      {"flags of a later level", "00-" + trace + "-" + parent + "-ff", true},
      {"a later version", "01-" + trace + "-" + parent + "-01", true},
      {"a later version with more", "cc-" + trace + "-" + parent + "-01-what-comes", true},
      {"empty", "", false},
      {"one short", "00-" + trace + "-" + parent + "-0", false},
      {"more in version 00", std::string(kGood) + "-x", false},
      {"one more digit in version 00", std::string(kGood) + "1", false},
      {"a later version without a dash", "01-" + trace + "-" + parent + "-01x", false},
      {"version ff", "ff-" + trace + "-" + parent + "-01", false},
      {"version not hexadecimal", "0g-" + trace + "-" + parent + "-01", false},
      {"upper case", "00-4BF92F3577B34DA6A3CE929D0E0E4736-" + parent + "-01", false},
      {"an upper-case flag", "00-" + trace + "-" + parent + "-0A", false},
      {"no trace", "00-00000000000000000000000000000000-" + parent + "-01", false},
      {"no parent", "00-" + trace + "-0000000000000000-01", false},
      {"a dash elsewhere", "00-" + trace.substr(0, 31) + "-6" + parent + "-01", false},
      {"spaces around it", " " + std::string(kGood), false},
      {"underscores", "00_" + trace + "_" + parent + "_01", false},
      {"a line end", "00-" + trace.substr(0, 30) + "\r\n-" + parent + "-01", false},
      {"a quote", "00-" + trace.substr(0, 31) + "\"-" + parent + "-01", false},
  };
  for (const Case& each : cases) {
    const auto joined = TraceContext::join(each.traceparent, "", 1);
    EXPECT_EQ(joined.has_value(), each.good) << each.name;
    if (joined) {
      EXPECT_EQ(joined->trace_id(), kTrace) << each.name;
    }
  }
}

TEST(TraceContext, SendsTheTraceOnWithASpanOfOurOwn) {
  const auto joined = TraceContext::join(kGood, "", 0xabcdef0123456789);
  ASSERT_TRUE(joined);
  EXPECT_TRUE(joined->joined());
  EXPECT_EQ(joined->span_id(), "abcdef0123456789");
  EXPECT_EQ(joined->traceparent(), "00-4bf92f3577b34da6a3ce929d0e0e4736-abcdef0123456789-01");
}

TEST(TraceContext, OnlyTheSamplingFlagIsPassedOn) {
  const auto sent = [](const char* flags) {
    const auto joined = TraceContext::join(
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-" + std::string(flags), "", 1);
    return joined->traceparent().substr(53);
  };
  EXPECT_EQ(sent("ff"), "01");
  EXPECT_EQ(sent("fe"), "00");
  EXPECT_EQ(sent("0b"), "01");
}

TEST(TraceContext, BeginsWithIdsThatTheStandardAllows) {
  const TraceContext begun = TraceContext::begin(0, 0, 0);
  EXPECT_TRUE(begun.exists());
  EXPECT_FALSE(begun.joined());
  EXPECT_EQ(begun.traceparent(), "00-00000000000000000000000000000001-0000000000000001-00");
  EXPECT_TRUE(TraceContext::join(begun.traceparent(), "", 1));
  EXPECT_EQ(TraceContext::begin(0x0123456789abcdef, 0xfedcba9876543210, 5).trace_id(),
            "0123456789abcdeffedcba9876543210");
}

TEST(TraceContext, NoneIsEmptyEverywhere) {
  const TraceContext none;
  EXPECT_FALSE(none.exists());
  EXPECT_EQ(none.trace_id(), "");
  EXPECT_EQ(none.span_id(), "");
  EXPECT_EQ(none.traceparent(), "");
}

std::string state(const std::string& tracestate) {
  return TraceContext::join(kGood, tracestate, 1)->tracestate();
}

TEST(TraceContext, PassesAWellFormedStateOn) {
  EXPECT_EQ(state("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"),
            "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE");
  EXPECT_EQ(state(" a=1 ,,\t b=2 , "), "a=1,b=2");
  EXPECT_EQ(state("0tenant@sys=x y"), "0tenant@sys=x y");
  EXPECT_EQ(state("a_-*/9=!~"), "a_-*/9=!~");
}

TEST(TraceContext, DropsAMalformedStateAndKeepsTheTrace) {
  for (const std::string bad :
       {"a", "a=", "=1", "A=1", "a=1,a=2", "1a=1", "a@1b=1", "a@=1", "@b=1", "a@b@c=1", "a b=1",
        "a=1=2", "a=\x7f", "a=\x01", "a=\xc3\xa9", "a.b=1", "a=1,b"})
    EXPECT_EQ(state(bad), "") << bad;
  EXPECT_EQ(state(std::string(256, 'k') + "=1"), std::string(256, 'k') + "=1");
  EXPECT_EQ(state(std::string(257, 'k') + "=1"), "");
  EXPECT_EQ(state("k=" + std::string(257, 'v')), "");
}

TEST(TraceContext, CutsALongStateAtAMember) {
  const std::string first = "a=" + std::string(250, '1'), second = "b=" + std::string(250, '2');
  EXPECT_EQ(state(first + "," + second), first + "," + second);
  EXPECT_EQ(state(first + "," + second + ",c=" + std::string(20, '3') + ",d=4"),
            first + "," + second);
  std::string many = "k0=1";
  for (int i = 1; i < 32; ++i) many += ",k" + std::to_string(i) + "=1";
  EXPECT_EQ(state(many), many);
  EXPECT_EQ(state(many + ",k32=1"), "");
}

}  // namespace
}  // namespace openunison::http
