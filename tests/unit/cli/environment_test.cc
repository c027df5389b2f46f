// SPDX-License-Identifier: Apache-2.0
#include "cli/environment.h"

#include <gmock/gmock.h>

#include <vector>

#include "cli/machine.h"

namespace openunison::cli {
namespace {

using ::testing::HasSubstr;

using Variables = std::map<std::string, std::string, std::less<>>;

enum class On { terminal, nothing, stdin_alone, stderr_alone };

Environment machine(System system, Variables variables, On on) {
  Environment environment;
  environment.system = system;
  environment.variables = std::move(variables);
  environment.stdin_is_terminal = on == On::terminal || on == On::stdin_alone;
  environment.stderr_is_terminal = on == On::terminal || on == On::stderr_alone;
  return environment;
}

struct Case {
  const char* name;
  Environment environment;
  BrowserMode mode;
  Way way;
  const char* reason = "";  // part of it
};

const Variables kDesktop = {{"DISPLAY", ":0"}};
const Variables kSsh = {{"SSH_CONNECTION", "192.0.2.1 5000 192.0.2.2 22"}};

Environment container(Variables variables, On on) {
  Environment environment = machine(System::linux_like, std::move(variables), on);
  environment.in_container = true;
  return environment;
}
Environment wsl(Variables variables, On on) {
  Environment environment = machine(System::linux_like, std::move(variables), on);
  environment.kernel_of_wsl = true;
  return environment;
}
Variables with(Variables variables, const char* name, const char* value) {
  variables[name] = value;
  return variables;
}

std::vector<Case> cases() {
  using enum System;
  constexpr auto automatic = BrowserMode::automatic, tty = BrowserMode::tty,
                 desktop = BrowserMode::desktop, never = BrowserMode::never;
  return {
      // Linux.
      {"X11", machine(linux_like, kDesktop, On::terminal), automatic, Way::browser},
      {"Wayland", machine(linux_like, {{"WAYLAND_DISPLAY", "wayland-0"}}, On::terminal), automatic,
       Way::browser},
      {"started from a desktop", machine(linux_like, kDesktop, On::nothing), automatic,
       Way::browser},
      {"a server's console", machine(linux_like, {}, On::terminal), automatic, Way::device,
       "neither DISPLAY nor WAYLAND_DISPLAY"},
      {"an empty DISPLAY", machine(linux_like, {{"DISPLAY", ""}}, On::terminal), automatic,
       Way::device, "no desktop"},
      {"cron", machine(linux_like, {}, On::nothing), automatic, Way::none, "no desktop"},
      {"a pipe into it", machine(linux_like, {}, On::stderr_alone), automatic, Way::none,
       "no desktop"},
      {"messages into a file", machine(linux_like, {}, On::stdin_alone), automatic, Way::none,
       "no desktop"},
      // SSH.
      {"SSH", machine(linux_like, kSsh, On::terminal), automatic, Way::device, "SSH_CONNECTION"},
      {"SSH with a forwarded display",
       machine(linux_like, with(kSsh, "DISPLAY", "localhost:10.0"), On::terminal), automatic,
       Way::device, "SSH"},
      {"SSH_TTY alone", machine(linux_like, {{"SSH_TTY", "/dev/pts/1"}}, On::terminal), automatic,
       Way::device, "SSH_TTY"},
      {"SSH without a terminal", machine(linux_like, kSsh, On::nothing), automatic, Way::none,
       "SSH"},
      {"SSH to a Mac", machine(mac, kSsh, On::terminal), automatic, Way::device, "SSH"},
      {"SSH to Windows", machine(windows, kSsh, On::terminal), automatic, Way::device, "SSH"},
      {"SSH into WSL", wsl(kSsh, On::terminal), automatic, Way::device, "SSH"},
      // Containers.
      {"a container", container({}, On::terminal), automatic, Way::device, "container"},
      {"a container with a display", container(kDesktop, On::terminal), automatic, Way::device,
       "container"},
      {"a container without a terminal", container({}, On::nothing), automatic, Way::none,
       "container"},
      {"a pod",
       machine(linux_like, {{"KUBERNETES_SERVICE_HOST", "10.0.0.1"}, {"DISPLAY", ":0"}},
               On::terminal),
       automatic, Way::device, "pod"},
      // WSL.
      {"WSL by its kernel", wsl({}, On::terminal), automatic, Way::browser},
      {"WSL by its name", machine(linux_like, {{"WSL_DISTRO_NAME", "Debian"}}, On::terminal),
       automatic, Way::browser},
      {"WSL without a terminal", wsl({}, On::nothing), automatic, Way::browser},
      {"a container in WSL",
       [] {
         Environment environment = container({}, On::terminal);
         environment.kernel_of_wsl = true;
         return environment;
       }(),
       automatic, Way::device, "container"},
      // Others.
      {"a Mac", machine(mac, {}, On::terminal), automatic, Way::browser},
      {"a Mac's Lens", machine(mac, {}, On::nothing), automatic, Way::browser},
      {"Windows", machine(windows, {}, On::terminal), automatic, Way::browser},
      {"VS Code on Windows", machine(windows, {}, On::nothing), automatic, Way::browser},
      // --browser=tty
      {"tty on a terminal", machine(mac, {}, On::terminal), tty, Way::browser},
      {"tty without one", machine(mac, {}, On::nothing), tty, Way::none, "--browser=tty"},
      {"tty with a pipe into it", machine(mac, {}, On::stderr_alone), tty, Way::none,
       "--browser=tty"},
      {"tty over SSH", machine(mac, kSsh, On::terminal), tty, Way::device, "SSH"},
      {"tty without a desktop", machine(linux_like, {}, On::terminal), tty, Way::device,
       "no desktop"},
      // --browser=desktop
      {"desktop over SSH", machine(linux_like, kSsh, On::terminal), desktop, Way::browser},
      {"desktop without a terminal", machine(linux_like, {}, On::nothing), desktop, Way::browser},
      {"desktop in a container", container({}, On::terminal), desktop, Way::browser},
      // --browser=never
      {"never, on a terminal", machine(mac, {}, On::terminal), never, Way::device,
       "--browser=never"},
      {"never, without one", machine(mac, {}, On::nothing), never, Way::none, "--browser=never"},
  };
}

TEST(ChooseWay, Table) {
  for (const Case& c : cases()) {
    const Choice choice = choose_way(c.environment, c.mode);
    EXPECT_EQ(choice.way, c.way) << c.name;
    EXPECT_THAT(choice.reason, HasSubstr(c.reason)) << c.name;
    EXPECT_EQ(choice.reason.empty(), choice.way == Way::browser) << c.name;
  }
}

TEST(ChooseWay, NeverInContinuousIntegration) {
  const std::pair<const char*, const char*> jobs[] = {
      {"CI", "true"},
      {"CI", "1"},
      {"CONTINUOUS_INTEGRATION", "true"},
      {"GITHUB_ACTIONS", "true"},
      {"GITLAB_CI", "true"},
      {"JENKINS_URL", "https://jenkins.example.com/"},
      {"TEAMCITY_VERSION", "2025.1"},
      {"TF_BUILD", "True"},
      {"BUILDKITE", "true"},
      {"CIRCLECI", "true"},
      {"TRAVIS", "true"},
      {"DRONE", "true"},
      {"APPVEYOR", "True"},
      {"BITBUCKET_BUILD_NUMBER", "7"},
      {"CODEBUILD_BUILD_ID", "demo:1"},
      {"BUILD_BUILDID", "7"},
      {"TEKTON_PIPELINE_RUN", "run-1"},
      {"ARGO_WORKFLOW_NAME", "flow-1"},
  };
  for (const auto& [name, value] : jobs) {
    for (const BrowserMode mode :
         {BrowserMode::automatic, BrowserMode::tty, BrowserMode::desktop, BrowserMode::never}) {
      const Choice choice =
          choose_way(machine(System::linux_like, with(kDesktop, name, value), On::terminal), mode);
      EXPECT_EQ(choice.way, Way::none) << name;
      EXPECT_THAT(choice.reason, HasSubstr(std::string(name) + " is set"));
    }
  }
  for (const char* off : {"", "0", "false", "False", "no"}) {
    EXPECT_EQ(choose_way(machine(System::linux_like, with(kDesktop, "CI", off), On::terminal),
                         BrowserMode::automatic)
                  .way,
              Way::browser)
        << off;
  }
}

TEST(Environment, ModesByName) {
  EXPECT_EQ(parse_browser_mode("auto"), BrowserMode::automatic);
  EXPECT_EQ(parse_browser_mode("tty"), BrowserMode::tty);
  EXPECT_EQ(parse_browser_mode("desktop"), BrowserMode::desktop);
  EXPECT_EQ(parse_browser_mode("never"), BrowserMode::never);
  for (const char* other : {"", "Auto", "automatic", "auto ", "firefox"})
    EXPECT_EQ(parse_browser_mode(other), std::nullopt) << other;
}

TEST(Environment, ReadsThisProcess) {
  ::setenv("OPENUNISON_TEST_VARIABLE", "a=b=c", 1);
  const Environment environment = Environment::read();
  ::unsetenv("OPENUNISON_TEST_VARIABLE");
  EXPECT_EQ(environment.variable("OPENUNISON_TEST_VARIABLE"), "a=b=c");
  EXPECT_EQ(environment.variable("OPENUNISON_TEST_OTHER"), "");
  EXPECT_EQ(environment.stderr_is_terminal, is_terminal(2));
  ASSERT_TRUE(environment.is_program);
  EXPECT_TRUE(environment.is_program("/bin/sh"));
  EXPECT_FALSE(environment.is_program("/etc/passwd"));
  EXPECT_FALSE(environment.is_program("/bin"));
  EXPECT_FALSE(environment.is_program("sh"));
}

}  // namespace
}  // namespace openunison::cli
