// SPDX-License-Identifier: Apache-2.0
#include "cli/secret_tool.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "cli/error.h"
#include "cli/run_program.h"

namespace openunison::cli {
namespace {

constexpr const char* kProgram = "secret-tool";
constexpr Millis kPatience{5'000};

bool is_own_socket(const std::string& path) {
  struct stat found{};
  return ::stat(path.c_str(), &found) == 0 && S_ISSOCK(found.st_mode) && found.st_uid == ::getuid();
}

// What it said in the end, without its name.
std::string last_words(std::string_view errors) {
  constexpr std::string_view kPrefix = "secret-tool: ";
  std::string said;
  while (!errors.empty()) {
    const std::size_t end = std::min(errors.find('\n'), errors.size());
    if (errors.starts_with(kPrefix))
      said = errors.substr(kPrefix.size(), end - std::min(end, kPrefix.size()));
    errors.remove_prefix(std::min(end + 1, errors.size()));
  }
  return said;
}

Error locked() {
  return {Errc::keyring_locked, "the desktop's keyring is locked"};
}

}  // namespace

FoundItem parse_search(std::string_view output) {
  constexpr std::string_view kSecret = "secret = ";
  FoundItem found;
  while (!output.empty()) {
    const std::size_t end = std::min(output.find('\n'), output.size());
    const std::string_view line = output.substr(0, end);
    if (line.starts_with('[')) found.there = true;
    if (found.there && !found.secret && line.starts_with(kSecret))
      found.secret = Secret(std::string(line.substr(kSecret.size())));
    output.remove_prefix(std::min(end + 1, output.size()));
  }
  return found;
}

std::string parse_path(std::string_view output) {
  const std::size_t begin = output.find('/');
  if (begin == std::string_view::npos) return {};
  const std::string_view path = output.substr(begin, output.find_first_of(" \n", begin) - begin);
  return path == "/" ? std::string() : std::string(path);
}

bool parse_is_false(std::string_view output) {
  while (output.ends_with('\n') || output.ends_with(' ')) output.remove_suffix(1);
  return output.ends_with("boolean false");
}

std::string session_bus(const Environment& environment, std::string_view user_id,
                        const std::function<bool(const std::string& path)>& is_socket) {
  if (const std::string_view told = environment.variable("DBUS_SESSION_BUS_ADDRESS"); !told.empty())
    return std::string(told);
  for (const std::string& folder : {std::string(environment.variable("XDG_RUNTIME_DIR")),
                                    "/run/user/" + std::string(user_id)}) {
    const std::string path = folder + "/bus";
    if (folder.starts_with('/') && is_socket(path)) return "unix:path=" + path;
  }
  return {};
}

SecretTool::SecretTool(const Environment& environment, Trace trace)
    : bus_(session_bus(environment, std::to_string(::getuid()), is_own_socket)),
      trace_(std::move(trace)) {}

Result<ProgramResult> SecretTool::run(std::string_view verb, const KeyName& name,
                                      const KeyringAsking& asking, std::string_view input) {
  // Without an address libraries would start a bus of their own, with an empty keyring.
  if (bus_.empty()) return fail(Errc::keyring, "there is no session bus to reach the keyring by");
  ProgramRun run;
  run.command = {kProgram, std::string(verb)};
  if (verb == "store") run.command.push_back("--label=kubectl oulogin at " + name.host);
  if (verb == "search" && asking.may) run.command.emplace_back("--unlock");
  for (const std::string& word :
       {std::string("application"), std::string("kubectl-oulogin"), std::string("host"), name.host,
        std::string("folder"), name.folder})
    run.command.push_back(word);
  run.input = input;
  run.variables = {{"DBUS_SESSION_BUS_ADDRESS", bus_}, {"LC_ALL", "C.UTF-8"}};
  run.patience = asking.patience;
  run.slow = asking.slow;
  const auto begun = std::chrono::steady_clock::now();
  ProgramResult result = run_program(run);
  const auto took = std::chrono::duration_cast<Millis>(std::chrono::steady_clock::now() - begun);
  const std::string said = last_words(result.errors);
  trace_.say("keyring: secret-tool " + std::string(verb) + ": " +
             (result.kind == ProgramResult::Kind::missing    ? "it isn't installed"
              : result.kind == ProgramResult::Kind::too_slow ? "no answer, stopped"
                                                             : std::to_string(result.status)) +
             ", " + std::to_string(took.count()) + " ms" + (said.empty() ? "" : ": " + said));
  if (result.kind == ProgramResult::Kind::missing)
    return fail(Errc::keyring,
                "secret-tool, which reaches the keyring, isn't installed (libsecret-tools)");
  if (result.kind == ProgramResult::Kind::too_slow)
    return fail(Errc::keyring, "the desktop's keyring doesn't answer");
  return result;
}

Result<std::optional<Secret>> SecretTool::find(const KeyName& name, const KeyringAsking& asking) {
  const ProgramResult result = TRY(run("search", name, asking, {}));
  FoundItem found = parse_search(result.out);
  if (found.secret) return std::move(found.secret);
  if (found.there) return std::unexpected(locked());
  if (result.status == 0) return std::nullopt;
  return fail(Errc::keyring, "the desktop's keyring can't be asked: " + last_words(result.errors));
}

Result<std::string> SecretTool::ask_service(std::vector<std::string> words) {
  if (bus_.empty()) return fail(Errc::keyring, "there is no session bus to reach the keyring by");
  ProgramRun run;
  run.command = {"dbus-send", "--session", "--print-reply=literal",
                 "--dest=org.freedesktop.secrets"};
  run.command.insert(run.command.end(), words.begin(), words.end());
  run.variables = {{"DBUS_SESSION_BUS_ADDRESS", bus_}, {"LC_ALL", "C.UTF-8"}};
  run.patience = kPatience;
  ProgramResult result = run_program(run);
  if (result.succeeded()) return std::move(result.out);
  return fail(Errc::keyring, result.kind == ProgramResult::Kind::missing
                                 ? "dbus-send, which tells whether the keyring is open, isn't "
                                   "installed"
                                 : "the desktop's keyring doesn't say whether it is open");
}

Result<bool> SecretTool::is_open() {
  const std::string collection = parse_path(TRY(ask_service(
      {"/org/freedesktop/secrets", "org.freedesktop.Secret.Service.ReadAlias", "string:default"})));
  trace_.say("keyring: what is stored goes to " +
             (collection.empty() ? std::string("a new collection") : collection));
  // It would ask for a password for one.
  if (collection.empty()) return false;
  return parse_is_false(
      TRY(ask_service({collection, "org.freedesktop.DBus.Properties.Get",
                       "string:org.freedesktop.Secret.Collection", "string:Locked"})));
}

Result<void> SecretTool::store(const KeyName& name, const Secret& key,
                               const KeyringAsking& asking) {
  const ProgramResult result = TRY(run("store", name, asking, key.reveal()));
  if (result.status == 0) return {};
  const std::string said = last_words(result.errors);
  if (said.find("locked") != std::string::npos) return std::unexpected(locked());
  return fail(Errc::keyring, "the desktop's keyring takes nothing: " + said);
}

Result<void> SecretTool::remove(const KeyName& name) {
  const ProgramResult result = TRY(run("clear", name, {.patience = kPatience}, {}));
  // It says 1 as well where there was nothing.
  if (result.status == 0 || last_words(result.errors).empty()) return {};
  return fail(Errc::keyring, "the key can't be taken out of it: " + last_words(result.errors));
}

}  // namespace openunison::cli
