// SPDX-License-Identifier: Apache-2.0
//
// BackchannelLogout: tells clients that a sign-in has ended (OpenID Connect Back-Channel Logout 1.0
// §2.4, §2.5). Never for the audience of a cluster: to an API server a logout token would be a
// credential (docs/design.md, decision 7). Whoever ends a session waits for nothing here: a notice
// is queued, at most `share` of one client and `limit` of all, and delivered by four coroutines a
// client at most, so that a slow client neither holds up another nor takes its places. What a
// client's server can't take now is tried again, later and later, with a new token each time, for
// about a quarter of an hour; what has waited longer behind others is given up. A client that wants
// no `sid` gets one notice for all sessions of a sign-in. The queue is in memory: a restart loses
// what still waits, and a client's own session must have an end of its own. Thread-safe. What it
// was given outlives the runtime's threads.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "crypto/random.h"
#include "identity/fetcher.h"
#include "jose/key_ring.h"
#include "net/runtime.h"
#include "oidc/client.h"
#include "store/records.h"

namespace openunison::oidc {

struct BackchannelLogoutOptions {
  std::string issuer;
  std::size_t limit = 10'000;
  std::size_t share = 10'000;  // of `limit`: of one client
  Millis timeout{5'000};       // of one delivery
  // How long to wait after each that failed; after the last the notice is given up.
  std::vector<Millis> delays{Millis(1'000), Millis(5'000), Millis(30'000), Millis(120'000),
                             Millis(600'000)};
  // A notice isn't begun to be sent this long after the sign-out.
  Millis give_up_after{1'200'000};
};

class BackchannelLogout {
 public:
  // `fetch` may be empty: then nothing is sent.
  BackchannelLogout(BackchannelLogoutOptions options, identity::Fetcher fetch, jose::KeyRing& keys,
                    crypto::Random& random, const Clock& clock);
  ~BackchannelLogout();

  // That this session of `client`'s is over. Nothing for a client without an address for it.
  void notify(const Client& client, const store::Live& ended, const net::Executor& executor);
  // Notices that are being delivered or are next; those that wait for another try don't count.
  std::size_t in_hand() const;

  // §2.4: the claims of a logout token.
  static std::string claims(std::string_view issuer, std::string_view client_id,
                            std::string_view subject, std::string_view sid, std::string_view jti,
                            WallTime now);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace openunison::oidc
