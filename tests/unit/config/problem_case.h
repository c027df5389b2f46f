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

// Values come out exactly where none of the problems is an error.
inline void expect_problems(const Case& expected) {
  const Parsed parsed = parse(expected.yaml);
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
