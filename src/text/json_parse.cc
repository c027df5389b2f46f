// SPDX-License-Identifier: Apache-2.0
//
// Json::parse, a handler on Boost.JSON's streaming parser: the ready-made one keeps the last of
// duplicate names and takes 1e400.
#include <fmt/format.h>

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/src.hpp>
#include <cmath>
#include <limits>

#include "text/error.h"
#include "text/json.h"

namespace openunison::text {
namespace {

namespace bj = boost::json;

constexpr std::size_t kMaxDepth = 32;
constexpr std::size_t kMaxMembers = 1024;  // of one object
constexpr std::size_t kFirstRoom = 8;      // members and items

// Builds the tree on a stack of open containers. Every on_* returns false, with `why` set, to stop.
struct Handler {
  static constexpr std::size_t max_object_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_array_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_key_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_string_size = std::numeric_limits<std::size_t>::max();

  struct Open {
    Json value;
    std::string name;  // of the member being read, in an object
  };
  std::vector<Open> open;
  Json root;
  std::string text;
  const char* why = nullptr;

  bool stop(const char* reason, bj::error_code& code) {
    why = reason;
    code = bj::error::syntax;
    return false;
  }
  // Growing from one moves everything again and again.
  template <class T>
  static std::vector<T>& with_room(std::vector<T>& items) {
    if (items.empty()) items.reserve(kFirstRoom);
    return items;
  }
  void put(Json value) {
    if (open.empty()) {
      root = std::move(value);
    } else if (Json::Object* object = open.back().value.object()) {
      with_room(*object).emplace_back(std::move(open.back().name), std::move(value));
    } else {
      with_room(*open.back().value.array()).push_back(std::move(value));
    }
  }
  void close() {
    Json value = std::move(open.back().value);
    open.pop_back();
    put(std::move(value));
  }

  bool on_document_begin(bj::error_code&) { return true; }
  bool on_document_end(bj::error_code&) { return true; }
  bool on_object_begin(bj::error_code&) {
    with_room(open).push_back({Json(Json::Object()), {}});
    return true;
  }
  bool on_object_end(std::size_t, bj::error_code&) {
    close();
    return true;
  }
  bool on_array_begin(bj::error_code&) {
    with_room(open).push_back({Json(Json::Array()), {}});
    return true;
  }
  bool on_array_end(std::size_t, bj::error_code&) {
    close();
    return true;
  }
  bool on_key_part(bj::string_view part, std::size_t, bj::error_code&) {
    text.append(part.data(), part.size());
    return true;
  }
  bool on_key(bj::string_view part, std::size_t, bj::error_code& code) {
    text.append(part.data(), part.size());
    // Looking for a repeated name takes longer the more there are; strangers write these.
    if (open.back().value.object()->size() >= kMaxMembers)
      return stop("an object has too many names", code);
    if (open.back().value.find(text) != nullptr)
      return stop("a name is given twice in one object", code);
    open.back().name = std::exchange(text, {});
    return true;
  }
  bool on_string_part(bj::string_view part, std::size_t, bj::error_code&) {
    text.append(part.data(), part.size());
    return true;
  }
  bool on_string(bj::string_view part, std::size_t, bj::error_code&) {
    text.append(part.data(), part.size());
    put(Json(std::exchange(text, {})));
    return true;
  }
  bool on_number_part(bj::string_view, bj::error_code&) { return true; }
  bool on_int64(std::int64_t value, bj::string_view, bj::error_code&) {
    put(Json(value));
    return true;
  }
  bool on_uint64(std::uint64_t value, bj::string_view, bj::error_code&) {
    put(Json(static_cast<double>(value)));
    return true;
  }
  bool on_double(double value, bj::string_view, bj::error_code& code) {
    if (!std::isfinite(value)) return stop("a number is out of range", code);
    put(Json(value));
    return true;
  }
  bool on_bool(bool value, bj::error_code&) {
    put(Json(value));
    return true;
  }
  bool on_null(bj::error_code&) {
    put(Json(nullptr));
    return true;
  }
  bool on_comment_part(bj::string_view, bj::error_code&) { return true; }
  bool on_comment(bj::string_view, bj::error_code&) { return true; }
};

std::string place(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t start = before.rfind('\n');
  const std::size_t column = before.size() - (start == std::string_view::npos ? 0 : start + 1) + 1;
  return fmt::format("line {}, column {}", line, column);
}

}  // namespace

Result<Json> Json::parse(std::string_view text, std::size_t max_bytes) {
  if (text.size() > max_bytes)
    return fail(Errc::bad_json, fmt::format("the JSON is over {} bytes", max_bytes));
  bj::parse_options options;
  options.max_depth = kMaxDepth;
  bj::basic_parser<Handler> parser(options);
  bj::error_code code;
  const std::size_t read = parser.write_some(false, text.data(), text.size(), code);
  if (code || !parser.done() || read != text.size()) {
    const char* why = parser.handler().why;
    const std::string reason = why != nullptr       ? why
                               : code               ? code.message()
                               : read < text.size() ? "there is more after the end"
                                                    : "it ends too early";
    return fail(Errc::bad_json, place(text, read) + ": not valid JSON: " + reason);
  }
  return std::move(parser.handler().root);
}

}  // namespace openunison::text
