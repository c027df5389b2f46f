// SPDX-License-Identifier: Apache-2.0
//
// JSON (RFC 8259), strict: UTF-8 only, no duplicate names, depth ≤ 32, at most
// 1,024 names an object, finite numbers. Json is an
// immutable value once built; objects keep their order. JsonWriter appends compact JSON to a string
// without building a tree; the token path uses it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace openunison::text {

class Json {
 public:
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Object = std::vector<Member>;  // names are unique

  Json() : value_(nullptr) {}
  Json(std::nullptr_t) : value_(nullptr) {}
  Json(bool value) : value_(value) {}
  Json(double value) : value_(value) {}
  template <class Integer>
    requires std::is_integral_v<Integer>
  Json(Integer value) : value_(static_cast<std::int64_t>(value)) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  Json(Object value) : value_(std::move(value)) {}

  // Error bad_json: "line 3, column 7: ...". `max_bytes` guards the caller's memory.
  static Result<Json> parse(std::string_view text, std::size_t max_bytes = 1 << 20);

  bool is_null() const { return std::holds_alternative<std::nullptr_t>(value_); }
  const bool* boolean() const { return std::get_if<bool>(&value_); }
  const std::int64_t* integer() const { return std::get_if<std::int64_t>(&value_); }
  // Integers and fractions alike.
  std::optional<double> number() const;
  const std::string* string() const { return std::get_if<std::string>(&value_); }
  std::string* string() { return std::get_if<std::string>(&value_); }
  const Array* array() const { return std::get_if<Array>(&value_); }
  Array* array() { return std::get_if<Array>(&value_); }
  const Object* object() const { return std::get_if<Object>(&value_); }
  Object* object() { return std::get_if<Object>(&value_); }

  // A member of an object, or nullptr (also where this is no object).
  const Json* find(std::string_view name) const;
  // The member as a string, if it is one.
  const std::string* find_string(std::string_view name) const;
  // Sets or replaces a member; makes this an object if it is null.
  void set(std::string_view name, Json value);

  std::string dump() const;         // compact
  std::string dump_pretty() const;  // two spaces, for people

  bool operator==(const Json&) const = default;

 private:
  std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, Array, Object> value_;
};

// Escapes so that the result is valid JSON and safe inside HTML as well ('<', '>', '&', U+2028/9).
// Invalid UTF-8 becomes U+FFFD.
void append_json_string(std::string& out, std::string_view value);

// JsonWriter w(out); w.begin_object(); w.member("iss", issuer); ...; w.end_object();
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}
  JsonWriter& begin_object();
  JsonWriter& end_object();
  JsonWriter& begin_array();
  JsonWriter& end_array();
  JsonWriter& key(std::string_view name);
  JsonWriter& value(std::string_view v);
  JsonWriter& value(const char* v) { return value(std::string_view(v)); }
  JsonWriter& value(const std::string& v) { return value(std::string_view(v)); }
  JsonWriter& value(std::int64_t v);
  JsonWriter& value(int v) { return value(static_cast<std::int64_t>(v)); }
  JsonWriter& value(bool v);
  JsonWriter& value(const Json& v);
  template <class T>
  JsonWriter& member(std::string_view name, T&& v) {
    return key(name).value(std::forward<T>(v));
  }

 private:
  void separate();
  std::string& out_;
  bool need_comma_ = false;
};

}  // namespace openunison::text
