// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <regex>
#include <thread>
#include <vector>

namespace openunison::log {
namespace {

using namespace std::string_view_literals;

std::string line_with(std::string_view value) {
  return format_line("info", "m", false, {{"k", value}}, "T");
}

TEST(Log, LineIsOneJsonObjectWithTypedFields) {
  const std::string owned = "string";
  EXPECT_EQ(format_line("info", "hello", false,
                        {{"text", "value"},
                         {"owned", owned},
                         {"yes", true},
                         {"no", false},
                         {"int", -5},
                         {"big", std::numeric_limits<std::int64_t>::max()},
                         {"size", std::size_t{7}},
                         {"half", 0.5}},
                        "2026-11-24T01:02:03.004Z"),
            R"({"time":"2026-11-24T01:02:03.004Z","level":"info","message":"hello","text":"value",)"
            R"("owned":"string","yes":true,"no":false,"int":-5,"big":9223372036854775807,"size":7,)"
            R"("half":0.5})");
}

TEST(Log, AuditLineCarriesItsEvent) {
  EXPECT_EQ(format_line("audit", "sign_in", true, {}, "T"),
            R"({"time":"T","level":"audit","event":"sign_in"})");
}

TEST(Log, NumbersThatJsonLacksAreNull) {
  for (const double value :
       {std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity(),
        std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_EQ(format_line("info", "m", false, {{"k", value}}, "T"),
              R"({"time":"T","level":"info","message":"m","k":null})");
  }
}

TEST(Log, ControlBytesAndReorderingMarksAreEscaped) {
  struct {
    std::string_view value, escaped;
  } cases[] = {
      {"\n"sv, "\\u000a"},
      {"\r"sv, "\\u000d"},
      {"\t"sv, "\\u0009"},
      {"\0"sv, "\\u0000"},
      {"\x1b[2J"sv, "\\u001b[2J"},
      {"\x7f"sv, "\\u007f"},
      {"\xc2\x80"sv, "\\u0080"},      // first of C1
      {"\xc2\x9b"sv, "\\u009b"},      // CSI in one character
      {"\xc2\x9f"sv, "\\u009f"},      // last of C1
      {"\xc2\xa0"sv, "\xc2\xa0"},     // past C1
      {"\xe2\x80\xa8"sv, "\\u2028"},  // line separator
      {"\xe2\x80\xa9"sv, "\\u2029"},
      {"\xe2\x80\xae"sv, "\\u202e"},  // right-to-left override
      {"\xe2\x81\xa6"sv, "\\u2066"},
      {"\xe2\x81\xa9"sv, "\\u2069"},
      {"\xe2\x80\x8f"sv, "\\u200f"},
      {"\xd8\x9c"sv, "\\u061c"},
      {"\xef\xbb\xbf"sv, "\\ufeff"},
      {"\""sv, "\\\""},
      {"\\"sv, "\\\\"},
      {"J\xc3\xbcrgen \xe2\x82\xac \xf0\x9f\x99\x82"sv,
       "J\xc3\xbcrgen \xe2\x82\xac \xf0\x9f\x99\x82"},
      {"{}"sv, "{}"},
  };
  for (const auto& test : cases) {
    EXPECT_EQ(line_with(test.value), R"({"time":"T","level":"info","message":"m","k":")" +
                                         std::string(test.escaped) + "\"}");
  }
}

TEST(Log, NoSingleByteCanEndALineOrStartAnEscapeSequence) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string line = line_with(std::string(1, static_cast<char>(byte)));
    for (const char c : line) {
      EXPECT_GE(static_cast<unsigned char>(c), 0x20) << byte;
      EXPECT_LT(static_cast<unsigned char>(c), 0x7f) << byte;
    }
  }
}

TEST(Log, InvalidUtf8IsReplacedByteByByte) {
  struct {
    std::string_view value;
    int replaced;
    std::string_view rest;
  } cases[] = {
      {"\x80"sv, 1, ""},              // continuation alone
      {"\xc0\xaf"sv, 2, ""},          // overlong '/'
      {"\xc1\xbf"sv, 2, ""},          // overlong
      {"\xe0\x80\xaf"sv, 3, ""},      // overlong
      {"\xed\xa0\x80"sv, 3, ""},      // surrogate
      {"\xf0\x80\x80\xaf"sv, 4, ""},  // overlong
      {"\xf4\x90\x80\x80"sv, 4, ""},  // past U+10FFFF
      {"\xf5\x80\x80\x80"sv, 4, ""},
      {"\xff"sv, 1, ""},
      {"\xc3"sv, 1, ""},  // cut off
      {"\xe2\x82"sv, 2, ""},
      {"\xf0\x9f\x99"sv, 3, ""},
      {"\xc3\"x"sv, 1, "\\\"x"},  // the quote after it still counts
  };
  for (const auto& test : cases) {
    std::string expected;
    for (int i = 0; i < test.replaced; ++i) expected += "\\ufffd";
    EXPECT_EQ(line_with(test.value), R"({"time":"T","level":"info","message":"m","k":")" +
                                         expected + std::string(test.rest) + "\"}");
  }
}

TEST(Log, KeysAndMessagesAreEscapedToo) {
  EXPECT_EQ(format_line("info", "a\nb", false, {{"k\"", "v"}}, "T"),
            R"({"time":"T","level":"info","message":"a\u000ab","k\"":"v"})");
}

// Writes to a file of its own, and to standard error again afterwards.
class LogFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "openunison-log-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override {
    configure(Level::info, "");
    std::filesystem::remove_all(directory_);
  }
  std::string file() const { return directory_ / "server.log"; }
  std::vector<std::string> lines() const {
    std::ifstream in(file());
    std::vector<std::string> all;
    for (std::string line; std::getline(in, line);) all.push_back(line);
    return all;
  }

 private:
  std::filesystem::path directory_;
};

TEST_F(LogFileTest, LinesBelowTheLevelAreLeftOutAndAuditLinesNever) {
  struct {
    Level lowest;
    std::vector<std::string> levels;
  } cases[] = {
      {Level::debug, {"debug", "info", "warn", "error", "audit"}},
      {Level::info, {"info", "warn", "error", "audit"}},
      {Level::warn, {"warn", "error", "audit"}},
      {Level::error, {"error", "audit"}},
  };
  for (const auto& test : cases) {
    std::filesystem::remove(file());
    configure(test.lowest, file());
    debug("d");
    info("i");
    warn("w");
    error("e");
    audit("sign_in", {{"user", "alice"}});
    std::vector<std::string> levels;
    for (const auto& line : lines()) {
      std::smatch match;
      ASSERT_TRUE(std::regex_search(line, match, std::regex(R"re("level":"([a-z]+)")re"))) << line;
      levels.push_back(match[1]);
    }
    EXPECT_EQ(levels, test.levels);
  }
}

TEST_F(LogFileTest, LineIsInTheFileWhenTheCallReturns) {
  configure(Level::info, file());
  info("with {} braces %v", {{"n", 1}});
  ASSERT_EQ(lines().size(), 1u);
  EXPECT_TRUE(std::regex_match(
      lines()[0],
      std::regex(
          R"(\{"time":"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z","level":"info","message":"with \{\} braces %v","n":1\})")))
      << lines()[0];
}

TEST_F(LogFileTest, ConfiguringAgainAppends) {
  configure(Level::info, file());
  info("one");
  configure(Level::info, file());
  info("two");
  flush();
  EXPECT_EQ(lines().size(), 2u);
}

TEST_F(LogFileTest, FileThatCannotBeOpenedThrowsAndKeepsTheOldTarget) {
  configure(Level::info, file());
  EXPECT_THROW(configure(Level::error, file() + "/no/such/directory"), std::exception);
  info("still here");
  EXPECT_EQ(lines().size(), 1u);
}

TEST_F(LogFileTest, LinesOfManyThreadsDoNotMix) {
  configure(Level::info, file());
  constexpr int kThreads = 4, kLines = 200;
  {
    std::array<std::jthread, kThreads> threads;
    for (auto& thread : threads) {
      thread = std::jthread([] {
        for (int i = 0; i < kLines; ++i) info("parallel", {{"padding", std::string(300, 'x')}});
      });
    }
  }
  const auto all = lines();
  EXPECT_EQ(all.size(), static_cast<std::size_t>(kThreads * kLines));
  for (const auto& line : all) {
    EXPECT_TRUE(line.starts_with("{\"time\":") && line.ends_with("x\"}")) << line;
    EXPECT_EQ(line.size(), all[0].size());
  }
}

}  // namespace
}  // namespace openunison::log
