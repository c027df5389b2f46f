// SPDX-License-Identifier: Apache-2.0
#include "portal/program_name.h"

#include <algorithm>

namespace openunison::portal {
namespace {

// A program's own name: the start of its user agent, which may hold any byte.
std::string own_name(std::string_view agent) {
  std::string name(agent.substr(0, std::min<std::size_t>(agent.find_first_of("/ ("), 40)));
  std::ranges::replace_if(name, [](char c) { return c < ' ' || c > '~'; }, '?');
  return name.empty() ? "unknown program" : name;
}

// What kubectl's refreshes of tokens call themselves: it leaves that to Go's library.
constexpr std::string_view kGoAgent = "Go-http-client/";

}  // namespace

std::string agent_name(std::string_view agent) {
  return own_name(agent);
}

std::string program_name(std::string_view agent) {
  if (agent.starts_with(kGoAgent)) return "kubectl";
  const auto has = [&](std::string_view word) {
    return agent.find(word) != std::string_view::npos;
  };
  std::string program = has("Edg/")       ? "Edge"
                        : has("Firefox/") ? "Firefox"
                        : has("Chrome/")  ? "Chrome"
                        : has("Safari/")  ? "Safari"
                                          : own_name(agent);
  const char* system = has("Windows")                    ? " on Windows"
                       : has("Android")                  ? " on Android"
                       : has("iPhone") || has("iPad")    ? " on iOS"
                       : has("Mac OS") || has("darwin/") ? " on macOS"
                       : has("Linux") || has("linux/")   ? " on Linux"
                                                         : "";
  return program + system;
}

}  // namespace openunison::portal
