// SPDX-License-Identifier: Apache-2.0
//
// Private to text/: the parts of a document that are written on their own.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "text/yaml_document.h"

namespace openunison::text {

// Lines of a document, each ended by `line_end`, behind `indent` spaces.
struct YamlEmitter {
  std::string_view line_end;
  std::string out;

  void entry(const YamlNode::Entry& entry, std::size_t indent);  // key: value
  void item(const YamlNode& item, std::size_t indent);           // - value
  void document(const YamlNode& root);

 private:
  void block(const YamlNode& node, std::size_t indent);  // not empty, not flow
  void after_key(const YamlNode& value, std::size_t indent);
  void flow(const YamlNode& node, std::size_t indent, bool on_lines);
  void scalar(const YamlNode& node);
  void tag(const std::string& tag);
  void key(const YamlNode& key);
};

// `text`, which `before` was read from, with what differs in `after`; nullopt where the layout
// isn't one that allows it. Whether it means `after` the caller has to see.
std::optional<std::string> splice_yaml(std::string_view text, const YamlNode& before,
                                       const YamlNode& after, std::string_view line_end);

}  // namespace openunison::text
