// SPDX-License-Identifier: Apache-2.0
//
// Strings are written in JSON's quoting on one line, which YAML 1.1, 1.2 and JSON read alike; plain
// scalars as they were.
#include "text/yaml_emit.h"

#include <fmt/format.h>

namespace openunison::text {
namespace {

using Kind = YamlNode::Kind;

constexpr std::string_view kYamlTags = "tag:yaml.org,2002:";
// An implicit key that is longer isn't read as one (YAML 1.2 §7.4.2: 1,024 characters).
constexpr std::size_t kMaxKey = 1'000;

bool is_collection(const YamlNode& node) {
  return node.kind == Kind::sequence || node.kind == Kind::map;
}

bool is_block(const YamlNode& node) {
  return is_collection(node) && !node.flow && !(node.items.empty() && node.entries.empty());
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == '"' || byte == '\\') {
      out += '\\';
      out += text[i];
    } else if (byte == '\n') {
      out += "\\n";
    } else if (byte == '\t') {
      out += "\\t";
    } else if (byte == '\r') {
      out += "\\r";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\u{:04x}", byte);
    } else if (byte == 0xc2 && static_cast<unsigned char>(text[i + 1]) < 0xa0) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(text[++i]));
    } else if (byte == 0xe2 || byte == 0xef) {
      // Line separators, byte order marks and what is no character: never raw.
      const std::string_view three = text.substr(i, 3);
      const std::string_view escape = three == "\xe2\x80\xa8"   ? "\\u2028"
                                      : three == "\xe2\x80\xa9" ? "\\u2029"
                                      : three == "\xef\xbb\xbf" ? "\\ufeff"
                                      : three == "\xef\xbf\xbe" ? "\\ufffe"
                                      : three == "\xef\xbf\xbf" ? "\\uffff"
                                                                : "";
      out += escape.empty() ? three : escape;
      i += 2;
    } else {
      out += text[i];
    }
  }
  out += '"';
}

}  // namespace

void YamlEmitter::tag(const std::string& tag) {
  if (tag.empty()) return;
  if (tag.starts_with(kYamlTags)) {
    out += "!!" + tag.substr(kYamlTags.size());
  } else if (tag.starts_with('!')) {
    out += tag;
  } else {
    out += "!<" + tag + ">";
  }
  out += ' ';
}

void YamlEmitter::scalar(const YamlNode& node) {
  if (node.kind == Kind::null) {
    out += "null";
    return;
  }
  tag(node.tag);
  if (node.quoted) {
    append_quoted(out, node.scalar);
  } else {
    out += node.scalar;
  }
}

void YamlEmitter::key(const YamlNode& key) {
  const bool is_long = key.scalar.size() > kMaxKey;
  if (is_long) out += "? ";
  scalar(key);
  if (is_long) out += line_end;
}

void YamlEmitter::after_key(const YamlNode& value, std::size_t indent) {
  out += ' ';
  if (!is_block(value)) {
    flow(value, indent, false);
    out += line_end;
    return;
  }
  tag(value.tag);
  out.pop_back();  // the space
  out += line_end;
  // Items of a list stand below their key, as kubectl writes them.
  block(value, value.kind == Kind::map ? indent + 2 : indent);
}

void YamlEmitter::entry(const YamlNode::Entry& entry, std::size_t indent) {
  out.append(indent, ' ');
  key(entry.key);
  if (entry.key.scalar.size() > kMaxKey) out.append(indent, ' ');
  out += ':';
  after_key(entry.value, indent);
}

void YamlEmitter::item(const YamlNode& item, std::size_t indent) {
  out.append(indent, ' ');
  out += "- ";
  if (!is_block(item)) {
    flow(item, indent, false);
    out += line_end;
  } else if (!item.tag.empty()) {
    tag(item.tag);
    out.pop_back();
    out += line_end;
    block(item, indent + 2);
  } else {
    // The first line stands behind the dash.
    const std::size_t line = out.size();
    block(item, indent + 2);
    out.erase(line, indent + 2);
  }
}

void YamlEmitter::block(const YamlNode& node, std::size_t indent) {
  for (const YamlNode& each : node.items) item(each, indent);
  for (const YamlNode::Entry& each : node.entries) entry(each, indent);
}

void YamlEmitter::flow(const YamlNode& node, std::size_t indent, bool on_lines) {
  if (!is_collection(node)) return scalar(node);
  tag(node.tag);
  const bool is_map = node.kind == Kind::map;
  const bool is_empty = node.items.empty() && node.entries.empty();
  const auto new_line = [&](std::size_t by) {
    out += line_end;
    out.append(by, ' ');
  };
  out += is_map ? '{' : '[';
  bool first = true;
  const auto next = [&] {
    if (!first) out += on_lines ? "," : ", ";
    first = false;
    if (on_lines) new_line(indent + 2);
  };
  for (const YamlNode& each : node.items) {
    next();
    flow(each, indent + 2, on_lines);
  }
  for (const YamlNode::Entry& each : node.entries) {
    next();
    scalar(each.key);
    out += ": ";
    flow(each.value, indent + 2, on_lines);
  }
  if (on_lines && !is_empty) new_line(indent);
  out += is_map ? '}' : ']';
}

void YamlEmitter::document(const YamlNode& root) {
  if (root.kind == Kind::null) return;
  if (is_block(root)) {
    if (!root.tag.empty()) {
      out += "--- ";
      tag(root.tag);
      out.pop_back();
      out += line_end;
    }
    return block(root, 0);
  }
  // In the first column "---" is no text.
  if (!is_collection(root)) out += ' ';
  flow(root, 0, true);
  out += line_end;
}

}  // namespace openunison::text
