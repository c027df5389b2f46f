// SPDX-License-Identifier: Apache-2.0
//
// Clients (relying parties) of one provider, and how they prove who they are. Immutable;
// thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "config/values.h"
#include "crypto/hash.h"
#include "http/message.h"
#include "oidc/error.h"
#include "text/form.h"

namespace openunison::oidc {

struct Client {
  std::string id, label;
  bool is_public = false;
  std::optional<crypto::Sha256>
      secret_hash;  // of confidential clients; absent: none is configured, nobody gets in
  std::vector<std::string> redirect_uris, post_logout_redirect_uris;
  // Loopback redirects with any port (RFC 8252 §7.3), for native programs: the hosts 127.0.0.1,
  // [::1] and localhost with exactly one of these paths.
  std::vector<std::string> loopback_paths;
  bool numeric_loopback = false;             // not localhost (§8.3)
  std::vector<std::string> az_groups;        // empty: everyone who may sign in
  const config::Cluster* cluster = nullptr;  // set: its tokens are credentials of that cluster

  bool is_command_line = false;        // kubectl oulogin's: its tokens are for us alone
  bool may_wait_for_device = false;    // device authorization (RFC 8628)
  bool may_send_password = false;      // of built-in users (RFC 6749 §4.3)
  bool may_exchange = false;           // an access token of kubectl oulogin's (RFC 8693)
  bool must_push = false;              // takes authorization requests by RFC 9126 only
  std::string backchannel_logout_uri;  // empty: it isn't told when a sign-in ends
  bool logout_names_session = true;    // its logout tokens have `sid`

  // RFC 9700 §2.1: exact string comparison; only the port of a loopback address may vary.
  bool allows_redirect(std::string_view uri) const;
  bool allows_post_logout_redirect(std::string_view uri) const;
  // What is granted of the scopes asked for. A cluster's client gets all that its tokens need,
  // asked or not, since kubectl's built-in provider asks for nothing when it refreshes.
  std::string grant_scope(std::string_view requested) const;
  // What a session of it is called: "kubectl oulogin on build-7". `device_name`: empty if it said
  // none.
  std::string session_label(std::string_view device_name) const;
};

// The built-in public client of a cluster, whose client id is the audience of its tokens.
Client cluster_client(const config::Cluster& cluster);
// The built-in public client of kubectl oulogin. Its tokens say who somebody is, to the portal and
// to token exchange: no API server has its client id as an audience.
Client command_line_client();
// A client from values. `secret`: the file CLIENT_<id>; empty for public ones.
Client configured_client(const config::Client& settings, const Secret& secret);

class Clients {
 public:
  explicit Clients(std::vector<Client> clients) : clients_(std::move(clients)) {}
  const Client* find(std::string_view id) const;

  // RFC 6749 §2.3: client_secret_basic, client_secret_post or none; one method a request. Basic
  // with an empty secret counts as none for public clients: kubectl's built-in provider sends it
  // first. The time taken doesn't tell an unknown client from a wrong secret.
  std::expected<const Client*, OAuthError> authenticate(const http::Request& request,
                                                        const text::Form& form) const;

 private:
  std::vector<Client> clients_;
};

}  // namespace openunison::oidc
