// SPDX-License-Identifier: Apache-2.0
//
// PushedRequests: authorization requests that clients sent ahead (RFC 9126), in memory, since they
// live for a minute: after a restart a client pushes again. Bounded in rows, in bytes, per address,
// and in what public clients, whose name is all that is needed to push, may take together. A
// request is used once; the sign-in that it then waits for may go on with it for a quarter of an
// hour. Thread-safe.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/random.h"
#include "oidc/address_rows.h"
#include "text/form.h"

namespace openunison::oidc {

inline constexpr std::string_view kPushedPrefix = "urn:ietf:params:oauth:request_uri:";
inline constexpr Seconds kPushedLife{60};
inline constexpr Seconds kPushedResumeLife{900};
inline constexpr std::size_t kMaxPushedBytes = 16 * 1024;

struct PushedRequestLimits {
  std::size_t rows = 10'000;
  std::size_t per_address = 100;         // of public clients
  std::size_t bytes = 16 * 1024 * 1024;  // of all parameters together
};

class PushedRequests {
 public:
  explicit PushedRequests(PushedRequestLimits limits)
      : limits_(limits), public_of_address_(limits.per_address) {}

  struct Origin {
    std::string client_id, address;
    bool is_public = false;
  };
  // The request_uri. Error: Errc::too_many.
  Result<std::string> push(Origin origin, text::Form parameters, crypto::Random& random,
                           MonoTime now);

  // All of them: nullopt where there is no such request of this client any more.
  // The first and only use.
  std::optional<text::Form> use(std::string_view uri, std::string_view client_id, MonoTime now);
  // One in use, after the sign-in that it waited for.
  std::optional<text::Form> resume(std::string_view uri, std::string_view client_id, MonoTime now);
  // Looks without using.
  std::optional<text::Form> look(std::string_view uri, std::string_view client_id, MonoTime now);
  // It has been answered.
  void finish(std::string_view uri);

 private:
  struct Row {
    Origin origin;
    text::Form parameters;
    std::size_t bytes = 0;
    bool used = false;
    MonoTime ends;
  };
  using Rows = std::unordered_map<std::string, Row>;
  Row* find(std::string_view uri, std::string_view client_id, MonoTime now);
  void drop_ended(MonoTime now);
  void erase(Rows::iterator row);

  const PushedRequestLimits limits_;
  std::mutex mutex_;
  Rows rows_;
  std::set<std::pair<MonoTime, std::string>> by_end_;
  AddressRows public_of_address_;
  std::size_t bytes_ = 0, public_rows_ = 0, public_bytes_ = 0;
};

}  // namespace openunison::oidc
