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

using text::Position;
using text::Yaml;

constexpr std::size_t kMaxShown = 80;
// Looking for the nearest name costs; a file with more unknown keys than this isn't a values file.
constexpr int kMaxSuggestions = 100;

std::optional<bool> parse_boolean(const Yaml& value) {
  if (value.kind != Yaml::Kind::scalar || value.quoted) return std::nullopt;
  if (value.scalar == "true" || value.scalar == "True") return true;
  if (value.scalar == "false" || value.scalar == "False") return false;
  return std::nullopt;
}

std::optional<std::int64_t> parse_integer(const Yaml& value) {
  if (value.kind != Yaml::Kind::scalar) return std::nullopt;
  const std::string& text = value.scalar;
  std::int64_t number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool in_bounds(const Key& key, std::int64_t number) {
  return key.max == 0 || (number >= key.min && number <= key.max);
}

bool has_bad_control(const Key& key, std::string value) {
  if (key.type == Type::block) std::erase_if(value, [](char c) { return c == '\n' || c == '\r'; });
  return text::has_control(value);
}

bool is_good_string(const Key& key, const std::string& value) {
  return !has_bad_control(key, value) && (key.choices.empty() || has_choice(key.choices, value));
}

const char* type_name(Type type) {
  switch (type) {
    case Type::string:
    case Type::block:
      return "text";
    case Type::boolean:
      return "true or false";
    case Type::integer:
      return "a whole number";
    case Type::strings:
      return "a list of text";
    case Type::map:
      return "a map";
    case Type::list:
      return "a list of maps";
    case Type::anything:
      break;
  }
  return "a value";
}

std::string joined(std::string_view prefix, std::string_view path) {
  if (prefix.empty()) return std::string(path);
  return std::string(prefix) + "." + std::string(path);
}

// Whether one is the other with something before or after it, as hostname is of host; short and
// much longer names say nothing.
bool is_extension(std::string_view one, std::string_view other) {
  constexpr std::size_t kLeast = 6;
  if (one.size() > other.size()) std::swap(one, other);
  if (one.size() < kLeast || one.size() * 2 < other.size()) return false;
  return other.starts_with(one) || other.ends_with(one);
}

// Whether a refused key asks for what happens here anyway.
bool is_harmless(const Key& key, const Yaml& value) {
  if (value.kind == Yaml::Kind::null) return true;
  if (value.kind == Yaml::Kind::sequence) return value.items.empty();
  if (value.kind == Yaml::Kind::map) return value.entries.empty();
  if (key.type != Type::boolean && value.scalar.empty()) return true;
  if (!key.harmless.empty()) return has_choice(key.harmless, value.scalar);
  return parse_boolean(value) == false;
}

}  // namespace

std::string shown_text(std::string_view text) {
  std::string out(text.substr(0, kMaxShown));
  while (!text::valid_utf8(out)) out.pop_back();  // cut inside a character
  if (text::has_control(out)) {
    std::replace_if(out.begin(), out.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  }
  if (text.size() > kMaxShown) out += "...";
  return out;
}

bool Reader::is_wrong(std::string_view key) const {
  while (!key.empty()) {
    if (wrong_.contains(key)) return true;
    const std::size_t end = key.find_last_of(".[");
    key = end == std::string_view::npos ? std::string_view() : key.substr(0, end);
  }
  return false;
}

void Reader::error(Position at, std::string key, std::string message) {
  if (is_wrong(key)) return;
  wrong_.insert(key);
  problems_.push_back({Severity::error, file_, at, std::move(key), std::move(message)});
}

void Reader::warning(Position at, std::string key, std::string message) {
  problems_.push_back({Severity::warning, file_, at, std::move(key), std::move(message)});
}

void Reader::check() {
  if (root_.kind == Yaml::Kind::null) return;
  if (root_.kind != Yaml::Kind::map) {
    return error(root_.position, "values", "the file must be a map of keys");
  }
  check_map(root_, "", "");
}

void Reader::check_map(const Yaml& map, const std::string& schema_path,
                       const std::string& shown_path) {
  for (const Yaml::Entry& entry : map.entries) {
    const std::string shown = joined(shown_path, shown_text(entry.key));
    // A dot in a key would look like the path of a nested one.
    const bool plain = entry.key.find_first_of(".[") == std::string::npos;
    const Key* key = plain ? find_key(joined(schema_path, entry.key)) : nullptr;
    if (key == nullptr) {
      unknown_key(entry, schema_path, shown);
    } else {
      check_entry(*key, entry, shown);
    }
  }
}

void Reader::check_entry(const Key& key, const Yaml::Entry& entry, const std::string& shown) {
  if (key.status == Status::ignored) {
    return warning(entry.position, shown, "is ignored. " + std::string(key.meaning));
  }
  if (key.status == Status::refused) {
    if (!is_harmless(key, entry.value)) {
      error(entry.position, shown, "is refused. " + std::string(key.meaning));
    }
    return;
  }
  check_value(key, entry.value, shown);
}

void Reader::check_value(const Key& key, const Yaml& value, const std::string& shown) {
  if (value.kind == Yaml::Kind::null) return;
  switch (key.type) {
    case Type::anything:
      return;
    case Type::map:
      if (value.kind == Yaml::Kind::map) return check_map(value, std::string(key.path), shown);
      break;
    case Type::list:
    case Type::strings:
      if (value.kind == Yaml::Kind::sequence) return check_list(key, value, shown);
      break;
    case Type::boolean:
    case Type::integer:
    case Type::string:
    case Type::block:
      if (value.kind == Yaml::Kind::scalar) return check_scalar(key, value, shown);
      break;
  }
  error(value.position, shown, fmt::format("must be {}", type_name(key.type)));
}

void Reader::check_list(const Key& key, const Yaml& value, const std::string& shown) {
  for (std::size_t i = 0; i < value.items.size(); ++i) {
    const Yaml& item = value.items[i];
    const std::string item_shown = fmt::format("{}[{}]", shown, i);
    if (key.type == Type::list) {
      if (item.kind != Yaml::Kind::map) {
        error(item.position, item_shown, "must be a map");
      } else {
        check_map(item, std::string(key.path) + "[]", item_shown);
      }
    } else if (item.kind != Yaml::Kind::scalar || item.scalar.empty()) {
      error(item.position, item_shown, "must be text");
    } else if (text::has_control(item.scalar)) {
      error(item.position, item_shown, "must not have control characters");
    }
  }
}

void Reader::check_scalar(const Key& key, const Yaml& value, const std::string& shown) {
  const Position at = value.position;
  if (key.type == Type::boolean && !parse_boolean(value)) {
    return error(at, shown, "must be true or false, without quotes");
  }
  if (key.type == Type::integer) {
    const auto number = parse_integer(value);
    if (!number) return error(at, shown, "must be a whole number");
    if (!in_bounds(key, *number)) {
      error(at, shown, fmt::format("must be from {} to {}", key.min, key.max));
    }
  }
  const bool is_text = key.type == Type::string || key.type == Type::block;
  if (!is_text || is_good_string(key, value.scalar)) return;
  if (has_bad_control(key, value.scalar))
    return error(at, shown, "must not have control characters");
  std::string known;
  for_each_choice(key.choices, [&](std::string_view choice) {
    known += (known.empty() ? "" : ", ") + std::string(choice);
  });
  error(at, shown, "must be one of: " + known);
}

void Reader::unknown_key(const Yaml::Entry& entry, const std::string& schema_path,
                         const std::string& shown) {
  std::string message = "unknown key";
  if (++suggestions_ <= kMaxSuggestions && entry.key.size() <= kMaxShown) {
    const std::string prefix = schema_path.empty() ? "" : schema_path + ".";
    std::vector<std::string_view> siblings;
    std::string elsewhere, extended;
    std::size_t common = 0;
    for (const Key& key : schema()) {
      const std::string_view leaf = key.path.substr(key.path.rfind('.') + 1);
      if (elsewhere.empty() && (leaf == entry.key || key.path == entry.key)) elsewhere = key.path;
      if (key.path.size() == prefix.size() + leaf.size() && key.path.starts_with(prefix)) {
        siblings.push_back(leaf);
      }
      if (is_extension(leaf, entry.key) && std::min(leaf.size(), entry.key.size()) > common) {
        common = std::min(leaf.size(), entry.key.size());
        extended = key.path;
      }
    }
    const std::string_view nearest = text::nearest(entry.key, siblings.data(), siblings.size());
    if (!nearest.empty()) elsewhere = prefix + std::string(nearest);
    if (elsewhere.empty()) elsewhere = extended;
    if (entry.key.find("secret") != std::string::npos && elsewhere.empty()) {
      message +=
          "; secrets don't stand in values: write it to a file of --secrets, such as "
          "OIDC_CLIENT_SECRET";
    } else if (elsewhere == entry.key) {
      message += "; write its parts as maps inside each other";
    } else if (!elsewhere.empty()) {
      message += "; did you mean " + elsewhere + "?";
    }
  }
  error(entry.position, shown, std::move(message));
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

Position Reader::position(const Yaml& item, std::string_view path, Position otherwise) const {
  const Yaml* at = &item;
  Position nearest = otherwise;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('.'), path.size());
    const auto entry = std::ranges::find(at->entries, path.substr(0, end), &Yaml::Entry::key);
    if (entry == at->entries.end()) return nearest;
    path.remove_prefix(std::min(end + 1, path.size()));
    at = &entry->value;
    nearest = entry->position;
  }
  return at->kind == Yaml::Kind::null || at == &item ? nearest : at->position;
}

Position Reader::key_position(std::string_view key) const {
  const auto entry = std::ranges::find(root_.entries, key, &Yaml::Entry::key);
  return entry != root_.entries.end() ? entry->position : Position{1, 1};
}

std::string Reader::string(const Yaml& item, std::string_view prefix, std::string_view path) const {
  const Key* key = find_key(joined(prefix, path));
  const Yaml* value = find(item, path);
  if (value != nullptr && value->kind == Yaml::Kind::scalar &&
      (key == nullptr || is_good_string(*key, value->scalar))) {
    return value->scalar;
  }
  return key != nullptr ? std::string(key->fallback) : std::string();
}

bool Reader::boolean(const Yaml& item, std::string_view prefix, std::string_view path) const {
  const Yaml* value = find(item, path);
  const auto parsed = value != nullptr ? parse_boolean(*value) : std::nullopt;
  if (parsed) return *parsed;
  const Key* key = find_key(joined(prefix, path));
  return key != nullptr && key->fallback == "true";
}

std::int64_t Reader::integer(const Yaml& item, std::string_view prefix,
                             std::string_view path) const {
  const Key* key = find_key(joined(prefix, path));
  if (key == nullptr) return 0;
  const Yaml* value = find(item, path);
  const auto number = value != nullptr ? parse_integer(*value) : std::nullopt;
  if (number && in_bounds(*key, *number)) return *number;
  Yaml fallback;
  fallback.kind = Yaml::Kind::scalar;
  fallback.scalar = key->fallback;
  return parse_integer(fallback).value_or(0);
}

std::vector<std::string> Reader::strings(const Yaml& item, std::string_view path) const {
  std::vector<std::string> all;
  const Yaml* value = find(item, path);
  if (value == nullptr) return all;
  for (const Yaml& each : value->items) {
    if (each.kind == Yaml::Kind::scalar) all.push_back(each.scalar);
  }
  return all;
}

std::vector<Problem> Reader::take_problems() {
  std::ranges::sort(problems_, {}, [](const Problem& problem) {
    return std::tie(problem.position.line, problem.position.column, problem.key, problem.message);
  });
  return std::move(problems_);
}

}  // namespace openunison::config
