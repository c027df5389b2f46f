// SPDX-License-Identifier: Apache-2.0
//
// Secret: a string that can't be printed, logged or compared by accident, and is wiped when it
// goes.
#pragma once

#include <string>
#include <string_view>

namespace openunison {

class Secret {
 public:
  Secret() = default;
  // Also wipes what moving a short string leaves behind in the argument.
  explicit Secret(std::string value) : value_(std::move(value)) { wipe(value); }
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept : value_(std::move(other.value_)) { wipe(other.value_); }
  Secret& operator=(Secret other) noexcept {
    wipe(value_);  // a swap would leave the rest of a short value behind a shorter one
    value_ = std::move(other.value_);
    return *this;
  }
  ~Secret() { wipe(value_); }

  // The bytes, for the one call that needs them. Lives as long as this object.
  std::string_view reveal() const { return value_; }
  bool empty() const { return value_.empty(); }

  // Compare with crypto::constant_time_equal instead.
  bool operator==(const Secret&) const = delete;

 private:
  static void wipe(std::string& text);
  std::string value_;
};

}  // namespace openunison
