// SPDX-License-Identifier: Apache-2.0
//
// What the provider needs of the portal and the portal of the provider, without either knowing the
// other: pages for people, and what stands behind an address that a sign-in returns to.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "http/message.h"

namespace openunison::session {

struct Current;
struct Caller;

// Pages that a person sees when something in a redirect can't go on. Implemented by the portal.
class ErrorPages {
 public:
  virtual ~ErrorPages() = default;
  // `error.message()` is shown; status and advice are chosen by its code.
  virtual http::Response error_page(const http::Request& request, const Error& error) const = 0;
};

// An answer that the browser carries to the client as a form (OAuth 2.0 Form Post Response Mode).
struct FormPost {
  std::string action;  // the client's validated redirect address
  std::string client;  // its name, for people
  std::vector<std::pair<std::string, std::string>> fields;
};
// A question whether a client may know who is signed in, or act as that person.
struct ConsentQuestion {
  std::string client;               // its name, for people
  std::string action;               // a path of ours; the form also has the session's CSRF token
                                    // and the button's `answer`: "allow" or "deny"
  std::string origin;               // of the client's redirect address
  std::vector<std::string> learns;  // what it will know, for people
  bool is_command_line = false;     // kubectl oulogin: it acts as the person
  std::vector<std::pair<std::string, std::string>> fields;  // hidden
};
// All that the provider shows to people. Implemented by the portal.
class ProviderPages : public ErrorPages {
 public:
  // Sends itself where there is JavaScript, else has a button.
  virtual http::Response form_post_page(const http::Request& request, FormPost post) const = 0;
  virtual http::Response consent_page(const http::Request& request, const Current& current,
                                      ConsentQuestion question) const = 0;
};

// A program that waits to be let in from another machine (RFC 8628).
struct DeviceQuestion {
  std::string user_code;    // "WDJB-MJHT"
  std::string client;       // its name, for people
  std::string device_name;  // what it calls its machine; may be empty
  std::string address, user_agent;
  WallTime asked{};
};
// Who lets such programs in. Implemented by the provider.
class DeviceApprovals {
 public:
  virtual ~DeviceApprovals() = default;
  // nullopt: nothing waits with that code. Case, dashes and spaces don't matter.
  virtual std::optional<DeviceQuestion> find_device(std::string_view user_code) const = 0;
  // False: it is over, or has been decided. Errors: not_allowed, for `allow` only.
  virtual Result<bool> decide_device(std::string_view user_code, const Current& current, bool allow,
                                     const Caller& caller) const = 0;
  // Takes back what this sign-in has allowed and no program has collected yet. False: there is
  // nothing of it with that code.
  virtual bool take_back_device(std::string_view user_code, const Current& current,
                                const Caller& caller) const = 0;
  // The same for all that this sign-in has allowed.
  virtual void take_back_devices(const Current& current, const Caller& caller) const = 0;
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
