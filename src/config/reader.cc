// SPDX-License-Identifier: Apache-2.0
#include "config/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <tuple>

#include "text/utf8.h"

namespace openunison::config {
namespace {

using text::Yaml;

std::optional<bool> parse_boolean(const Yaml& value) {
  if (value.kind != Yaml::Kind::scalar || value.quoted) return std::nullopt;
  if (value.scalar == "true" || value.scalar == "True") return true;
  if (value.scalar == "false" || value.scalar == "False") return false;
  return std::nullopt;
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

const char* type_name(Type type) {
  switch (type) {
    case Type::string: return "text";
    case Type::boolean: return "true or false";
    case Type::integer: return "a whole number";
    case Type::strings: return "a list of text";
    case Type::map: return "a map";
    case Type::list: return "a list of maps";
    case Type::anything: break;
  }
  return "a value";
}

bool has_choice(std::string_view choices, std::string_view value) {
  while (!choices.empty()) {
    const std::size_t end = std::min(choices.find('|'), choices.size());
    if (choices.substr(0, end) == value) return true;
    choices.remove_prefix(std::min(end + 1, choices.size()));
  }
  return false;
}

std::string joined(std::string_view prefix, std::string_view path) {
  if (prefix.empty()) return std::string(path);
  return std::string(prefix) + "." + std::string(path);
}

}  // namespace

void Reader::add(Severity severity, const Yaml* at, std::string key, std::string message) {
  const text::Position position = at != nullptr ? at->position : text::Position{1, 1};
  problems_.push_back({severity, file_, position, std::move(key), std::move(message)});
}

void Reader::check() {
  if (root_.kind == Yaml::Kind::null) return;
  if (root_.kind != Yaml::Kind::map) return error(&root_, "", "the file must be a map of keys");
  check_map(root_, "", "");
}

void Reader::check_map(const Yaml& map, const std::string& schema_path, const std::string& shown_path) {
  for (const Yaml::Entry& entry : map.entries) {
    const std::string path = joined(schema_path, entry.key), shown = joined(shown_path, entry.key);
    const Key* key = find_key(path);
    if (key == nullptr) {
      unknown_key(entry, schema_path, shown);
      continue;
    }
    Yaml at = {};
    at.position = entry.position;
    // `false`, `""` and empty lists ask for nothing, so they need no refusal.
    const auto flag = parse_boolean(entry.value);
    const bool asks_for_nothing = entry.value.kind == Yaml::Kind::null || (flag && !*flag) ||
                                  (entry.value.kind == Yaml::Kind::scalar && entry.value.scalar.empty()) ||
                                  (entry.value.kind == Yaml::Kind::sequence && entry.value.items.empty()) ||
                                  (entry.value.kind == Yaml::Kind::map && entry.value.entries.empty());
    if (key->status == Status::refused && !asks_for_nothing) {
      error(&at, shown, std::string(key->meaning));
    } else if (key->status == Status::ignored) {
      warning(&at, shown, "is ignored. " + std::string(key->meaning));
    } else if (key->status == Status::honoured) {
      check_value(*key, entry.value, shown);
    }
  }
}

void Reader::check_value(const Key& key, const Yaml& value, const std::string& shown) {
  if (value.kind == Yaml::Kind::null) return;
  const auto wrong = [&] { error(&value, shown, fmt::format("must be {}", type_name(key.type))); };
  switch (key.type) {
    case Type::anything: return;
    case Type::map:
      if (value.kind != Yaml::Kind::map) return wrong();
      return check_map(value, std::string(key.path), shown);
    case Type::list:
      if (value.kind != Yaml::Kind::sequence) return wrong();
      for (std::size_t i = 0; i < value.items.size(); ++i) {
        const std::string item = fmt::format("{}[{}]", shown, i);
        if (value.items[i].kind != Yaml::Kind::map) {
          error(&value.items[i], item, "must be a map");
        } else {
          check_map(value.items[i], std::string(key.path) + "[]", item);
        }
      }
      return;
    case Type::strings:
      if (value.kind != Yaml::Kind::sequence) return wrong();
      for (const Yaml& item : value.items) {
        if (item.kind != Yaml::Kind::scalar) error(&item, shown, "must hold text only");
      }
      return;
    case Type::boolean:
      if (!parse_boolean(value)) wrong();
      return;
    case Type::integer: {
      const auto number = value.kind == Yaml::Kind::scalar ? parse_integer(value.scalar) : std::nullopt;
      if (!number) return wrong();
      if (key.max > 0 && (*number < key.min || *number > key.max)) {
        error(&value, shown, fmt::format("must be from {} to {}", key.min, key.max));
      }
      return;
    }
    case Type::string:
      if (value.kind != Yaml::Kind::scalar) return wrong();
      if (text::has_control(value.scalar)) return error(&value, shown, "must not have control characters");
      if (!key.choices.empty() && !has_choice(key.choices, value.scalar)) {
        std::string choices(key.choices);
        std::replace(choices.begin(), choices.end(), '|', ',');
        error(&value, shown, "must be one of: " + choices);
      }
      return;
  }
}

void Reader::unknown_key(const Yaml::Entry& entry, const std::string& schema_path, const std::string& shown) {
  std::vector<std::string_view> siblings, leaves;
  const std::string prefix = schema_path.empty() ? "" : schema_path + ".";
  std::string elsewhere;
  for (const Key& key : schema()) {
    const std::size_t dot = key.path.rfind('.');
    const std::string_view leaf = dot == std::string_view::npos ? key.path : key.path.substr(dot + 1);
    if (key.path.starts_with(prefix) && key.path.substr(prefix.size()).find('.') == std::string_view::npos) siblings.push_back(key.path.substr(prefix.size()));
    if (leaf == entry.key && elsewhere.empty()) elsewhere = key.path;
  }
  const std::string_view nearest = text::nearest(entry.key, siblings.data(), siblings.size());
  std::string message = "unknown key";
  if (!nearest.empty()) {
    message += "; did you mean " + prefix + std::string(nearest) + "?";
  } else if (!elsewhere.empty()) {
    message += "; did you mean " + elsewhere + "?";
  }
  Yaml at = {};
  at.position = entry.position;
  error(&at, shown, std::move(message));
}

const Yaml* Reader::find(const Yaml& item, std::string_view path) const {
  const Yaml* at = &item;
  while (at != nullptr && !path.empty()) {
    const std::size_t end = std::min(path.find('.'), path.size());
    at = at->find(path.substr(0, end));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return at != nullptr && at->kind != Yaml::Kind::null ? at : nullptr;
}

std::string Reader::string(const Yaml& item, std::string_view prefix, std::string_view path) const {
  const Yaml* value = find(item, path);
  if (value != nullptr && value->kind == Yaml::Kind::scalar) return value->scalar;
  const Key* key = find_key(joined(prefix, path));
  return key != nullptr ? std::string(key->fallback) : std::string();
}

bool Reader::boolean(const Yaml& item, std::string_view prefix, std::string_view path) const {
  const Yaml* value = find(item, path);
  if (value != nullptr) {
    if (const auto parsed = parse_boolean(*value)) return *parsed;
  }
  const Key* key = find_key(joined(prefix, path));
  return key != nullptr && key->fallback == "true";
}

std::int64_t Reader::integer(const Yaml& item, std::string_view prefix, std::string_view path) const {
  const Yaml* value = find(item, path);
  if (value != nullptr && value->kind == Yaml::Kind::scalar) {
    if (const auto parsed = parse_integer(value->scalar)) return *parsed;
  }
  const Key* key = find_key(joined(prefix, path));
  return key != nullptr ? parse_integer(key->fallback).value_or(0) : 0;
}

std::vector<std::string> Reader::strings(const Yaml& item, std::string_view, std::string_view path) const {
  std::vector<std::string> all;
  const Yaml* value = find(item, path);
  if (value == nullptr) return all;
  for (const Yaml& each : value->items) {
    if (each.kind == Yaml::Kind::scalar) all.push_back(each.scalar);
  }
  return all;
}

bool Reader::has_errors() const {
  return std::any_of(problems_.begin(), problems_.end(), [](const Problem& problem) { return problem.severity == Severity::error; });
}

std::vector<Problem> Reader::take_problems() {
  std::sort(problems_.begin(), problems_.end(), [](const Problem& a, const Problem& b) {
    return std::tie(a.position.line, a.position.column, a.key, a.message) < std::tie(b.position.line, b.position.column, b.key, b.message);
  });
  return std::move(problems_);
}

}  // namespace openunison::config
