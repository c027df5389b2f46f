// SPDX-License-Identifier: Apache-2.0
#include "cli/browser.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "net/error.h"
#include "net/runtime.h"
#include "temporary_directory.h"

namespace openunison::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr Millis kPatience{10'000};
const std::string kUrl = "https://k8sou.example.com/auth?a=1&b='x'";

Environment machine(System system, std::map<std::string, std::string, std::less<>> variables = {}) {
  Environment environment;
  environment.system = system;
  environment.variables = std::move(variables);
  environment.is_program = [](const std::string& path) {
    return path == "/mnt/c/Program Files/Browser/browser.exe";
  };
  return environment;
}

TEST(BrowserUrl, Table) {
  for (const char* good :
       {"https://k8sou.example.com/auth?x=1&y=%20#z", "https://[2001:db8::1]:8443/",
        "http://127.0.0.1:1234/x", "http://[::1]:1234/x", "http://localhost:1/",
        "HTTPS://K8SOU.example.com", "https://xn--bcher-kva.example/(a)*b,c;d!e$f'g"})
    EXPECT_TRUE(check_browser_url(good)) << good;
  const std::string long_url = "https://x.example/" + std::string(9'000, 'a');
  for (const std::string& bad : {std::string(""),
                                 std::string("http://k8sou.example.com/"),
                                 std::string("http://127.0.0.1.evil.example/"),
                                 std::string("http://127.0.0.2/"),
                                 std::string("http://localhost.evil.example/"),
                                 std::string("file:///etc/passwd"),
                                 std::string("javascript:alert(1)"),
                                 std::string("ms-settings:"),
                                 std::string("data:text/html,x"),
                                 std::string("-h"),
                                 std::string("--version"),
                                 std::string("calc.exe"),
                                 std::string("//k8sou.example.com"),
                                 std::string(" https://x.example/"),
                                 std::string("https://x.example/ "),
                                 std::string("https://x.example/\n"),
                                 std::string("https://x.example/\x1b[2J"),
                                 std::string("https://x.example/\0x", 20),
                                 std::string("https://x.example/\"x"),
                                 std::string("https://x.example/`x`"),
                                 std::string("https://x.example/<x>"),
                                 std::string("https://x.example/\\x"),
                                 std::string("https://x.example/^x"),
                                 std::string("https://x.example/|x"),
                                 std::string("https://x.example/{x}"),
                                 std::string("https://x.example/\xe2\x80\x99x"),
                                 std::string("https://user:password@x.example/"),
                                 std::string("https://"),
                                 long_url}) {
    const auto checked = check_browser_url(bad);
    EXPECT_FALSE(checked) << bad.substr(0, 60);
  }
}

TEST(BrowserCommands, EachSystemHasItsOwn) {
  EXPECT_THAT(
      browser_commands(machine(System::linux_like), kUrl),
      ElementsAre(ElementsAre("xdg-open", kUrl), ElementsAre("gio", "open", kUrl),
                  ElementsAre("sensible-browser", kUrl), ElementsAre("x-www-browser", kUrl)));
  EXPECT_THAT(browser_commands(machine(System::mac), kUrl),
              ElementsAre(ElementsAre("/usr/bin/open", kUrl)));
  EXPECT_THAT(browser_commands(machine(System::windows), kUrl),
              ElementsAre(ElementsAre("rundll32", "url.dll,FileProtocolHandler", kUrl)));
}

TEST(BrowserCommands, WindowsFromWithinLinux) {
  const auto commands =
      browser_commands(machine(System::linux_like, {{"WSL_DISTRO_NAME", "Debian"}}), kUrl);
  ASSERT_EQ(commands.size(), 8u);
  EXPECT_THAT(commands[0], ElementsAre("wslview", kUrl));
  // An apostrophe in the address doesn't end the string that PowerShell reads.
  EXPECT_THAT(commands[1],
              ElementsAre("powershell.exe", "-NoProfile", "-NonInteractive", "-Command",
                          "Start-Process -FilePath "
                          "'https://k8sou.example.com/auth?a=1&b=''x'''"));
  EXPECT_EQ(commands[2][0], "/mnt/c/Windows/System32/WindowsPowerShell/v1.0/powershell.exe");
  EXPECT_THAT(commands[3], ElementsAre("/mnt/c/Windows/System32/rundll32.exe",
                                       "url.dll,FileProtocolHandler", kUrl));
  EXPECT_EQ(commands[4][0], "xdg-open");
}

TEST(BrowserCommands, TheVariableComesFirst) {
  const struct {
    const char* variable;
    std::vector<Command> commands;
  } cases[] = {
      {"firefox", {{"firefox", kUrl}}},
      {"firefox:chromium", {{"firefox", kUrl}, {"chromium", kUrl}}},
      {":firefox::", {{"firefox", kUrl}}},
      {"", {}},
      {"  ", {}},
      {"firefox --new-window", {{"firefox", "--new-window", kUrl}}},
      {"firefox --new-window %s", {{"firefox", "--new-window", kUrl}}},
      {"firefox %s --private", {{"firefox", kUrl, "--private"}}},
      {"browser --url=%s", {{"browser", "--url=" + kUrl}}},
      {"browser %s %s", {{"browser", kUrl, kUrl}}},
      {"'my browser' -x", {{"my browser", "-x", kUrl}}},
      {"\"my browser\" ''", {{"my browser", "", kUrl}}},
      {"a'b c'd", {{"ab cd", kUrl}}},
      {"'unfinished", {{"unfinished", kUrl}}},
      {"''", {}},
      // Nothing is expanded, and nothing is run by a shell.
      {"$HOME/x `id` $(id) ~ * > f | g ; h &",
       {{"$HOME/x", "`id`", "$(id)", "~", "*", ">", "f", "|", "g", ";", "h", "&", kUrl}}},
      {"/mnt/c/Program Files/Browser/browser.exe",
       {{"/mnt/c/Program Files/Browser/browser.exe", kUrl}}},
      {"%s", {{"%s", kUrl}}},
  };
  for (const auto& c : cases) {
    std::vector<Command> commands =
        browser_commands(machine(System::mac, {{"BROWSER", c.variable}}), kUrl);
    ASSERT_FALSE(commands.empty());
    EXPECT_EQ(commands.back()[0], "/usr/bin/open") << c.variable;
    commands.pop_back();
    EXPECT_EQ(commands, c.commands) << c.variable;
  }
}

TEST(BrowserCommands, AnAddressThatHoldsThePlaceholderIsPutInOnce) {
  const std::string url = "https://x.example/%s%s";
  EXPECT_THAT(browser_commands(machine(System::mac, {{"BROWSER", "b %s"}}), url)[0],
              ElementsAre("b", url));
}

TEST(BrowserCommands, OnWindowsEntriesAreDividedAsInItsPath) {
  const auto commands =
      browser_commands(machine(System::windows, {{"BROWSER", "C:\\b.exe;D:\\c.exe %s"}}), kUrl);
  ASSERT_EQ(commands.size(), 3u);
  EXPECT_THAT(commands[0], ElementsAre("C:\\b.exe", kUrl));
  EXPECT_THAT(commands[1], ElementsAre("D:\\c.exe", kUrl));
}

// Programs that stand for browsers: each writes down what it was given.
class OpenBrowser : public ::testing::Test {
 protected:
  // `script`: of /bin/sh, with $1 the address and $DIR the folder.
  std::string program(const std::string& name, const std::string& script) {
    const std::string file = folder_.file(name);
    write_text(file, "#!/bin/sh\nDIR='" + folder_.path() + "'\n" + script + "\n");
    ::chmod(file.c_str(), 0755);
    return file;
  }
  Result<std::string> open(const std::string& browsers, std::string url = kUrl,
                           Millis patience = kPatience) {
    // On Linux no other program would be found: the real ones must not start here.
    Environment environment = machine(System::linux_like, {{"BROWSER", browsers}});
    const std::string path = std::getenv("PATH");
    ::setenv("PATH", folder_.path().c_str(), 1);
    auto opened = runtime_.block_on(open_browser(environment, std::move(url), net::in(patience)));
    ::setenv("PATH", path.c_str(), 1);
    return opened;
  }
  // The file's text, once it ends with a newline.
  std::string written(const std::string& name) {
    std::string text;
    for (int i = 0; i < 5'000 && !text.ends_with('\n'); ++i) {
      text = read_text(folder_.file(name));
      ::usleep(1'000);
    }
    return text;
  }

  TemporaryDirectory folder_;
  net::Runtime runtime_{1};
};

TEST_F(OpenBrowser, GivesTheAddressAsOneArgument) {
  const std::string url = "https://x.example/a?b=$(touch%20x)&c='d';e";
  const std::string browser = program("browser", "printf '%s|%s\\n' $# \"$1\" > \"$DIR/seen\"");
  const auto opened = open(browser, url);
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_EQ(*opened, browser);
  EXPECT_EQ(written("seen"), "1|" + url + "\n");
}

TEST_F(OpenBrowser, PassesOverWhatFailsOrIsMissing) {
  const std::string bad = program("bad", "echo bad >> \"$DIR/seen\"; exit 3");
  const std::string killed = program("killed", "kill -9 $$");
  const std::string good = program("good", "echo good >> \"$DIR/seen\"");
  const auto opened = open(bad + ":no-such-program:" + folder_.file("nor-this") + ":" + killed +
                           ":" + good + ":" + bad);
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_EQ(*opened, good);
  EXPECT_EQ(written("seen"), "bad\ngood\n");
}

TEST_F(OpenBrowser, FindsProgramsByPath) {
  program("xdg-open", "echo xdg-open > \"$DIR/seen\"");
  const auto opened = open("");
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_EQ(*opened, "xdg-open");
}

TEST_F(OpenBrowser, SaysWhatWasTriedWhereNothingWorked) {
  const auto opened = open("no-such-program");
  ASSERT_FALSE(opened);
  EXPECT_TRUE(opened.error().is(net::Errc::io));
  EXPECT_THAT(opened.error().message(),
              HasSubstr("no-such-program, xdg-open, gio, sensible-browser, x-www-browser"));
}

TEST_F(OpenBrowser, StartsNothingForAnAddressThatMayNotBeOpened) {
  const std::string browser = program("browser", "echo started > \"$DIR/seen\"");
  for (const char* url : {"file:///etc/passwd", "http://x.example/", "--help", ""}) {
    const auto opened = open(browser, url);
    ASSERT_FALSE(opened) << url;
    EXPECT_THAT(opened.error().message(), Not(HasSubstr("etc")));
  }
  EXPECT_NE(::access(folder_.file("seen").c_str(), F_OK), 0);
}

// One that stays, as a browser that was started does, isn't waited for to its end.
TEST_F(OpenBrowser, OneThatGoesOnIsTakenForABrowser) {
  const std::string browser = program("browser", "echo $$ > \"$DIR/seen\"; exec /bin/sleep 600");
  const auto opened = open(browser);
  ASSERT_TRUE(opened);
  EXPECT_EQ(*opened, browser);
  const pid_t id = std::stoi(written("seen"));
  EXPECT_EQ(::kill(id, 0), 0);
  EXPECT_EQ(::getsid(id), id);  // Ctrl-C on our terminal isn't meant for it
  ::kill(id, SIGKILL);
}

TEST_F(OpenBrowser, InheritsNothingOfOurs) {
  // As a caller leaves it to us: a pipe's end that isn't closed by exec, and signals ignored.
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ASSERT_EQ(::dup2(ends[1], 77), 77);
  ::signal(SIGHUP, SIG_IGN);
  const std::string browser = program(
      "browser",
      "links=$(readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2)\n"
      "{ echo \"$links\"; [ -e /proc/$$/fd/77 ] && echo open;\n"
      // No program is started for these: a shell that starts one blocks signals for a moment.
      "while read -r name value; do case $name in SigIgn:|SigBlk:) echo $name $value ;; esac\n"
      "done < /proc/$$/status; echo end; } > \"$DIR/seen\" 2>&1");
  Environment environment = machine(System::linux_like, {{"BROWSER", browser}});
  ASSERT_TRUE(runtime_.block_on(open_browser(environment, kUrl, net::in(kPatience))));
  ::signal(SIGHUP, SIG_DFL);
  ::close(77);
  ::close(ends[0]);
  ::close(ends[1]);
  std::string seen;
  for (int i = 0; i < 5'000 && !seen.ends_with("end\n"); ++i) {
    seen = read_text(folder_.file("seen"));
    ::usleep(1'000);
  }
  EXPECT_THAT(seen, Not(HasSubstr("open\n")));
  const std::size_t ignored = seen.find("SigIgn: ");
  ASSERT_NE(ignored, std::string::npos);
  // 32 and 33 are the C library's own.
  EXPECT_EQ(std::stoull(seen.substr(ignored + 8), nullptr, 16) & 0x7fff'ffffu, 0u);
  EXPECT_THAT(seen, HasSubstr("SigBlk: 0000000000000000"));
  EXPECT_THAT(seen, ::testing::StartsWith("/dev/null\n/dev/null\n/dev/null\n"));
}

// Where the browser is back before its opener has ended, nobody waits for that.
TEST_F(OpenBrowser, WhatItWasOpenedForMayHappenMeanwhile) {
  const std::string browser = program("browser", "echo $$ > \"$DIR/seen\"; exec /bin/sleep 600");
  const Environment environment = machine(System::linux_like, {{"BROWSER", browser}});
  int looks = 0;
  const auto opened = runtime_.block_on(
      open_browser(environment, kUrl, net::in(kPatience), [&looks] { return ++looks == 3; }));
  ASSERT_TRUE(opened);
  EXPECT_EQ(looks, 3);
  ::kill(std::stoi(written("seen")), SIGKILL);
}

// The program that it runs in gives up waiting; the browser isn't ended by that.
TEST_F(OpenBrowser, TheDeadlineEndsTheWaitingAlone) {
  const std::string browser = program("browser", "echo $$ > \"$DIR/seen\"; exec /bin/sleep 600");
  const auto opened = open(browser, kUrl, Millis(100));
  EXPECT_TRUE(opened);
  const pid_t id = std::stoi(written("seen"));
  EXPECT_EQ(::kill(id, 0), 0);
  ::kill(id, SIGKILL);
}

}  // namespace
}  // namespace openunison::cli
