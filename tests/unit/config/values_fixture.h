// SPDX-License-Identifier: Apache-2.0
//
// Values files for the tests of config/: from tests/data/values, or a small good one with something
// added or replaced; and golden files, which OPENUNISON_WRITE_GOLDEN=1 writes anew.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include "config/values.h"

namespace openunison::config {

inline std::string read_all(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in.good()) << path;
  std::ostringstream content;
  content << in.rdbuf();
  return content.str();
}

inline std::string data_path(const std::string& name) {
  return std::string(OPENUNISON_TEST_DATA) + "/values/" + name;
}

inline void expect_golden(const std::string& path, const std::string& actual) {
  if (std::getenv("OPENUNISON_WRITE_GOLDEN") != nullptr) {
    std::ofstream(path, std::ios::binary) << actual;
  }
  EXPECT_EQ(read_all(path), actual)
      << path << " differs; OPENUNISON_WRITE_GOLDEN=1 ou_config_test writes it anew";
}

inline std::string texts(const std::vector<Problem>& problems) {
  std::string all;
  for (const Problem& problem : problems) all += problem.text() + "\n";
  return all;
}

inline Parsed parse(std::string_view yaml) {
  return parse_values(yaml, "v.yaml");
}

inline Values parse_file(const std::string& name) {
  Parsed parsed = parse_values(read_all(data_path(name)), name);
  EXPECT_TRUE(parsed.values) << texts(parsed.problems);
  return parsed.values.value_or(Values());
}

// Six lines without a problem; what a test adds comes from line 7 on.
inline constexpr std::string_view kGood =
    "network:\n"
    "  openunison_host: ou.example.com\n"
    "  k8s_url: https://k8s.example.com\n"
    "identity_providers:\n"
    "- name: local\n"
    "  type: local\n";

inline std::string good_and(std::string_view more) {
  return std::string(kGood) + std::string(more);
}

inline Values values_of(const std::string& yaml) {
  Parsed parsed = parse(yaml);
  EXPECT_TRUE(parsed.values) << texts(parsed.problems);
  return parsed.values.value_or(Values());
}

}  // namespace openunison::config
