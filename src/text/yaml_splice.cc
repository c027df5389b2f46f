// SPDX-License-Identifier: Apache-2.0
//
// Changes parts of a block-style file, by lines: the entries of the top level, and in its lists the
// items. Looks at layout only where it must; what it takes wrongly, the comparison after it finds
// (YamlDocument::with).
#include <algorithm>
#include <vector>

#include "text/yaml_emit.h"

namespace openunison::text {
namespace {

using Kind = YamlNode::Kind;

std::size_t line_start(std::string_view text, std::size_t at) {
  const std::size_t found = at == 0 ? std::string_view::npos : text.rfind('\n', at - 1);
  return found == std::string_view::npos ? 0 : found + 1;
}

std::size_t next_line(std::string_view text, std::size_t at) {
  const std::size_t found = text.find('\n', at);
  return found == std::string_view::npos ? text.size() : found + 1;
}

std::string_view line_at(std::string_view text, std::size_t start) {
  return text.substr(start, next_line(text, start) - start);
}

bool blank_or_comment(std::string_view line) {
  const std::size_t first = line.find_first_not_of(" \t\r\n");
  return first == std::string_view::npos || line[first] == '#';
}

// Where what begins at `begin` ends, if something else begins at `end`: blank lines and comments
// before that are the other's.
std::size_t without_trailing_comments(std::string_view text, std::size_t begin, std::size_t end) {
  while (end > begin) {
    const std::size_t line = line_start(text, end - 1);
    if (line <= begin || !blank_or_comment(line_at(text, line))) break;
    end = line;
  }
  return end;
}

// A line that ends the document: "---" or "...".
std::size_t end_of_document(std::string_view text, std::size_t from) {
  for (std::size_t line = next_line(text, from); line < text.size(); line = next_line(text, line)) {
    const std::string_view rest = text.substr(line);
    if ((rest.starts_with("---") || rest.starts_with("...")) &&
        (rest.size() == 3 || std::string_view(" \t\r\n").find(rest[3]) != std::string_view::npos))
      return line;
  }
  return text.size();
}

// The line of the dash of a list's item: the last, up to where the item's content begins, that has
// one in the list's column.
std::optional<std::size_t> line_of_dash(std::string_view text, std::size_t content,
                                        std::size_t column, std::size_t not_before) {
  for (std::size_t line = line_start(text, content);; line = line_start(text, line - 1)) {
    const std::string_view there = line_at(text, line);
    if (there.find_first_not_of(' ') == column && there[column] == '-') return line;
    if (line <= not_before || line == 0) return std::nullopt;
  }
}

struct Splice {
  std::string_view text;
  YamlEmitter out;

  void copy(std::size_t from, std::size_t to) { out.out += text.substr(from, to - from); }
  // What follows begins on a line of its own.
  void on_new_line() {
    if (!out.out.empty() && !out.out.ends_with('\n')) out.out += out.line_end;
  }

  // A list whose key's line begins at `begin`, the last of it ending at `end`.
  bool list(std::size_t begin, std::size_t end, const YamlNode& before, const YamlNode& after) {
    const std::size_t column = static_cast<std::size_t>(before.position.column - 1);
    std::vector<std::size_t> dashes;
    for (const YamlNode& item : before.items) {
      const auto line = line_of_dash(text, item.begin, column, begin);
      if (!line || (!dashes.empty() && *line <= dashes.back())) return false;
      dashes.push_back(*line);
    }
    copy(begin, dashes.front());
    std::size_t at = 0;  // among `after`
    for (std::size_t i = 0; i < dashes.size(); ++i) {
      const std::size_t limit = i + 1 < dashes.size() ? dashes[i + 1] : end;
      const std::size_t done = without_trailing_comments(text, dashes[i], limit);
      const bool kept = at < after.items.size() && after.items[at].position.line > 0 &&
                        after.items[at].begin == before.items[i].begin;
      if (kept) {
        if (after.items[at].same_as(before.items[i])) {
          copy(dashes[i], done);
        } else {
          out.item(after.items[at], column);
        }
        ++at;
      }
      if (i + 1 < dashes.size()) copy(done, limit);
    }
    for (; at < after.items.size(); ++at) {
      if (after.items[at].position.line > 0) return false;  // they were put into another order
      on_new_line();
      out.item(after.items[at], column);
    }
    return true;
  }

  bool run(const YamlNode& before, const YamlNode& after) {
    const std::size_t indent = static_cast<std::size_t>(before.position.column - 1);
    std::vector<std::size_t> lines;
    for (const YamlNode::Entry& entry : before.entries) {
      const std::size_t line = line_start(text, entry.key.begin);
      if (text.find_first_not_of(' ', line) != entry.key.begin || entry.key.begin - line != indent)
        return false;
      lines.push_back(line);
    }
    lines.push_back(end_of_document(text, lines.back()));
    copy(0, lines.front());
    std::size_t at = 0;
    for (std::size_t i = 0; i < before.entries.size(); ++i) {
      const YamlNode::Entry& old = before.entries[i];
      const std::size_t done = without_trailing_comments(text, lines[i], lines[i + 1]);
      const bool kept = at < after.entries.size() && after.entries[at].key.position.line > 0 &&
                        after.entries[at].key.begin == old.key.begin;
      if (kept) {
        const YamlNode& now = after.entries[at].value;
        const bool lists = old.value.kind == Kind::sequence && now.kind == Kind::sequence &&
                           !old.value.flow && !now.flow && old.value.tag == now.tag &&
                           !old.value.items.empty() && !now.items.empty();
        if (now.same_as(old.value)) {
          copy(lines[i], done);
        } else if (lists) {
          if (!list(lines[i], done, old.value, now)) return false;
        } else {
          out.entry(after.entries[at], indent);
        }
        ++at;
      }
      // New entries stand behind the last one, before what comments end the file.
      if (i + 1 == before.entries.size()) {
        for (; at < after.entries.size(); ++at) {
          if (after.entries[at].key.position.line > 0) return false;
          on_new_line();
          out.entry(after.entries[at], indent);
        }
      }
      copy(done, lines[i + 1]);
    }
    copy(lines.back(), text.size());
    return true;
  }
};

}  // namespace

std::optional<std::string> splice_yaml(std::string_view text, const YamlNode& before,
                                       const YamlNode& after, std::string_view line_end) {
  Splice splice{text, {line_end, {}}};
  if (before.kind == Kind::null && after.kind == Kind::map && !after.flow) {
    // Nothing but comments, or nothing at all.
    splice.copy(0, text.size());
    splice.on_new_line();
    for (const YamlNode::Entry& entry : after.entries) splice.out.entry(entry, 0);
    return std::move(splice.out.out);
  }
  if (before.kind != Kind::map || after.kind != Kind::map || before.flow || after.flow ||
      before.tag != after.tag || before.entries.empty())
    return std::nullopt;
  if (!splice.run(before, after)) return std::nullopt;
  return std::move(splice.out.out);
}

}  // namespace openunison::text
