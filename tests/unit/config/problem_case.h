// SPDX-License-Identifier: Apache-2.0
//
// One wrong values file, and what must be said about it.
#pragma once

#include <ostream>
#include <vector>

#include "config/values_fixture.h"

namespace openunison::config {

struct Case {
  const char* name;
  std::string yaml;
  std::vector<std::string> starts;  // of every problem, in file order, without "v.yaml:"
};

inline void PrintTo(const Case& each, std::ostream* out) {
  *out << each.name;
}

// Most cases don't write the scopes; what is said of that is left out where a case doesn't expect
// it.
inline void forget_offline_access(const Case& expected, std::vector<Problem>& problems) {
  static constexpr std::string_view kSaid = "scopes: has no offline_access";
  const bool wanted = std::ranges::any_of(expected.starts, [](const std::string& start) {
    return start.find(kSaid) != std::string::npos;
  });
  if (wanted) return;
  std::erase_if(problems, [](const Problem& problem) {
    return problem.severity == Severity::warning && problem.text().find(kSaid) != std::string::npos;
  });
}

// Values come out exactly where none of the problems is an error.
inline void expect_problems(const Case& expected) {
  Parsed parsed = parse(expected.yaml);
  forget_offline_access(expected, parsed.problems);
  bool error = false;
  ASSERT_EQ(parsed.problems.size(), expected.starts.size()) << texts(parsed.problems);
  for (std::size_t i = 0; i < expected.starts.size(); ++i) {
    const std::string text = parsed.problems[i].text();
    EXPECT_TRUE(text.starts_with("v.yaml:" + expected.starts[i])) << text;
    error = error || parsed.problems[i].severity == Severity::error;
  }
  EXPECT_NE(parsed.values.has_value(), error);
}

}  // namespace openunison::config
