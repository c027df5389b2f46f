// SPDX-License-Identifier: Apache-2.0
//
// What the provider needs of the portal and the portal of the provider, without either knowing the
// other: error pages for people, and what stands behind an address that a sign-in returns to.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "http/message.h"

namespace openunison::session {

// Pages that a person sees when something in a redirect can't go on. Implemented by the portal.
class ErrorPages {
 public:
  virtual ~ErrorPages() = default;
  // `error.message()` is shown; status and advice are chosen by its code.
  virtual http::Response error_page(const http::Request& request, const Error& error) const = 0;
};

// Where a sign-in will lead. Implemented by the provider.
struct ReturnTarget {
  std::string label;   // the client's name, for people
  std::string origin;  // of its validated redirect address: goes into the form's CSP
};
class ReturnTargets {
 public:
  virtual ~ReturnTargets() = default;
  // nullopt: a page of our own, or not a valid authorization request.
  virtual std::optional<ReturnTarget> describe(std::string_view return_to) const = 0;
};

}  // namespace openunison::session
