// SPDX-License-Identifier: Apache-2.0
#include "html.h"

#include <algorithm>
#include <cctype>

namespace openunison::portal::testing {
namespace {

constexpr std::string_view kSpace = " \t\r\n\f";

bool is_space(char c) {
  return kSpace.find(c) != std::string_view::npos;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

// One tag; `at` is behind its '<' and moves behind its '>'.
Tag read_tag(std::string_view html, std::size_t& at) {
  const auto more = [&] { return at < html.size() && html[at] != '>'; };
  const auto take = [&](auto until) {
    const std::size_t start = at;
    while (more() && !until(html[at])) ++at;
    return html.substr(start, at - start);
  };
  Tag tag;
  tag.name = lower(take(is_space));
  while (more()) {
    if (is_space(html[at]) || html[at] == '/') {
      ++at;
      continue;
    }
    const std::string name = lower(take([](char c) { return is_space(c) || c == '='; }));
    std::string value;
    if (more() && html[at] == '=') {
      ++at;
      const char quote = more() ? html[at] : '\0';
      if (quote == '"' || quote == '\'') {
        const std::size_t end = std::min(html.find(quote, at + 1), html.size());
        value = html.substr(at + 1, end - at - 1);
        at = std::min(end + 1, html.size());
      } else {
        value = take(is_space);
      }
    }
    tag.attributes.emplace_back(name, value);
  }
  if (at < html.size()) ++at;
  return tag;
}

bool starts_tag(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '/' || c == '!' || c == '?';
}

}  // namespace

std::string_view Tag::attribute(std::string_view wanted) const {
  for (const auto& [given, value] : attributes) {
    if (given == wanted) return value;
  }
  return "";
}

std::vector<Tag> tags_of(std::string_view html) {
  std::vector<Tag> tags;
  for (std::size_t at = html.find('<'); at < html.size(); at = html.find('<', at)) {
    ++at;
    if (html.substr(at).starts_with("!--")) {
      tags.push_back({"!--", {}});
      at = std::min(html.find("-->", at), html.size());
    } else if (at < html.size() && starts_tag(html[at])) {
      tags.push_back(read_tag(html, at));
    }
  }
  return tags;
}

std::string skeleton(std::string_view html) {
  std::string out;
  for (const Tag& tag : tags_of(html)) {
    out += tag.name;
    for (const auto& [name, value] : tag.attributes) out += " " + name;
    out += '|';
  }
  return out;
}

}  // namespace openunison::portal::testing
