// SPDX-License-Identifier: Apache-2.0
//
// Reader: a YAML tree held against the schema. Checks keys, types and bounds once, then gives typed
// values with the schema's defaults. Collects all problems. Private to config/; used by one thread.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "config/schema.h"
#include "config/values.h"

namespace openunison::config {

// A key or value from the file as a message may show it: no control characters, at most 80 bytes.
std::string shown_text(std::string_view text);

class Reader {
 public:
  // `root` outlives the reader.
  Reader(const text::Yaml& root, std::string file) : root_(root), file_(std::move(file)) {}

  // Finds every unknown key, wrong type and value out of bounds.
  void check();

  // Below, `item` is an entry of a list and `path` is the key inside it ("name" in "apps[].name"
  // with prefix "apps[]"); at the top level item is the root and prefix "". A value that is wrong
  // gives the default: it was reported by check().
  std::string string(const text::Yaml& item, std::string_view prefix, std::string_view path) const;
  bool boolean(const text::Yaml& item, std::string_view prefix, std::string_view path) const;
  std::int64_t integer(const text::Yaml& item, std::string_view prefix,
                       std::string_view path) const;
  std::vector<std::string> strings(const text::Yaml& item, std::string_view path) const;
  // nullptr where nothing is written (`key:` alone and `key: null` count as nothing).
  const text::Yaml* find(const text::Yaml& item, std::string_view path) const;
  // Where to point for `path`: its value, else the key of the nearest map above it that is written,
  // else `otherwise`.
  text::Position position(const text::Yaml& item, std::string_view path,
                          text::Position otherwise) const;
  // Of a key at the top.
  text::Position key_position(std::string_view key) const;

  std::string string(std::string_view path) const { return string(root_, "", path); }
  bool boolean(std::string_view path) const { return boolean(root_, "", path); }
  std::int64_t integer(std::string_view path) const { return integer(root_, "", path); }
  std::vector<std::string> strings(std::string_view path) const { return strings(root_, path); }
  const text::Yaml* find(std::string_view path) const { return find(root_, path); }

  // Left out where an error of this key, or of a map or list that holds it, is already known: the
  // second one would only be its consequence.
  void error(text::Position at, std::string key, std::string message);
  void warning(text::Position at, std::string key, std::string message);

  bool has_errors() const { return !wrong_.empty(); }
  // In file order.
  std::vector<Problem> take_problems();

 private:
  void check_map(const text::Yaml& map, const std::string& schema_path,
                 const std::string& shown_path);
  void check_entry(const Key& key, const text::Yaml::Entry& entry, const std::string& shown);
  void check_value(const Key& key, const text::Yaml& value, const std::string& shown);
  void check_list(const Key& key, const text::Yaml& value, const std::string& shown);
  void check_scalar(const Key& key, const text::Yaml& value, const std::string& shown);
  void unknown_key(const text::Yaml::Entry& entry, const std::string& schema_path,
                   const std::string& shown);
  bool is_wrong(std::string_view key) const;

  const text::Yaml& root_;
  std::string file_;
  std::vector<Problem> problems_;
  std::set<std::string, std::less<>> wrong_;  // keys with an error
  int suggestions_ = 0;
};

}  // namespace openunison::config
