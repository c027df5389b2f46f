// SPDX-License-Identifier: Apache-2.0
//
// The value and the writers. Parsing is in json_parse.cc, the one file that includes Boost.JSON.
#include "text/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/scan.h"

namespace openunison::text {
namespace {

// What can't stand for itself inside a JSON string as we write it.
constexpr auto is_special = [](unsigned char c) {
  return (c < 0x20) | (c >= 0x7f) | (c == '"') | (c == '\\') | (c == '<') | (c == '>') |
         (c == '&') | (c == '\'');
};

void append_escaped_byte(std::string& out, unsigned char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    case '\'':
      out += '\'';
      return;
    default:
      out += fmt::format("\\u{:04x}", c);
  }
}

void append_value(std::string& out, const Json& value, int indent, int depth);

template <class Items, class AppendItem>
void append_items(std::string& out, char open, char close, const Items& items, int indent,
                  int depth, AppendItem append) {
  out += open;
  bool first = true;
  for (const auto& item : items) {
    if (!first) out += ',';
    first = false;
    if (indent > 0) out += "\n" + std::string(static_cast<std::size_t>(indent * (depth + 1)), ' ');
    append(item);
  }
  if (indent > 0 && !items.empty())
    out += "\n" + std::string(static_cast<std::size_t>(indent * depth), ' ');
  out += close;
}

void append_value(std::string& out, const Json& value, int indent, int depth) {
  if (value.is_null()) {
    out += "null";
  } else if (const bool* boolean = value.boolean()) {
    out += *boolean ? "true" : "false";
  } else if (const std::int64_t* integer = value.integer()) {
    out += std::to_string(*integer);
  } else if (const std::string* string = value.string()) {
    append_json_string(out, *string);
  } else if (const Json::Array* array = value.array()) {
    append_items(out, '[', ']', *array, indent, depth,
                 [&](const Json& item) { append_value(out, item, indent, depth + 1); });
  } else if (const Json::Object* object = value.object()) {
    append_items(out, '{', '}', *object, indent, depth, [&](const Json::Member& member) {
      append_json_string(out, member.first);
      out += indent > 0 ? ": " : ":";
      append_value(out, member.second, indent, depth + 1);
    });
  } else {
    const double number = value.number().value_or(0) + 0.0;  // -0 is written as 0
    out += std::isfinite(number) ? fmt::format("{}", number) : "null";
  }
}

}  // namespace

std::optional<double> Json::number() const {
  if (const auto* integer = std::get_if<std::int64_t>(&value_))
    return static_cast<double>(*integer);
  if (const auto* number = std::get_if<double>(&value_)) return *number;
  return std::nullopt;
}

const Json* Json::find(std::string_view name) const {
  if (const Object* members = object()) {
    for (const Member& member : *members) {
      if (member.first == name) return &member.second;
    }
  }
  return nullptr;
}

const std::string* Json::find_string(std::string_view name) const {
  const Json* member = find(name);
  return member != nullptr ? member->string() : nullptr;
}

void Json::set(std::string_view name, Json value) {
  if (is_null()) value_ = Object();
  Object& members = *object();
  const auto found = std::find_if(members.begin(), members.end(),
                                  [&](const Member& member) { return member.first == name; });
  if (found != members.end()) {
    found->second = std::move(value);
  } else {
    members.emplace_back(std::string(name), std::move(value));
  }
}

std::string Json::dump() const {
  std::string out;
  append_value(out, *this, 0, 0);
  return out;
}

std::string Json::dump_pretty() const {
  std::string out;
  append_value(out, *this, 2, 0);
  return out + "\n";
}

void append_json_string(std::string& out, std::string_view value) {
  out += '"';
  std::size_t at = 0;
  while (at < value.size()) {
    const std::size_t end = at + plain_length(value.substr(at), is_special);
    out.append(value, at, end - at);
    if (end == value.size()) break;
    const auto c = static_cast<unsigned char>(value[end]);
    at = end + 1;
    if (c < 0x80) {
      append_escaped_byte(out, c);
      continue;
    }
    const std::string_view rest = value.substr(end);
    const std::size_t length = utf8_sequence(rest);
    if (length == 0) {
      out += "\\ufffd";
    } else if (rest.starts_with("\xe2\x80\xa8")) {
      out += "\\u2028";
      at = end + length;
    } else if (rest.starts_with("\xe2\x80\xa9")) {
      out += "\\u2029";
      at = end + length;
    } else {
      out += rest.substr(0, length);
      at = end + length;
    }
  }
  out += '"';
}

void JsonWriter::separate() {
  if (need_comma_) out_ += ',';
  need_comma_ = true;
}

JsonWriter& JsonWriter::begin_object() {
  separate();
  out_ += '{';
  need_comma_ = false;
  return *this;
}
JsonWriter& JsonWriter::end_object() {
  out_ += '}';
  need_comma_ = true;
  return *this;
}
JsonWriter& JsonWriter::begin_array() {
  separate();
  out_ += '[';
  need_comma_ = false;
  return *this;
}
JsonWriter& JsonWriter::end_array() {
  out_ += ']';
  need_comma_ = true;
  return *this;
}
JsonWriter& JsonWriter::key(std::string_view name) {
  separate();
  append_json_string(out_, name);
  out_ += ':';
  need_comma_ = false;
  return *this;
}
JsonWriter& JsonWriter::value(std::string_view v) {
  separate();
  append_json_string(out_, v);
  return *this;
}
JsonWriter& JsonWriter::value(std::int64_t v) {
  separate();
  out_ += fmt::format_int(v).str();
  return *this;
}
JsonWriter& JsonWriter::value(bool v) {
  separate();
  out_ += v ? "true" : "false";
  return *this;
}
JsonWriter& JsonWriter::value(const Json& v) {
  separate();
  append_value(out_, v, 0, 0);
  return *this;
}

}  // namespace openunison::text
