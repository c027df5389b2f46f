// SPDX-License-Identifier: Apache-2.0
//
// A YAML file of somebody else's that is to be changed in places: whatever isn't changed keeps its
// meaning for every reader, of YAML 1.1 or 1.2, and where it can its bytes and comments. A plain
// scalar is never resolved: it stays plain, a quoted one stays quoted. JSON, being YAML, stays
// JSON.
//
// One document. Aliases are expanded where a file has to be written as a whole, and kept where only
// parts of it are. What `Yaml` (yaml.h) refuses in our own configuration this takes: tags, anchors,
// duplicate keys, keys of any scalar type. Refused: control characters, keys that are collections,
// and what is over the limits.
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/yaml.h"

namespace openunison::text {

struct YamlNode {
  enum class Kind { null, scalar, sequence, map };
  struct Entry;

  Kind kind = Kind::null;
  // Where it was read; line 0 for a new one. A node that is changed keeps it: so the change is
  // found in the file.
  Position position;
  std::size_t begin = 0;  // in bytes from the beginning, a byte order mark not counted
  std::string scalar;
  bool quoted = false;  // or a block scalar: a string whatever it looks like
  bool flow = false;    // [a, b] and {a: b}
  std::string tag;      // in full, "tag:yaml.org,2002:binary"; empty where none is written
  std::vector<YamlNode> items;
  std::vector<Entry> entries;

  static YamlNode string(std::string_view text);  // quoted
  static YamlNode plain(std::string_view text);   // true, 12, v1: the caller knows that it may be
  static YamlNode sequence();
  static YamlNode map();

  // The first entry of the name, or nullptr.
  const YamlNode* find(std::string_view key) const;
  YamlNode* find(std::string_view key);
  // Gives the entry a value, in its place, or adds one at the end.
  YamlNode& set(std::string_view key, YamlNode value);
  // All entries of the name.
  void erase(std::string_view key);

  // Equal for every reader: the same kinds, texts, quoting, tags and order, wherever they stand.
  bool same_as(const YamlNode& other) const;
};

struct YamlNode::Entry {
  YamlNode key;  // a scalar or null
  YamlNode value;
};

struct YamlFault {
  Position position;
  std::string why;       // a sentence without position
  bool too_big = false;  // over a limit, not malformed
};

struct YamlLimits {
  std::size_t bytes = 4 << 20;
  std::size_t depth = 64;
  std::size_t nodes = 250'000;   // aliases expanded
  std::size_t aliased = 20'000;  // of them, by aliases
};

class YamlDocument {
 public:
  static std::expected<YamlDocument, YamlFault> parse(std::string_view text,
                                                      const YamlLimits& limits = {});

  // null where the file has nothing but comments.
  const YamlNode& root() const { return root_; }

  // The file with `root`, a changed copy of root(), in its place: only the changed items of the
  // top-level lists, and the other changed top-level entries, are written anew; where that can't
  // be done, everything. What comes out has been read again and means `root`. Fails where no text
  // would.
  std::expected<std::string, YamlFault> with(const YamlNode& root) const;

 private:
  std::string text_;  // without byte order mark
  bool byte_order_mark_ = false;
  YamlLimits limits_;
  YamlNode root_;
};

// The whole of `root`, with `line_end` at the end of lines. Not for documents that are in a file:
// see with().
std::string emit_yaml(const YamlNode& root, std::string_view line_end = "\n");

}  // namespace openunison::text
