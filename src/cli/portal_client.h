// SPDX-License-Identifier: Apache-2.0
//
// PortalClient: what the plugin and a portal say to each other: /.well-known/openunison, the
// provider's endpoints (RFC 6749, 7009, 8628, 8693), the account. Answers are parsed strictly, but
// unknown members are passed over, so that a newer portal is understood. One thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"
#include "cli/boot_clock.h"
#include "cli/error.h"
#include "cli/host.h"
#include "cli/trace.h"
#include "http/client.h"

namespace openunison::cli {

// What /.well-known/openunison says, and what it may say: everything is at the host that was asked.
struct Portal {
  std::string name, origin, issuer, client_id, account_endpoint, sign_out_endpoint;
  std::string workload_endpoint;  // "": it takes no tokens of other issuers
  bool takes_passwords = false;   // of built-in users
};

struct Tokens {
  std::string access_token;
  Secret id_token, refresh_token;
  Seconds id_token_life{0};  // by the token itself: exp - iat
  BootTime asked;            // before the request was sent
  std::string nonce;         // of the ID token
};

struct ClusterAccess {
  std::string name, label, server, server_ca_pem, issuer, issuer_ca_pem, client_id;
  std::string user_in_cluster;
};

struct Account {
  std::string user, name, provider;
  // By the portal's clock, as are the ends.
  std::int64_t now = 0, signed_in_at = 0, ends_at = 0, session_ends_at = 0;
  std::vector<ClusterAccess> clusters;
};

// Who keeps the refresh token of an exchange: kubectl's built-in provider may come with an old one
// by its own fault, and the portal is patient with it.
enum class KeptBy { us, kubectl };

// A program that nobody signs in for, by the token of another issuer that it has.
struct WorkloadAccount {
  std::string issuer, subject;
  std::int64_t now = 0, expires_at = 0;  // of that token, by the portal's clock
  std::vector<ClusterAccess> clusters;   // never empty
};

// What such a token is exchanged for.
struct WorkloadToken {
  Secret id_token;
  Seconds life{0};
  BootTime asked;  // before the request was sent
};

struct DeviceCode {
  std::string device_code, user_code, verification_uri, verification_uri_complete;
  Seconds expires_in{0}, interval{5};
};

// One HTTP exchange: http::Client in the product, a script in tests.
using Fetch = std::function<Task<Result<http::Response>>(http::ClientRequest)>;

struct PortalClientOptions {
  std::string authority_pem;  // trusted beside the system's roots
  std::string proxy;          // "http://host:port"; empty: none
  std::vector<std::string> no_proxy;
  std::string device_name;  // "build-7"
  Trace trace;
};

class PortalClient {
 public:
  // Error: untrusted, where authority_pem isn't a certificate.
  static Result<std::unique_ptr<PortalClient>> create(net::Runtime& runtime,
                                                      PortalClientOptions options,
                                                      const BootClock& clock);

  PortalClient(Fetch fetch, std::string device_name, const BootClock& clock, Trace trace = {})
      : fetch_(std::move(fetch)),
        device_name_(std::move(device_name)),
        clock_(clock),
        trace_(std::move(trace)) {}

  // All: Errors unreachable, untrusted, bad_answer besides those that are named.

  // Errors: not_a_portal, access_denied (this portal lets no plugins in).
  Task<Result<Portal>> discover(Host host);
  // The same for programs. Errors: not_a_portal, access_denied (this portal takes no tokens of
  // others).
  Task<Result<Portal>> discover_for_workloads(Host host);
  // RFC 6749 §4.1.3 with PKCE. Errors: session_over (the code isn't taken), access_denied.
  Task<Result<Tokens>> redeem(Portal portal, std::string code, std::string redirect_uri,
                              std::string verifier);
  // RFC 6749 §4.3. Error: access_denied (a wrong password too).
  Task<Result<Tokens>> send_password(Portal portal, std::string user, Secret password);
  // RFC 6749 §6. Error: session_over.
  Task<Result<Tokens>> refresh(std::string issuer, std::string client_id, std::string token);
  // RFC 8693: for a cluster, by an access token of ours. Errors: session_over, access_denied.
  Task<Result<Tokens>> exchange(ClusterAccess cluster, std::string access_token,
                                KeptBy kept_by = KeptBy::us);
  // What a token of another issuer opens at `workload_endpoint`. Error: token_refused.
  Task<Result<WorkloadAccount>> workload(std::string endpoint, std::string token);
  // RFC 8693: for a cluster, by a token of another issuer. Errors: token_refused, access_denied.
  Task<Result<WorkloadToken>> exchange_workload(std::string issuer, std::string client_id,
                                                std::string token);
  // RFC 8628. Error: access_denied (not offered here).
  Task<Result<DeviceCode>> ask_for_code(Portal portal);
  // One poll. Errors: authorization_pending, slow_down, expired, access_denied.
  Task<Result<Tokens>> poll(Portal portal, std::string device_code);
  // RFC 7009.
  Task<Result<void>> revoke(std::string issuer, std::string client_id, std::string token);
  // Error: session_over.
  Task<Result<Account>> account(std::string endpoint, std::string access_token);
  Task<Result<void>> sign_out(std::string endpoint, std::string access_token);

 private:
  Task<Result<Portal>> describe(Host host);
  Task<Result<http::Response>> fetch(http::ClientRequest request);
  // With an access token, at the account or to sign out.
  Task<Result<http::Response>> ask(std::string method, std::string endpoint,
                                   std::string access_token);
  Task<Result<http::Response>> post(std::string url, std::string body);
  Task<Result<Tokens>> ask_for_tokens(std::string issuer, std::string form, std::string audience);

  Fetch fetch_;
  std::string device_name_;
  const BootClock& clock_;
  Trace trace_;
};

}  // namespace openunison::cli
