// SPDX-License-Identifier: Apache-2.0
//
// What `make bench` measures or makes inside a process that links the product's own libraries:
//   jws rs256|es256 SECONDS           whole tokens signed, the limit of whatever signs one for each
//   answer memory-store N                    N sign-ins with ten groups and a session each in a
//   memory store sqlite-fill FILE N                the same into a SQLite store, for a server to
//   start on tokens SECRETS ISSUER CLIENT N    the refresh tokens of the first N of these
// Prints one JSON object, or the tokens a line each. The sessions' ids are counted through, so that
// what one verb makes the next can name; their time is that of the system's clock, and they live
// for a week.
#include <fmt/format.h>
#include <malloc.h>

#include <chrono>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>

#include "bench/process.h"
#include "crypto/password.h"
#include "identity/identity.h"
#include "jose/jwt.h"
#include "net/runtime.h"
#include "session/refresh_token.h"
#include "store/stores.h"

namespace openunison::bench {
namespace {

constexpr Seconds kWeek{7 * 86'400};

double cpu_now() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

template <class Tag>
Id<Tag> counted_id(std::uint64_t number) {
  // Spread over the tables as random ones are.
  Id<Tag> id;
  std::uint64_t words[2] = {number * 0x9e3779b97f4a7c15ULL + sizeof(Tag*), number};
  words[0] ^= words[0] >> 29;
  std::memcpy(id.bytes.data(), words, sizeof words);
  return id;
}

// A person as Okta or Entra ID describe one, with ten groups.
std::string principal_of(const std::string& user) {
  identity::Principal principal;
  principal.provider = "okta";
  principal.subject = "00u" + user;
  principal.user = user;
  principal.display_name = "Person " + user;
  principal.email = user + "@example.com";
  principal.email_verified = true;
  for (int i = 0; i < 10; ++i) principal.groups.push_back(fmt::format("team-platform-{}", i));
  return principal.to_text();
}

store::SignIn sign_in_of(std::uint64_t number, WallTime now) {
  store::SignIn sign_in;
  sign_in.id = counted_id<store::SignInTag>(number);
  sign_in.provider = "okta";
  sign_in.user = fmt::format("user-{:07}", number);
  sign_in.subject = "00u" + sign_in.user;
  sign_in.principal = principal_of(sign_in.user);
  sign_in.address = fmt::format("10.{}.{}.{}", number >> 16 & 255, number >> 8 & 255, number & 255);
  sign_in.user_agent = "kubectl/v1.37.2 (linux/amd64) kubernetes/0000000";
  sign_in.authenticated_at = sign_in.created_at = sign_in.checked_at = now;
  sign_in.expires_at = now + kWeek;
  return sign_in;
}

store::Session session_of(std::uint64_t number, const store::SignIn& sign_in, WallTime now) {
  store::Session session;
  session.id = counted_id<store::SessionTag>(number);
  session.sign_in = sign_in.id;
  session.kind = store::SessionKind::client;
  session.origin = store::Origin::code;
  session.client_id = "kubernetes";
  session.cluster = "demo";
  session.scope = "openid email profile groups";
  session.address = sign_in.address;
  session.user_agent = sign_in.user_agent;
  session.created_at = session.last_used_at = now;
  session.idle_limit = kWeek;
  return session;
}

int jws(const std::string& name, double seconds) {
  const auto algorithm = crypto::parse_algorithm(name == "rs256" ? "RS256" : "ES256");
  auto key = crypto::PrivateKey::generate(*algorithm);
  if (!key) return 2;
  const jose::Signer signer(std::move(*key), *algorithm, "benchmark");
  std::uint64_t count = 0;
  const double start = cpu_now();
  double took = 0;
  for (; took < seconds; ++count) {
    std::string claims;
    claims.reserve(768);
    text::JsonWriter writer(claims);
    writer.begin_object()
        .member("iss", "https://localhost:8443/auth/idp/k8sIdp")
        .member("sub", "user-0000001")
        .member("aud", "kubernetes")
        .member("exp", static_cast<std::int64_t>(1'800'000'000 + count))
        .member("iat", static_cast<std::int64_t>(1'800'000'000 + count))
        .member("jti", "0123456789abcdef012345")
        .member("email", "user-0000001@example.com");
    writer.key("groups").begin_array();
    for (int i = 0; i < 10; ++i) writer.value("team-platform-with-a-name-of-some-length");
    writer.end_array().end_object();
    if (signer.sign(claims).empty()) return 1;
    if (count % 16 == 0) took = cpu_now() - start;
  }
  took = cpu_now() - start;
  fmt::print("{{\"signed\":{},\"cpu_seconds\":{:.3f},\"per_cpu_second\":{:.1f}}}\n", count, took,
             static_cast<double>(count) / took);
  return 0;
}

int argon2id(double seconds) {
  crypto::SystemRandom random;
  const Secret password(std::string("correct horse battery"));
  const std::string hash = crypto::hash_password(password, random);
  std::uint64_t count = 0;
  const double start = cpu_now();
  while (cpu_now() - start < seconds) {
    const auto good = crypto::verify_password(password, hash);
    if (!good || !*good) return 1;
    ++count;
  }
  fmt::print("{{\"checked\":{},\"cpu_ms\":{:.2f}}}\n", count,
             (cpu_now() - start) * 1e3 / static_cast<double>(count));
  return 0;
}

Task<void> fill(store::SessionStore& store, std::uint64_t from, std::uint64_t to,
                std::uint64_t step, WallTime now, std::uint64_t& failed) {
  for (std::uint64_t number = from; number < to; number += step) {
    store::SignIn sign_in = sign_in_of(number, now);
    store::Session session = session_of(number, sign_in, now);
    auto opened = co_await store.open(std::move(sign_in), std::move(session));
    if (!opened) ++failed;
  }
}

// `many` at once, as the writer commits together what waits together.
Task<void> fill_all(store::SessionStore& store, std::uint64_t count, std::uint64_t many,
                    WallTime now, std::uint64_t& failed) {
  const net::Executor executor = co_await net::current_executor();
  net::Completion done;
  std::uint64_t running = many;
  struct Part {
    static Task<void> run(store::SessionStore& s, std::uint64_t from, std::uint64_t to,
                          std::uint64_t step, WallTime at, std::uint64_t& failures,
                          std::uint64_t& left, net::Completion& finished) {
      co_await fill(s, from, to, step, at, failures);
      if (--left == 0) finished.complete();
    }
  };
  for (std::uint64_t i = 0; i < many; ++i)
    net::Runtime::spawn_on(executor, Part::run(store, i, count, many, now, failed, running, done));
  co_await done.wait(net::kNoDeadline);
}

Task<std::uint64_t> rotate(store::SessionStore& store, std::uint64_t sessions, std::uint64_t count,
                           std::uint32_t generation, WallTime now) {
  std::uint64_t rotated = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    store::RotateRequest request;
    // A stride without a common divisor: memory is visited as by people who don't know each other.
    request.family = counted_id<store::SessionTag>(i * 7919 % sessions);
    request.generation = generation;
    request.client_id = "kubernetes";
    request.address = "10.0.0.1";
    request.user_agent = "kubectl/v1.37.2 (linux/amd64) kubernetes/0000000";
    request.now = now;
    auto result = co_await store.rotate(std::move(request));
    if (result && result->outcome == store::Rotated::Outcome::rotated) ++rotated;
  }
  co_return rotated;
}

int memory_store(std::uint64_t count) {
  const WallTime now = SystemClock().now();
  net::Runtime runtime(1);
  const auto store = store::memory_store();
  std::uint64_t failed = 0;
  const std::uint64_t before = resident_kib({::getpid()});
  const std::size_t heap_before = ::mallinfo2().uordblks;
  const double start = cpu_now();
  runtime.block_on(fill(*store, 0, count, 1, now, failed));
  const double filled = cpu_now();
  const std::size_t heap = ::mallinfo2().uordblks - heap_before;
  const std::uint64_t resident = resident_kib({::getpid()}) - before;

  const std::uint64_t rotations = std::min<std::uint64_t>(count, 100'000);
  const double rotating = cpu_now();
  const std::uint64_t rotated = runtime.block_on(rotate(*store, count, rotations, 1, now));
  const double rotated_at = cpu_now();
  // Nothing is over: what a sweep costs each minute.
  auto none = runtime.block_on(store->sweep(now, 500));
  const double swept_none = cpu_now();
  // All is over: each call deletes at most 500.
  std::uint64_t swept = 0;
  double longest = 0;
  for (;;) {
    const double began = cpu_now();
    auto some = runtime.block_on(store->sweep(now + 2 * kWeek, 500));
    if (!some || *some == 0) break;
    swept += *some;
    longest = std::max(longest, cpu_now() - began);
  }
  const double swept_all = cpu_now();
  const auto each = [count](double total) { return total / static_cast<double>(count); };
  fmt::print(
      "{{\"sessions\":{},\"failed\":{},\"heap_bytes_each\":{:.0f},\"resident_bytes_each\":{:.0f},"
      "\"open_us\":{:.2f},"
      "\"rotations\":{},\"rotate_us\":{:.2f},\"sweep_nothing_us\":{:.1f},\"swept\":{},\"sweep_each_"
      "us\":{:.2f},"
      "\"sweep_500_longest_ms\":{:.2f},\"swept_of_nothing\":{}}}\n",
      count, failed, each(static_cast<double>(heap)), each(static_cast<double>(resident) * 1024),
      each((filled - start) * 1e6), rotated,
      (rotated_at - rotating) * 1e6 / static_cast<double>(rotations),
      (swept_none - rotated_at) * 1e6, swept, each((swept_all - swept_none) * 1e6), longest * 1e3,
      none ? *none : 0);
  return failed == 0 && rotated == rotations && swept == count ? 0 : 1;
}

int sqlite_fill(const std::string& file, std::uint64_t count) {
  net::Runtime runtime(1);
  auto store = store::sqlite_store(file);
  if (!store) {
    std::cerr << store.error().message() << '\n';
    return 2;
  }
  std::uint64_t failed = 0;
  const auto start = std::chrono::steady_clock::now();
  runtime.block_on(fill_all(**store, count, 256, SystemClock().now(), failed));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  fmt::print("{{\"sessions\":{},\"failed\":{},\"seconds\":{:.1f}}}\n", count, failed, took.count());
  return failed == 0 ? 0 : 1;
}

int tokens(const std::string& secrets, const std::string& issuer, const std::string& client,
           std::uint64_t count) {
  std::ifstream in(secrets + "/OU_MASTER_KEY");
  std::ostringstream text;
  text << in.rdbuf();
  const auto master = crypto::MasterKey::create(Secret(text.str()));
  if (!master) {
    std::cerr << master.error().message() << '\n';
    return 2;
  }
  const session::RefreshTokens refresh_tokens(*master);
  for (std::uint64_t i = 0; i < count; ++i) {
    std::cout << refresh_tokens.make(counted_id<store::SessionTag>(i), 1, {issuer, client}).reveal()
              << '\n';
  }
  return 0;
}

}  // namespace
}  // namespace openunison::bench

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  using namespace openunison::bench;
  if (words.size() == 3 && words[0] == "jws") return jws(words[1], std::stod(words[2]));
  if (words.size() == 2 && words[0] == "cheap-hash") {
    openunison::crypto::SystemRandom random;
    std::cout << openunison::crypto::hash_password(openunison::Secret(words[1]), random, {8, 1, 1})
              << '\n';
    return 0;
  }
  if (words.size() == 2 && words[0] == "argon2id") return argon2id(std::stod(words[1]));
  if (words.size() == 2 && words[0] == "memory-store") return memory_store(std::stoull(words[1]));
  if (words.size() == 3 && words[0] == "sqlite-fill")
    return sqlite_fill(words[1], std::stoull(words[2]));
  if (words.size() == 5 && words[0] == "tokens")
    return tokens(words[1], words[2], words[3], std::stoull(words[4]));
  std::cerr << "bench_inside jws rs256|es256 SECONDS | argon2id SECONDS | cheap-hash PASSWORD | "
               "memory-store N | "
               "sqlite-fill FILE N | "
               "tokens SECRETS ISSUER CLIENT N\n";
  return 2;
}
