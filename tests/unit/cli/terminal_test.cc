// SPDX-License-Identifier: Apache-2.0
#include "cli/terminal.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "cli/machine.h"
#include "cli/qr.h"
#include "temporary_directory.h"

namespace openunison::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Printable, TerminalInjection) {
  const struct {
    std::string_view given;
    const char* shown;
    const char* what;
  } cases[] = {
      {"alice", "alice", "itself"},
      {"Zoë 漢字 🙂 naïve", "Zoë 漢字 🙂 naïve", "other letters"},
      {"e\u0301", "e\u0301", "a letter with a mark of its own"},
      {"\x1b[2J\x1b[H", "?[2J?[H", "the screen cleared"},
      {"\x1b]0;title\x07", "?]0;title?", "the window's title"},
      {"\x1b]52;c;cm0gLXJm\x07", "?]52;c;cm0gLXJm?", "the clipboard"},
      {"\x1b]8;;https://evil.example\x1b\\good\x1b]8;;\x1b\\",
       "?]8;;https://evil.example?\\good?]8;;?\\", "a link behind other words"},
      {"\x1bP+q\x1b\\", "?P+q?\\", "a question that the terminal answers as input"},
      {"\xc2\x9b"
       "2J",
       "?2J", "C1 as UTF-8"},
      {"\x9b"
       "2J",
       "?2J", "C1 as a byte"},
      {"a\nb\rc", "a?b?c", "a line that is forged, and one that is written over"},
      {"a\tb", "a b", "a tab"},
      {"a\b\bxx", "a??xx", "what was written is taken back"},
      {std::string_view("a\0b", 3), "a?b", "NUL"},
      {"\x7f", "?", "DEL"},
      {"\xff\xfe", "??", "no UTF-8"},
      {"\xc3", "?", "half a character"},
      {"\xed\xa0\x80", "???", "a surrogate"},
      {"\xc0\x9b", "??", "ESC in two bytes"},
      {"\u202eevil\u202c", "?evil?", "the other way round"},
      {"\u2066x\u2069\u200f\u061c", "?x???", "marks of direction"},
      {"a\u2028b\u2029c", "a?b?c", "other line ends"},
      {"a\ufeff\u200b\u00ad", "a???", "what can't be seen"},
      {"\U000e0041", "?", "tags"},
  };
  for (const auto& c : cases) EXPECT_EQ(printable(c.given), c.shown) << c.what;
}

TEST(Printable, NoByteOfAnyValueGetsThrough) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string shown = printable(std::string(1, static_cast<char>(byte)));
    const bool plain = byte >= 0x20 && byte < 0x7f;
    EXPECT_EQ(shown, plain          ? std::string(1, static_cast<char>(byte))
                     : byte == '\t' ? " "
                                    : "?")
        << byte;
  }
}

TEST(Columns, Table) {
  EXPECT_EQ(columns_of(""), 0u);
  EXPECT_EQ(columns_of("alice"), 5u);
  EXPECT_EQ(columns_of("Zoë"), 3u);
  EXPECT_EQ(columns_of("e\u0301"), 1u);
  EXPECT_EQ(columns_of("漢字"), 4u);
  EXPECT_EQ(columns_of("🙂"), 2u);
  EXPECT_EQ(cut_to("alice", 5, true), "alice");
  EXPECT_EQ(cut_to("alice", 4, true), "ali…");
  EXPECT_EQ(cut_to("alice", 4, false), "a...");
  EXPECT_EQ(cut_to("alice", 1, true), "…");
  EXPECT_EQ(cut_to("alice", 0, true), "");
  EXPECT_EQ(cut_to("alice", 2, false), "");
  EXPECT_EQ(cut_to("漢字漢字", 6, true), "漢字…");
  EXPECT_EQ(cut_to("漢字漢字", 4, true), "漢…");  // half of one can't be shown
}

TEST(LookOf, Table) {
  using Variables = std::map<std::string, std::string, std::less<>>;
  const struct {
    const char* name;
    Variables variables;
    bool terminal, colours, rewrites, utf8;
  } cases[] = {
      {"an ordinary one",
       {{"TERM", "xterm-256color"}, {"LANG", "en_GB.UTF-8"}},
       true,
       true,
       true,
       true},
      {"NO_COLOR", {{"TERM", "xterm"}, {"NO_COLOR", "1"}}, true, false, true, false},
      {"an empty NO_COLOR", {{"TERM", "xterm"}, {"NO_COLOR", ""}}, true, true, true, false},
      {"dumb", {{"TERM", "dumb"}}, true, false, false, false},
      {"no TERM", {}, true, false, false, false},
      {"no terminal", {{"TERM", "xterm"}, {"LANG", "C.utf8"}}, false, false, false, true},
      {"LC_ALL wins",
       {{"TERM", "xterm"}, {"LC_ALL", "C"}, {"LANG", "C.UTF-8"}},
       true,
       true,
       true,
       false},
      {"LC_CTYPE before LANG",
       {{"TERM", "xterm"}, {"LC_CTYPE", "de_DE.utf8"}, {"LANG", "C"}},
       true,
       true,
       true,
       true},
  };
  for (const auto& c : cases) {
    Environment environment;
    environment.variables = c.variables;
    const Look look = look_of(environment, c.terminal, 0, 0);
    EXPECT_EQ(look.terminal, c.terminal) << c.name;
    EXPECT_EQ(look.colours, c.colours) << c.name;
    EXPECT_EQ(look.rewrites, c.rewrites) << c.name;
    EXPECT_EQ(look.utf8, c.utf8) << c.name;
    EXPECT_EQ(look.columns, 80u) << c.name;
  }
}

TEST(LookOf, SizeIsTheSystemsThenTheVariablesThenTheUsual) {
  Environment environment;
  EXPECT_EQ(look_of(environment, true, 120, 50).columns, 120u);
  EXPECT_EQ(look_of(environment, true, 120, 50).rows, 50u);
  environment.variables = {{"COLUMNS", "100"}};
  EXPECT_EQ(look_of(environment, true, 120, 0).columns, 120u);
  EXPECT_EQ(look_of(environment, true, 0, 0).columns, 100u);
  EXPECT_EQ(look_of(environment, true, 0, 0).rows, 24u);
  for (const char* bad : {"", "x", "-5", "0", "99999999999999999999999"}) {
    environment.variables = {{"COLUMNS", bad}};
    EXPECT_EQ(look_of(environment, true, 0, 0).columns, 80u) << bad;
  }
}

// A terminal whose bytes can be read back.
class TerminalTest : public ::testing::Test {
 protected:
  TerminalTest() : descriptor_(::open(file().c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600)) {
    EXPECT_GE(descriptor_, 0);
  }
  ~TerminalTest() override { ::close(descriptor_); }
  std::string file() const { return folder_.file("terminal"); }
  std::string shown() const { return read_text(file()); }
  Terminal terminal(bool colours, bool rewrites, std::size_t columns = 80) const {
    Look look{true, colours, rewrites, true};
    look.columns = columns;
    return {descriptor_, look};
  }
  TemporaryDirectory folder_;
  int descriptor_;
};

TEST_F(TerminalTest, LinesAreMadePrintableAndColoured) {
  terminal(true, true).line("user \x1b[31m\nroot", Ink::good);
  terminal(false, true).line("plain", Ink::bad);
  EXPECT_EQ(shown(), "\x1b[32muser ?[31m?root\x1b[0m\nplain\n");
}

TEST_F(TerminalTest, ProgressIsRewrittenAndGoesBeforeTheNextLine) {
  Terminal terminal = this->terminal(false, true, 10);
  terminal.progress("waiting", "waiting\x1b[2J");
  terminal.progress("waiting", "a text that is too long");
  terminal.line("done");
  terminal.line("next");
  EXPECT_EQ(shown(), "\r\x1b[Kwaiting?…\r\x1b[Ka text t…\r\x1b[Kdone\nnext\n");
}

TEST_F(TerminalTest, ProgressIsTakenAwayOnce) {
  Terminal terminal = this->terminal(false, true);
  terminal.clear_progress();
  terminal.progress("a", "a");
  terminal.clear_progress();
  terminal.clear_progress();
  terminal.own_text("own\x1b[0m\n");
  EXPECT_EQ(shown(), "\r\x1b[Ka\r\x1b[Kown\x1b[0m\n");
}

TEST_F(TerminalTest, ElsewhereEachKindOfProgressIsPrintedOnce) {
  Terminal terminal = this->terminal(false, false);
  terminal.progress("waiting", "waiting, 60 s left");
  terminal.progress("waiting", "waiting, 59 s left");
  terminal.progress("reading", "reading\x1b");
  terminal.clear_progress();
  terminal.line("done");
  EXPECT_EQ(shown(), "waiting, 60 s left\nreading?\ndone\n");
}

TEST(Terminal, NobodyWhoReadsIsNoCrash) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ::close(ends[0]);
  ::signal(SIGPIPE, SIG_IGN);
  Terminal(ends[1], {}).line("into nothing");
  ::close(ends[1]);
}

TEST(Terminal, ANonBlockingPipeGetsAllOfIt) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_NONBLOCK), 0);
  const std::string text(300'000, 'x');  // more than a pipe holds
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    write_all(ends[1], text);
    ::_exit(0);
  }
  ::close(ends[1]);
  std::size_t got = 0;
  char buffer[8192];
  for (;;) {
    const ssize_t count = ::read(ends[0], buffer, sizeof buffer);
    if (count == 0) break;
    if (count > 0) got += static_cast<std::size_t>(count);
    if (count < 0) ::usleep(100);
  }
  EXPECT_EQ(got, text.size());
  ::close(ends[0]);
}

// What the codes say is read by a decoder in tests/e2e/loopback.test.ts.
TEST(QrCode, NoneWhereItCannotBeReadOrDoesNotFit) {
  Look look{true, true, true, true};
  look.columns = 80;
  look.rows = 40;
  const char* text = "https://k8sou.example.com/device";
  ASSERT_TRUE(qr_code(text, look));
  Look other = look;
  other.terminal = false;
  EXPECT_FALSE(qr_code(text, other));
  other = look;
  other.utf8 = false;
  EXPECT_FALSE(qr_code(text, other));
  other = look;
  other.columns = 20;
  EXPECT_FALSE(qr_code(text, other));
  other = look;
  other.rows = 10;
  EXPECT_FALSE(qr_code(text, other));
  EXPECT_FALSE(qr_code("", look));
  look.columns = look.rows = 1'000;
  EXPECT_TRUE(qr_code(std::string(400, 'a'), look));
  EXPECT_FALSE(qr_code(std::string(5'000, 'a'), look));
}

TEST(QrCode, EveryLineIsAsWideAndEndsItsColours) {
  Look look{true, true, true, true};
  look.rows = 40;
  std::string code = *qr_code("https://k8sou.example.com/device", look);
  std::size_t lines = 0, width = 0;
  while (!code.empty()) {
    std::string line = code.substr(0, code.find('\n'));
    code.erase(0, line.size() + 1);
    constexpr std::string_view kColours = "\x1b[38;5;16;48;5;231m", kReset = "\x1b[0m";
    ASSERT_TRUE(line.starts_with(kColours) && line.ends_with(kReset)) << line;
    line = line.substr(kColours.size(), line.size() - kColours.size() - kReset.size());
    EXPECT_THAT(line, Not(HasSubstr("\x1b")));
    if (lines++ == 0) width = columns_of(line);
    EXPECT_EQ(columns_of(line), width);
  }
  EXPECT_EQ(lines, (width + 1) / 2);
}

}  // namespace
}  // namespace openunison::cli
