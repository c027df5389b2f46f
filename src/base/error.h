// SPDX-License-Identifier: Apache-2.0
//
// Error: what went wrong, as a code that a program decides on and a sentence that a person reads.
// Each module has one enum of codes and one ErrorCategory; code compares the enum, never the text.
// A message never holds a secret, a token or a cookie value.
#pragma once

#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace openunison {

class [[nodiscard]] Error {
 public:
  // `message` says what was wrong, where, and where it helps what to do; one sentence, no newline.
  Error(std::error_code code, std::string message) : code_(code), message_(std::move(message)) {}

  template <class Enum>
    requires std::is_error_code_enum_v<Enum>
  Error(Enum code, std::string message) : Error(make_error_code(code), std::move(message)) {}

  std::error_code code() const { return code_; }
  const std::string& message() const { return message_; }

  template <class Enum>
    requires std::is_error_code_enum_v<Enum>
  bool is(Enum code) const {
    return code_ == make_error_code(code);
  }

  // The same error, seen from a caller that knows more: "reading values.yaml: <message>".
  Error with_context(std::string_view context) const {
    return Error(code_, std::string(context) + ": " + message_);
  }

 private:
  std::error_code code_;
  std::string message_;
};

// A category for one module's enum. `texts[i]` is the name of the enumerator with value i + 1.
class ErrorCategory final : public std::error_category {
 public:
  constexpr ErrorCategory(const char* name, const char* const* texts, int count)
      : name_(name), texts_(texts), count_(count) {}
  const char* name() const noexcept override { return name_; }
  std::string message(int value) const override {
    return value >= 1 && value <= count_ ? texts_[value - 1] : "unknown";
  }

 private:
  const char* name_;
  const char* const* texts_;
  int count_;
};

}  // namespace openunison
