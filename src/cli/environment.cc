// SPDX-License-Identifier: Apache-2.0
#include "cli/environment.h"

#include <algorithm>
#include <iterator>

namespace openunison::cli {
namespace {

// What continuous integration systems set for their jobs.
constexpr std::string_view kIntegration[] = {"CI",
                                             "CONTINUOUS_INTEGRATION",
                                             "GITHUB_ACTIONS",
                                             "GITLAB_CI",
                                             "JENKINS_URL",
                                             "TEAMCITY_VERSION",
                                             "TF_BUILD",
                                             "BUILDKITE",
                                             "CIRCLECI",
                                             "TRAVIS",
                                             "DRONE",
                                             "APPVEYOR",
                                             "BITBUCKET_BUILD_NUMBER",
                                             "CODEBUILD_BUILD_ID",
                                             "BUILD_BUILDID",
                                             "TEKTON_PIPELINE_RUN",
                                             "ARGO_WORKFLOW_NAME"};

// People switch such a thing off by writing so.
bool is_off(std::string_view value) {
  return value.empty() || value == "0" || value == "false" || value == "False" || value == "no";
}

// Why a browser that is opened here would be seen by nobody; empty: it would be seen.
std::string why_no_desktop(const Environment& environment) {
  for (const std::string_view name : {"SSH_CONNECTION", "SSH_TTY"}) {
    if (!environment.variable(name).empty())
      return "this is a session over SSH (" + std::string(name) + " is set)";
  }
  if (environment.in_container) return "this is a container";
  if (!environment.variable("KUBERNETES_SERVICE_HOST").empty())
    return "this is a pod (KUBERNETES_SERVICE_HOST is set)";
  if (environment.system != System::linux_like || environment.is_wsl()) return {};
  if (!environment.variable("DISPLAY").empty() || !environment.variable("WAYLAND_DISPLAY").empty())
    return {};
  return "there is no desktop (neither DISPLAY nor WAYLAND_DISPLAY is set)";
}

}  // namespace

std::string_view Environment::variable(std::string_view name) const {
  const auto found = variables.find(name);
  return found == variables.end() ? std::string_view() : std::string_view(found->second);
}

bool Environment::is_wsl() const {
  return system == System::linux_like && (kernel_of_wsl || !variable("WSL_DISTRO_NAME").empty());
}

std::optional<BrowserMode> parse_browser_mode(std::string_view text) {
  if (text == "auto") return BrowserMode::automatic;
  if (text == "tty") return BrowserMode::tty;
  if (text == "desktop") return BrowserMode::desktop;
  if (text == "never") return BrowserMode::never;
  return std::nullopt;
}

Choice choose_way(const Environment& environment, BrowserMode mode) {
  for (const std::string_view name : kIntegration) {
    if (!is_off(environment.variable(name)))
      return {Way::none, "this is a continuous integration job (" + std::string(name) + " is set)"};
  }
  std::string reason;
  if (mode == BrowserMode::never) {
    reason = "no browser may be opened (--browser=never)";
  } else if (mode == BrowserMode::tty && !environment.on_terminal()) {
    reason = "the caller isn't on a terminal (--browser=tty)";
  } else if (mode != BrowserMode::desktop) {
    reason = why_no_desktop(environment);
  }
  if (reason.empty()) return {Way::browser};
  return {environment.on_terminal() ? Way::device : Way::none, std::move(reason)};
}

std::string described(const Choice& choice) {
  const std::string way = choice.way == Way::browser  ? "browser"
                          : choice.way == Way::device ? "device code"
                                                      : "none";
  return choice.reason.empty() ? way : way + ": " + choice.reason;
}

}  // namespace openunison::cli
