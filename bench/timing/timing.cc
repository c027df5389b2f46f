// SPDX-License-Identifier: Apache-2.0
//
// Whether the time of a refusal tells what the refusal doesn't: that a client, a user or a session
// exists. Each row measures the product's own code inside one process, where the differences are
// largest (a network only hides them), and next to it a naive version, which must be found out:
// otherwise the row could not see a leak. Ends with 1 where a row tells, or a naive one doesn't.
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "base/base64.h"
#include "base/log.h"
#include "bench/timing/statistic.h"
#include "crypto/password.h"
#include "identity/connectors.h"
#include "identity/users_file.h"
#include "oidc/client.h"
#include "tests/unit/session/fixture.h"

namespace openunison::bench {
namespace {

// What calls compute must not be optimised away.
volatile bool sink = false;

bool report(const char* what, const Comparison& result, bool should_differ) {
  const bool good = result.differs() == should_differ;
  std::printf("%-62s %10.0f %10.0f %8.3f %9.1f %7zu  %s\n", what, result.median_a, result.median_b,
              result.ratio, result.t, result.samples,
              good            ? (should_differ ? "tells, as it should" : "tells nothing")
              : should_differ ? "NOT SEEN"
                              : "TELLS");
  std::fflush(stdout);
  return good;
}

// --- Client secrets (RFC 6749 §2.3.1) ---

http::Request basic(const std::string& id, const std::string& secret) {
  http::Request request;
  request.headers.add("authorization", "Basic " + base64_encode(id + ':' + secret));
  return request;
}

bool client_secrets() {
  config::Client settings;
  settings.client_id = "client-that-is-there";
  const std::string right = "the-right-secret-of-forty-three-characters-";
  const std::string near = right.substr(0, right.size() - 1) + "!", far(right.size(), '!');
  const oidc::Clients clients({oidc::configured_client(settings, Secret(right))});
  const text::Form form;
  const auto there = basic("client-that-is-there", far),
             absent = basic("client-that-isn-here", far),
             close = basic("client-that-is-there", near);
  const auto ask = [&](const http::Request& request) {
    return [&](std::size_t) { sink = clients.authenticate(request, form).has_value(); };
  };
  bool good = report("client secret: client that exists / doesn't",
                     compare(ask(there), ask(absent), 4'000, 16), false);
  good &= report("client secret: first character wrong / last one wrong",
                 compare(ask(there), ask(close), 4'000, 16), false);

  // Looks the client up and gives up at once; else compares character by character.
  const auto naive = [&](const std::string& id, const std::string& secret) {
    return [&](std::size_t) {
      bool same = id == "client-that-is-there" && secret.size() == right.size();
      for (std::size_t i = 0; same && i < right.size(); ++i) {
        volatile char mine = right[i], theirs = secret[i];
        same = mine == theirs;
      }
      sink = same;
    };
  };
  const std::string id = "client-that-is-there", other = "client-that-isn-here";
  good &= report("  a naive one: exists / doesn't",
                 compare(naive(id, near), naive(other, near), 4'000, 64), true);
  good &= report("  a naive one: first character wrong / last one wrong",
                 compare(naive(id, far), naive(id, near), 4'000, 64), true);
  return good;
}

// --- Passwords ---

bool passwords() {
  const std::string file = (std::filesystem::temp_directory_path() /
                            ("bench-timing-" + std::to_string(::getpid()) + ".yaml"))
                               .string();
  crypto::SeededRandom random(7);
  SystemClock clock;
  net::Runtime runtime(1);
  net::WorkPool pool("password", 1, 16);
  const crypto::Argon2Cost cost{2'048, 1, 1};
  identity::LocalUser alice;
  alice.name = "alice";
  alice.password_hash = crypto::hash_password(Secret("wonderland"), random, cost);
  // Each guess is at a user of its own and from an address of its own: a second one at the same
  // user may be held back, and would then be no look-up at all.
  constexpr std::size_t kGuesses = 400;
  const auto numbered = [](const char* name, std::size_t n) {
    std::string digits = std::to_string(n);
    return name + std::string(3 - digits.size(), '0') + digits;
  };
  std::vector<identity::LocalUser> users;
  for (std::size_t n = 0; n < kGuesses; ++n) {
    for (const bool disabled : {false, true}) {
      identity::LocalUser user = alice;
      user.name = numbered(disabled ? "dora" : "alan", n);
      user.disabled = disabled;
      users.push_back(std::move(user));
    }
  }
  if (!identity::write_users(file, users)) return false;
  identity::LocalConnectorOptions options;
  options.settings.name = "local";
  options.settings.kind = config::ProviderKind::local;
  options.users_file = file;
  options.passwords = &pool;
  options.random = &random;
  options.clock = &clock;
  bool good = true, held_back = false;
  // With a connector of its own, so that no attempts are counted from before.
  const auto compare_users = [&](const char* what, const char* one, const char* other) {
    const auto connector = identity::local_connector(options);
    std::size_t of_one = 0, of_other = 0;
    const auto guess = [&](const char* user, std::size_t& next) {
      return [&, user](std::size_t call) {
        const std::string address =
            "10.0." + std::to_string(call / 256) + '.' + std::to_string(call % 256);
        const auto answer = runtime.block_on(
            connector->password()->check(numbered(user, next++), Secret("a guess"), address));
        held_back |= answer || !answer.error().is(identity::Errc::wrong_password);
      };
    };
    good &= report(what, compare(guess(one, of_one), guess(other, of_other), kGuesses, 1), false);
  };
  compare_users("password: user that exists / doesn't", "alan", "carl");
  compare_users("password: user that exists / is disabled", "alan", "dora");
  if (held_back) std::printf("a guess was answered without a look at the password\n");
  good &= !held_back;
  // Asks for the hash of those only who are there.
  const auto naive = [&](const std::string& user) {
    return [&, user](std::size_t) {
      sink = user == "alice" &&
             crypto::verify_password(Secret("a guess"), alice.password_hash).value_or(false);
    };
  };
  good &= report("  a naive one: exists / doesn't", compare(naive("alice"), naive("carol"), 400, 1),
                 true);
  std::filesystem::remove(file);
  return good;
}

// --- Sessions ---

bool sessions() {
  session::testing::House house;
  const auto current = house.sign_in();
  const std::string cookie = house.cookie;
  for (int i = 0; i < 200; ++i) house.sign_in(session::testing::person("p" + std::to_string(i)));
  const auto with = [&](const std::string& value) {
    http::Request request;
    request.headers.add("cookie", value);
    return request;
  };
  std::string near = cookie;
  near.back() = near.back() == 'A' ? 'B' : 'A';
  const std::string name = cookie.substr(0, cookie.find('=') + 1);
  const auto close = with(near), far = with(name + std::string(cookie.size() - name.size(), 'x'));
  const auto ask = [&](const http::Request& request) {
    return [&](std::size_t) {
      const auto found = house.run(house.sessions().current(request));
      sink = found && found->has_value();
    };
  };
  bool good = report("session cookie: all of it wrong / but its last character right",
                     compare(ask(far), ask(close), 3'000, 8), false);

  // A refresh token is refused by its MAC, before anything is looked up.
  const auto family = house.family(current);
  const std::string real(family.refresh_token.reveal());
  std::string forged = real;
  // The family is named by the front of the token; its MAC by the end.
  forged.back() = forged.back() == 'A' ? 'B' : 'A';
  std::string absent = forged;
  absent[6] = absent[6] == 'A' ? 'B' : 'A';
  const auto refresh = [&](const std::string& token) {
    return [&](std::size_t) { sink = house.rotate(Secret(token)).has_value(); };
  };
  good &= report("refresh token, forged: of a family that exists / doesn't",
                 compare(refresh(forged), refresh(absent), 3'000, 8), false);

  // Compares with what is stored, character by character, up to the first that differs.
  const auto naive = [&](const std::string& value) {
    return [&](std::size_t) {
      bool same = true;
      for (std::size_t i = name.size(); same && i < cookie.size(); ++i) {
        volatile char mine = cookie[i], theirs = value[i];
        same = mine == theirs;
      }
      sink = same;
    };
  };
  const std::string wrong = name + std::string(cookie.size() - name.size(), 'x');
  good &= report("  a naive one: all of it wrong / but its last character right",
                 compare(naive(wrong), naive(near), 4'000, 64), true);
  return good;
}

int run() {
  log::configure(log::Level::error);
  std::printf("%-62s %10s %10s %8s %9s %7s\n", "nanoseconds a call, medians; Welch's t", "first",
              "second", "ratio", "t", "samples");
  const bool clients_good = client_secrets(), passwords_good = passwords(),
             sessions_good = sessions();
  const bool good = clients_good && passwords_good && sessions_good;
  std::printf("%s\n", good ? "no row tells what it shouldn't, and each would be seen"
                           : "a row is not as it should be");
  return good ? 0 : 1;
}

}  // namespace
}  // namespace openunison::bench

int main() {
  return openunison::bench::run();
}
