// SPDX-License-Identifier: Apache-2.0
//
// application/x-www-form-urlencoded: queries and POST bodies. Order and duplicates are kept, so
// that a caller can refuse a repeated parameter (RFC 6749 §3.1).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace openunison::text {

class Form {
 public:
  // ≤ 256 parameters; broken percent escapes, NUL and invalid UTF-8 are refused. Error: bad_form.
  static Result<Form> parse(std::string_view encoded);

  // The first value, if any.
  std::optional<std::string_view> get(std::string_view name) const;
  // "" where absent.
  std::string_view value(std::string_view name) const {
    return get(name).value_or(std::string_view());
  }
  // The name of some parameter given more than once, if any.
  std::optional<std::string> repeated() const;
  std::size_t count(std::string_view name) const;

  void add(std::string name, std::string value) {
    fields_.emplace_back(std::move(name), std::move(value));
  }
  const std::vector<std::pair<std::string, std::string>>& fields() const { return fields_; }
  std::string encode() const;

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

}  // namespace openunison::text
