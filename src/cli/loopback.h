// SPDX-License-Identifier: Apache-2.0
//
// Loopback: where the browser comes back to after a sign-in (RFC 8252 §7.3): a listener for one
// GET of /callback on 127.0.0.1. The same port of [::1] listens too where it can be had, for those
// who reach this machine through a forwarded "localhost"; the redirect names the IPv4 address, and
// the IPv6 one only where there is no other. "localhost" is never named (§8.3).
//
// The first callback with the right state (compared in constant time) and the right issuer
// (RFC 9207, compared exactly) counts, once, whether it brings a code or the provider's error.
// Whatever else comes is answered and changes nothing: other paths, methods and hosts, callbacks
// of others, half requests, silence. The browser's request is held until the caller says with
// finish() how the sign-in ended, so that the page tells the truth.
//
// The code stays in the browser's history: it is used up by then, and nothing without the verifier.
//
// On the one thread of its runtime. The server writes lines to the log at level info: a program
// with a person before it sets the log to errors.
#pragma once

#include <memory>
#include <string>

#include "net/runtime.h"

namespace openunison::cli {

struct LoopbackOptions {
  std::string state;    // as it was sent: never empty
  std::string issuer;   // who must have answered
  std::string product;  // the portal's name, shown on the page
  std::string portal;   // "https://HOST[:PORT]", linked from the page; may be empty
  // How long the browser waits for finish() before its page says that the rest happens here.
  Millis hold{30'000};
};

struct Callback {
  std::string code;  // empty: the provider refused
  // The provider's words (RFC 6749 §4.1.2.1), shortened; made printable before they are shown.
  std::string error, error_description;
  bool refused() const { return code.empty(); }
};

// How the sign-in ended, for the page in the browser.
struct Outcome {
  bool signed_in = false;
  std::string user = {};     // who, where it is known
  std::string problem = {};  // one sentence, where it failed; no secrets
};

class Loopback {
 public:
  // Listens at once. Error: net::Errc::io (neither address can be had).
  static Result<std::unique_ptr<Loopback>> open(net::Runtime& runtime, LoopbackOptions options);
  // Ends at once; a page that is still held is cut off. Call finish() before.
  ~Loopback();

  // "http://127.0.0.1:PORT/callback"
  const std::string& redirect_uri() const;

  // Whether wait() would give one at once.
  bool has_callback() const;
  // The callback. Error: net::Errc::timed_out (the deadline passed; what comes later is told so).
  Task<Result<Callback>> wait(net::Deadline deadline);

  // Shows the browser how it ended, takes no more connections, and returns when the page has
  // arrived, or the deadline has passed. Also after a wait() that failed, and where the provider
  // refused: then its words are on the page already and `outcome` isn't used.
  Task<void> finish(Outcome outcome, net::Deadline deadline);

 private:
  struct Impl;
  explicit Loopback(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace openunison::cli
