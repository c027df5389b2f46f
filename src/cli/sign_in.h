// SPDX-License-Identifier: Apache-2.0
//
// The two ways to sign a person in: a browser on this machine that comes back to a loopback address
// (RFC 8252, with PKCE, state, nonce and iss), and a code that is confirmed on another (RFC 8628).
// Both say on the terminal what goes on, and always show the address.
#pragma once

#include <functional>
#include <string>

#include "cli/environment.h"
#include "cli/portal_client.h"
#include "cli/terminal.h"
#include "net/runtime.h"

namespace openunison::cli {

struct SignInTools {
  net::Runtime& runtime;
  PortalClient& client;
  const Environment& environment;
  Terminal& terminal;
  // Told the address before a browser gets it; may be empty.
  std::function<void(const std::string& address)> opens = {};
  Trace trace = {};
};

// Errors: access_denied (with what the person or the portal said), expired, those of PortalClient.
Result<Tokens> sign_in_by_browser(SignInTools tools, const Portal& portal);
Result<Tokens> sign_in_by_code(SignInTools tools, const Portal& portal);

// The address of the authorization request. Pure.
std::string authorization_url(const Portal& portal, std::string_view redirect_uri,
                              std::string_view state, std::string_view nonce,
                              std::string_view challenge);
// "4:05"; for what is left.
std::string minutes_and_seconds(Seconds left);

}  // namespace openunison::cli
