// SPDX-License-Identifier: Apache-2.0
//
// `users`: edits users.yaml in the secrets directory. A running server reads it again by itself.
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iostream>

#include "cmd/openunison/commands.h"
#include "config/error.h"
#include "crypto/password.h"
#include "crypto/random.h"
#include "identity/names.h"
#include "identity/users_file.h"
#include "text/json.h"

namespace openunison::cmd {
namespace {

constexpr std::size_t kMinPassword = 8, kMaxPassword = 1024;

std::string users_file(const CommonOptions& options) {
  return options.secrets_directory + "/users.yaml";
}

std::string read_line_without_echo() {
  termios former{};
  const bool terminal = tcgetattr(STDIN_FILENO, &former) == 0;
  termios silent = former;
  silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  if (terminal) tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  std::string line;
  std::getline(std::cin, line);
  if (terminal) tcsetattr(STDIN_FILENO, TCSAFLUSH, &former);
  if (terminal) std::cerr << '\n';
  return line;
}

Result<Secret> read_password(const UserOptions& user) {
  std::string first;
  if (user.password_from_stdin) {
    std::getline(std::cin, first);
  } else {
    if (isatty(STDIN_FILENO) == 0)
      return fail(config::Errc::bad_argument,
                  "there is no terminal to ask for the password; use --password-stdin");
    std::cerr << "Password for " << user.name << ": ";
    first = read_line_without_echo();
    std::cerr << "Again: ";
    if (read_line_without_echo() != first)
      return fail(config::Errc::bad_argument, "the two passwords differ");
  }
  if (first.size() < kMinPassword || first.size() > kMaxPassword) {
    return fail(config::Errc::bad_argument, "a password must have 8 to 1024 bytes");
  }
  return Secret(std::move(first));
}

constexpr const char* kNextCheck =
    " (openunison.authentication.group_refresh_seconds, five minutes unless set); at once with:";

using Users = std::vector<identity::LocalUser>;

// Error: there is none of that name.
Result<identity::LocalUser*> find(Users& users, const std::string& name) {
  const auto found = std::ranges::find(users, name, &identity::LocalUser::name);
  if (found == users.end())
    return fail(config::Errc::bad_argument, "there is no user named " + name);
  return &*found;
}

// A slip of the pen, such as a name in the place of an address; whether anybody has it, only a mail
// would tell.
bool is_mail_address(const std::string& text) {
  const std::size_t at = text.find('@');
  return at != std::string::npos && at > 0 && at + 1 < text.size() && at == text.rfind('@') &&
         std::ranges::none_of(text, [](char c) { return c <= ' ' || c == '<' || c == '>'; });
}

// A misspelt folder would look like one without users.
Result<void> check_secrets_directory(const CommonOptions& options) {
  auto usable = check_directory(options.secrets_directory, R_OK | X_OK);
  if (!usable) return std::unexpected(usable.error().with_context("--secrets"));
  return {};
}

// What sessions are ended by is the name that clusters see.
std::string how_to_end(const std::string& name) {
  return "\n  openunison sessions end --state STATE --user " + name +
         "\n(with the provider's username_prefix in front where it has one: `openunison sessions "
         "list` shows the names)\n";
}

// "-" for none, as other lists have it.
std::string joined(const std::vector<std::string>& words) {
  if (words.empty()) return "-";
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

void print_table(const Users& users) {
  std::size_t width = std::string_view("USER").size();
  for (const identity::LocalUser& user : users) width = std::max(width, user.name.size());
  const auto row = [width](const std::string& name, const std::string& groups, bool disabled) {
    std::cout << name << std::string(width + 2 - name.size(), ' ') << groups
              << (disabled ? "  (disabled)" : "") << '\n';
  };
  row("USER", "GROUPS", false);
  for (const identity::LocalUser& user : users) row(user.name, joined(user.groups), user.disabled);
}

}  // namespace

int users_list(const CommonOptions& options) {
  const auto there = check_secrets_directory(options);
  if (!there) return report(options, there.error());
  const auto users = identity::read_users(users_file(options));
  if (!users) return report(options, users.error());
  if (options.output == "json") {
    text::Json::Array list;
    for (const identity::LocalUser& user : *users) {
      text::Json entry;
      entry.set("name", user.name);
      entry.set("display_name", user.display_name);
      entry.set("email", user.email);
      entry.set("disabled", user.disabled);
      text::Json::Array groups;
      for (const std::string& group : user.groups) groups.emplace_back(group);
      entry.set("groups", text::Json(std::move(groups)));
      list.push_back(std::move(entry));
    }
    text::Json json;
    json.set("users", text::Json(std::move(list)));
    std::cout << json.dump_pretty();
  } else if (users->empty()) {
    std::cout << "There are no users yet. Add one with: openunison users add NAME --secrets "
              << options.secrets_directory << '\n';
  } else {
    print_table(*users);
  }
  return 0;
}

int users_add(const CommonOptions& options, const UserOptions& wanted) {
  const auto there = check_secrets_directory(options);
  if (!there) return report(there.error());
  if (!wanted.email.empty() && !is_mail_address(wanted.email))
    return report(Error(config::Errc::bad_argument,
                        "--email: this is no mail address; it has the form name@example.com"));
  // Asked for first: nobody wants to type a password twice for a name that is taken.
  auto users = identity::read_users(users_file(options));
  if (!users) return report(users.error());
  const auto taken = [&](Users& all) -> Result<void> {
    if (find(all, wanted.name))
      return fail(config::Errc::bad_argument, "there is a user named " + wanted.name + " already");
    return {};
  };
  const auto is_new = taken(*users);
  if (!is_new) return report(is_new.error());
  const auto password = read_password(wanted);
  if (!password) return report(password.error());
  crypto::SystemRandom random;
  identity::LocalUser user;
  user.name = wanted.name;
  user.display_name = wanted.display_name;
  user.email = wanted.email;
  user.groups = wanted.groups;
  user.password_hash = crypto::hash_password(*password, random);
  const auto written = identity::edit_users(users_file(options), [&](Users& all) -> Result<void> {
    TRY_VOID(taken(all));
    all.push_back(user);
    return {};
  });
  if (!written) return report(written.error());
  std::cout << "Added " << wanted.name
            << (wanted.groups.empty() ? ", in no group" : " to " + joined(wanted.groups)) << ".\n";
  for (const std::string& group : wanted.groups) {
    if (identity::looks_like_system(group))
      std::cerr << "openunison: " << group
                << " is kept back from clusters and applications unless values name it in "
                   "openunison.allowed_system_names\n";
  }
  return 0;
}

int users_passwd(const CommonOptions& options, const UserOptions& wanted) {
  const auto there = check_secrets_directory(options);
  if (!there) return report(there.error());
  auto users = identity::read_users(users_file(options));
  if (!users) return report(users.error());
  const auto known = find(*users, wanted.name);
  if (!known) return report(known.error());
  const auto password = read_password(wanted);
  if (!password) return report(password.error());
  crypto::SystemRandom random;
  const std::string hash = crypto::hash_password(*password, random);
  const auto written = identity::edit_users(users_file(options), [&](Users& all) -> Result<void> {
    identity::LocalUser* const user = TRY(find(all, wanted.name));
    user->password_hash = hash;
    return {};
  });
  if (!written) return report(written.error());
  std::cout << "Changed the password of " << wanted.name
            << "; a running server takes it within a second. Sessions made with the former one "
               "end at the next check"
            << kNextCheck << how_to_end(wanted.name);
  return 0;
}

int users_remove(const CommonOptions& options, const UserOptions& wanted) {
  const auto there = check_secrets_directory(options);
  if (!there) return report(there.error());
  const auto written = identity::edit_users(users_file(options), [&](Users& all) -> Result<void> {
    TRY(find(all, wanted.name));
    std::erase_if(all, [&](const identity::LocalUser& user) { return user.name == wanted.name; });
    return {};
  });
  if (!written) return report(written.error());
  std::cout << "Removed " << wanted.name << ". Sessions end at the next check" << kNextCheck
            << how_to_end(wanted.name);
  return 0;
}

}  // namespace openunison::cmd
