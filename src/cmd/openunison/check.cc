// SPDX-License-Identifier: Apache-2.0
//
// `check`: everything that can be said of a values file, of its secret files and of the identity
// providers before a server starts.
#include <algorithm>
#include <filesystem>
#include <iostream>

#include "base/log.h"
#include "cmd/openunison/commands.h"
#include "cmd/openunison/secrets_check.h"
#include "cmd/openunison/upstreams.h"
#include "config/error.h"
#include "crypto/random.h"
#include "identity/workloads.h"
#include "jose/key_ring.h"
#include "store/error.h"
#include "store/inspection.h"
#include "text/json.h"

namespace openunison::cmd {
namespace {

constexpr Millis kHealthDeadline{10'000};

using config::Problem;
using config::Severity;

// The signing keys and the session database as `serve` would find them.
std::vector<Problem> inspect_state(const std::string& directory, const SecretsDirectory& secrets) {
  const std::string database = directory + "/sessions.db";
  const std::string counter = directory + "/sessions.counter";
  std::error_code ignored;
  if (!std::filesystem::is_directory(directory, ignored))
    return {{Severity::error, directory, {0, 0}, "", "there is no such folder"}};
  const auto master = secrets.master_key();
  if (!master) return {};  // said by check_secret_files
  const std::string keys = directory + "/keys.sealed";
  const auto readable = jose::KeyRing::inspect(keys, *master);
  if (!readable) return {problem_of(readable.error(), {keys})};
  if (!std::filesystem::exists(database, ignored) && !std::filesystem::exists(counter, ignored))
    return {};
  const auto found = store::inspect(database, counter, *master);
  if (!found) {
    if (!found.error().is(store::Errc::in_use))
      return {problem_of(found.error(), {database, counter})};
    return {{Severity::error,
             database,
             {0, 0},
             "",
             "a server is using it; stop that one to have it looked at, or leave --state out"}};
  }
  if (found->empty()) return {};
  return {{Severity::warning,
           database,
           {0, 0},
           "",
           *found + "; `serve` will end all sessions, and everybody signs in anew"}};
}

// Fetches each provider's discovery and says what `serve` would stumble over.
std::vector<Problem> ask_providers(config::Values values, const SecretsDirectory& secrets) {
  std::erase_if(values.identity_providers, [](const config::IdentityProvider& provider) {
    return provider.kind == config::ProviderKind::local;
  });
  std::vector<Problem> problems;
  const auto say = [&](Severity severity, const std::string& provider, std::string message) {
    problems.push_back({severity, values.file, {0, 0}, provider, std::move(message)});
  };
  SystemClock clock;
  crypto::SystemRandom random;
  net::Runtime runtime(1);
  net::WorkPool passwords("password", 1, 1);
  const auto upstreams =
      make_upstreams(values, secrets, {&runtime, &passwords, &passwords, &random, &clock});
  if (!upstreams) {
    say(Severity::error, "trusted_certs", upstreams.error().message());
    return problems;
  }
  for (const auto& connector : upstreams->connectors) {
    const auto health = runtime.block_on(connector->health(net::in(kHealthDeadline)));
    if (!health.reachable) {
      say(Severity::error, connector->name(), health.detail + " (--offline leaves this check out)");
    } else if (!health.detail.empty()) {
      say(Severity::warning, connector->name(), health.detail);
    }
    if (health.clock_ahead && std::chrono::abs(*health.clock_ahead) > kMaxClockDifference) {
      say(Severity::warning, connector->name(),
          "its clock and this machine's differ by " +
              std::to_string(std::chrono::duration_cast<Seconds>(*health.clock_ahead).count()) +
              " s; sign-ins fail if the server's clock is as wrong");
    }
  }
  return problems;
}

// Asks the issuers of programs' tokens for their keys. Without them nobody else is kept out, and an
// API server may not run yet: a warning.
std::vector<Problem> ask_issuers(const config::Values& values) {
  if (values.workloads.empty()) return {};
  SystemClock clock;
  net::Runtime runtime(1);
  const auto client = make_client(values, runtime);
  if (!client) return {};  // said by ask_providers
  identity::Workloads workloads(
      std::make_shared<const config::Values>(values),
      [&client](http::ClientRequest request) { return (*client)->fetch(std::move(request)); },
      &clock);
  std::vector<Problem> problems;
  for (const auto& [name, why] : runtime.block_on(workloads.probe(kHealthDeadline))) {
    problems.push_back({Severity::warning,
                        values.file,
                        {0, 0},
                        "openunison.workloads",
                        name + ": " + why.message() + " (--offline leaves this check out)"});
  }
  return problems;
}

void print_json(const std::vector<Problem>& problems) {
  text::Json::Array list;
  for (const Problem& problem : problems) {
    text::Json entry;
    entry.set("severity", problem.severity == Severity::error ? "error" : "warning");
    entry.set("file", problem.file);
    if (problem.position.line > 0) {
      entry.set("line", problem.position.line);
      entry.set("column", problem.position.column);
    }
    entry.set("key", problem.key);
    entry.set("message", problem.message);
    list.push_back(std::move(entry));
  }
  text::Json json;
  json.set("problems", text::Json(std::move(list)));
  std::cout << json.dump_pretty();
}

std::string counted(std::ptrdiff_t count, const char* what) {
  return std::to_string(count) + ' ' + what + (count == 1 ? "" : "s");
}

}  // namespace

int check(const CommonOptions& options, bool offline) {
  if (!options.state_directory.empty() && options.secrets_directory.empty()) {
    report(Error(config::Errc::bad_argument,
                 "--state needs --secrets: the counter of starts is sealed with the master key"));
    return 2;
  }
  log::configure(log::Level::error);  // what would be logged is said as a problem
  const auto text = read_file(options.values_file);
  if (!text) {
    if (options.output == "json") print_json({problem_of(text.error(), {options.values_file})});
    return report(text.error());
  }
  config::Parsed parsed = config::parse_values(*text, options.values_file);
  std::vector<Problem>& problems = parsed.problems;
  const auto add = [&](const std::vector<Problem>& more) {
    problems.insert(problems.end(), more.begin(), more.end());
  };
  if (!parsed.values && !options.secrets_directory.empty())
    add({{Severity::warning,
          options.secrets_directory,
          {0, 0},
          "",
          "not looked at: which secrets are needed, the values say"}});
  if (parsed.values && !options.secrets_directory.empty())
    add(check_secret_files(*parsed.values, options.secrets_directory));
  if (parsed.values && !options.state_directory.empty() && !options.secrets_directory.empty())
    add(inspect_state(options.state_directory, SecretsDirectory(options.secrets_directory)));
  if (parsed.values && !offline) {
    add(ask_providers(*parsed.values, SecretsDirectory(options.secrets_directory)));
    add(ask_issuers(*parsed.values));
  }
  const auto errors = std::ranges::count(problems, Severity::error, &Problem::severity);
  if (options.output == "json") {
    print_json(problems);
  } else {
    for (const Problem& problem : problems) std::cout << problem.text() << '\n';
    std::cout << options.values_file << ": " << counted(errors, "error") << ", "
              << counted(std::ssize(problems) - errors, "warning") << '\n';
  }
  return errors == 0 ? 0 : 1;
}

int print_schema() {
  std::cout << config::json_schema();
  return 0;
}

}  // namespace openunison::cmd
