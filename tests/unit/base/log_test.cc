// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <limits>
#include <optional>
#include <regex>
#include <sstream>
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

// Standard error is something else for as long as this lives.
class Redirected {
 public:
  explicit Redirected(int to) : before_(::dup(STDERR_FILENO)) { ::dup2(to, STDERR_FILENO); }
  ~Redirected() {
    ::dup2(before_, STDERR_FILENO);
    ::close(before_);
  }
  Redirected(const Redirected&) = delete;
  Redirected& operator=(const Redirected&) = delete;

 private:
  const int before_;
};

// Writes to a file of its own, and to standard error again afterwards.
class LogFileTest : public testing::Test {
 protected:
  void SetUp() override {
    file_ = std::tmpfile();
    ASSERT_NE(file_, nullptr);
    redirected_.emplace(::fileno(file_));
  }
  void TearDown() override {
    redirected_.reset();
    configure(Level::info);
    std::fclose(file_);
  }
  void clear() { ASSERT_EQ(::ftruncate(::fileno(file_), 0), 0); }
  std::vector<std::string> lines() const {
    std::string text(1 << 20, '\0');
    text.resize(static_cast<std::size_t>(
        std::max<ssize_t>(0, ::pread(::fileno(file_), text.data(), text.size(), 0))));
    text.erase(0, text.find_first_not_of('\0'));  // what clear() left of the file's beginning
    std::istringstream in(text);
    std::vector<std::string> all;
    for (std::string line; std::getline(in, line);) all.push_back(line);
    return all;
  }

 private:
  std::FILE* file_ = nullptr;
  std::optional<Redirected> redirected_;
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
    clear();
    configure(test.lowest);
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
  info("with {} braces %v", {{"n", 1}});
  ASSERT_EQ(lines().size(), 1u);
  EXPECT_TRUE(std::regex_match(
      lines()[0],
      std::regex(
          R"(\{"time":"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z","level":"info","message":"with \{\} braces %v","n":1\})")))
      << lines()[0];
}

TEST_F(LogFileTest, LinesOfManyThreadsDoNotMix) {
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

// A container's runtime may read the other end of a pipe that it made non-blocking.
TEST(Log, LineIsWholeWhereStandardErrorTakesItInPieces) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
  const std::string padding(300'000, 'x');  // more than a pipe holds
  std::string read;
  {
    std::jthread reader([&] {
      ::fcntl(ends[0], F_SETFL, 0);
      std::array<char, 4096> buffer{};
      while (!read.ends_with('\n')) {
        const ssize_t got = ::read(ends[0], buffer.data(), buffer.size());
        if (got <= 0) break;
        read.append(buffer.data(), static_cast<std::size_t>(got));
      }
    });
    const Redirected redirected(ends[1]);
    info("long", {{"padding", padding}});
    ::close(ends[1]);
  }
  ::close(ends[0]);
  EXPECT_TRUE(read.ends_with(padding + "\"}\n")) << read.size();
}

}  // namespace
}  // namespace openunison::log
