// SPDX-License-Identifier: Apache-2.0
//
// Reader: a YAML tree held against the schema. Checks keys, types and bounds once, then gives typed values with the schema's
// defaults. Collects all problems. Private to config/.
#pragma once

#include <string>
#include <vector>

#include "config/schema.h"
#include "config/values.h"

namespace openunison::config {

class Reader {
 public:
  Reader(const text::Yaml& root, std::string file) : root_(root), file_(std::move(file)) {}

  // Finds every unknown key, wrong type and value out of bounds.
  void check();

  // Below, `item` is an entry of a list and `path` is the key inside it ("name" in "apps[].name" with prefix "apps[]"); at
  // the top level item is the root and prefix "". A value that is wrong gives the default: it was reported by check().
  std::string string(const text::Yaml& item, std::string_view prefix, std::string_view path) const;
  bool boolean(const text::Yaml& item, std::string_view prefix, std::string_view path) const;
  std::int64_t integer(const text::Yaml& item, std::string_view prefix, std::string_view path) const;
  std::vector<std::string> strings(const text::Yaml& item, std::string_view prefix, std::string_view path) const;
  const text::Yaml* find(const text::Yaml& item, std::string_view path) const;

  std::string string(std::string_view path) const { return string(root_, "", path); }
  bool boolean(std::string_view path) const { return boolean(root_, "", path); }
  std::int64_t integer(std::string_view path) const { return integer(root_, "", path); }
  std::vector<std::string> strings(std::string_view path) const { return strings(root_, "", path); }
  const text::Yaml* find(std::string_view path) const { return find(root_, path); }

  // `at`: where to point; null: the file's start.
  void error(const text::Yaml* at, std::string key, std::string message) { add(Severity::error, at, std::move(key), std::move(message)); }
  void warning(const text::Yaml* at, std::string key, std::string message) { add(Severity::warning, at, std::move(key), std::move(message)); }

  bool has_errors() const;
  std::vector<Problem> take_problems();

 private:
  void add(Severity severity, const text::Yaml* at, std::string key, std::string message);
  void check_map(const text::Yaml& map, const std::string& schema_path, const std::string& shown_path);
  void check_value(const Key& key, const text::Yaml& value, const std::string& shown_path);
  void unknown_key(const text::Yaml::Entry& entry, const std::string& schema_path, const std::string& shown_path);

  const text::Yaml& root_;
  std::string file_;
  std::vector<Problem> problems_;
};

}  // namespace openunison::config
