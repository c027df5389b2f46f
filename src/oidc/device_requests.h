// SPDX-License-Identifier: Apache-2.0
//
// DeviceRequests: programs that wait for a person to let them in from another machine (RFC 8628),
// in memory, since they live for ten minutes: after a restart the program asks again. Bounded in
// rows and per address. Thread-safe.
//
// A device code is a secret of the program, kept as its hash; a user code is what a person reads
// there and types here, eight of twenty letters without vowels: 34 bits, which one who guesses must
// hit within ten minutes and in view of a person who would have to allow it.
#pragma once

#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/random.h"
#include "oidc/address_rows.h"
#include "store/records.h"

namespace openunison::oidc {

inline constexpr Seconds kDeviceLife{600};
inline constexpr Seconds kDeviceInterval{5};  // between two polls, and what slow_down adds

struct DeviceRequestLimits {
  std::size_t rows = 10'000;
  std::size_t per_address = 20;  // of public clients
};

class DeviceRequests {
 public:
  explicit DeviceRequests(DeviceRequestLimits limits)
      : limits_(limits), public_of_address_(limits.per_address) {}

  // Who asks, for the person who decides.
  struct Asked {
    std::string client_id, scope;
    std::string device_name;  // what the program calls its machine; may be empty
    std::string address, user_agent;
    WallTime at{};
    bool is_public = false;  // of a client without a secret, which anybody may call itself
  };
  struct Codes {
    std::string device, user;  // user: "WDJB-MJHT"
  };
  // Error: Errc::too_many.
  Result<Codes> ask(Asked asked, crypto::Random& random, MonoTime now);

  // Of an undecided request; nullopt: there is none with that code. Upper and lower case, with or
  // without the dash and spaces.
  std::optional<Asked> look(std::string_view user_code, MonoTime now);
  // `sign_in`: of who allows it; nullopt: denied. False: it is over, or was decided before.
  bool decide(std::string_view user_code, std::optional<store::SignInId> sign_in, MonoTime now);

  // Denies what `sign_in` has allowed and no program has its tokens for; nullopt: there is nothing
  // of it with that code.
  std::optional<Asked> take_back(std::string_view user_code, store::SignInId sign_in, MonoTime now);
  std::vector<Asked> take_back_all(store::SignInId sign_in);

  enum class Answer { pending, slow_down, denied, expired, unknown, allowed };
  struct Polled {
    Answer answer = Answer::unknown;
    store::SignInId sign_in;  // with `allowed`
    Asked asked;
  };
  // Of calls with one device code, one gets `allowed`; for the others the code is unknown until
  // that one has ended with finish() or, where it came to nothing, with give_back().
  Polled poll(std::string_view device_code, std::string_view client_id, MonoTime now);
  // False: it was taken back meanwhile, and the program must not get what was made for it.
  [[nodiscard]] bool finish(std::string_view device_code);
  void give_back(std::string_view device_code);

 private:
  enum class State { undecided, allowed, denied, taken };
  struct Row {
    Asked asked;
    std::string user_code;
    State state = State::undecided;
    store::SignInId sign_in;
    bool taken_back = false;  // while it is taken
    std::optional<MonoTime> last_poll;
    Seconds interval = kDeviceInterval;
    MonoTime ends;
    bool waits = true;  // else it has ended, and is kept to say so
  };
  using Rows = std::unordered_map<std::string, Row>;  // by the device code's hash
  // False: the sign-in has nothing to take back there.
  static bool take_back(Row& row, store::SignInId sign_in);
  // Not over; null: there is none.
  Row* find(std::string_view user_code, MonoTime now);
  void drop_ended(MonoTime now);
  // Counts it no more.
  void end(Rows::iterator row);
  void erase(Rows::iterator row);

  const DeviceRequestLimits limits_;
  std::mutex mutex_;
  Rows rows_;
  std::unordered_map<std::string, std::string> by_user_code_;
  std::set<std::pair<MonoTime, std::string>> by_end_, ended_;  // those that wait, and the others
  AddressRows public_of_address_;                              // that wait
  std::size_t public_rows_ = 0;                                // that wait
};

// "wdjb mjht" → "WDJB-MJHT". nullopt: it can't be a user code.
std::optional<std::string> parse_user_code(std::string_view typed);

}  // namespace openunison::oidc
