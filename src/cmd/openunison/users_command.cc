// SPDX-License-Identifier: Apache-2.0
//
// `users`: edits users.yaml in the secrets directory. A running server reads it again by itself.
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "cmd/openunison/commands.h"
#include "config/error.h"
#include "crypto/password.h"
#include "crypto/random.h"
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

using Users = std::vector<identity::LocalUser>;
Users::iterator find(Users& users, const std::string& name) {
  return std::find_if(users.begin(), users.end(),
                      [&](const identity::LocalUser& user) { return user.name == name; });
}

}  // namespace

int users_list(const CommonOptions& options) {
  const auto users = identity::read_users(users_file(options));
  if (!users) return report(users.error());
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
    std::cout << text::Json(std::move(list)).dump_pretty();
    return 0;
  }
  for (const identity::LocalUser& user : *users) {
    std::cout << user.name << (user.disabled ? " (disabled)" : "");
    for (const std::string& group : user.groups) std::cout << ' ' << group;
    std::cout << '\n';
  }
  return 0;
}

int users_add(const CommonOptions& options, const UserOptions& wanted) {
  auto users = identity::read_users(users_file(options));
  if (!users) return report(users.error());
  if (find(*users, wanted.name) != users->end())
    return report(
        Error(config::Errc::bad_argument, "there is a user named " + wanted.name + " already"));
  const auto password = read_password(wanted);
  if (!password) return report(password.error());
  crypto::SystemRandom random;
  identity::LocalUser user;
  user.name = wanted.name;
  user.display_name = wanted.display_name;
  user.email = wanted.email;
  user.groups = wanted.groups;
  user.password_hash = crypto::hash_password(*password, random);
  users->push_back(std::move(user));
  const auto written = identity::write_users(users_file(options), *users);
  if (!written) return report(written.error());
  std::cout << "Added " << wanted.name << ".\n";
  return 0;
}

int users_passwd(const CommonOptions& options, const UserOptions& wanted) {
  auto users = identity::read_users(users_file(options));
  if (!users) return report(users.error());
  const auto user = find(*users, wanted.name);
  if (user == users->end())
    return report(Error(config::Errc::bad_argument, "there is no user named " + wanted.name));
  const auto password = read_password(wanted);
  if (!password) return report(password.error());
  crypto::SystemRandom random;
  user->password_hash = crypto::hash_password(*password, random);
  const auto written = identity::write_users(users_file(options), *users);
  if (!written) return report(written.error());
  std::cout << "Changed the password of " << wanted.name
            << ". Sessions go on; end them with: openunison sessions end --user " << wanted.name
            << '\n';
  return 0;
}

int users_remove(const CommonOptions& options, const UserOptions& wanted) {
  auto users = identity::read_users(users_file(options));
  if (!users) return report(users.error());
  const auto user = find(*users, wanted.name);
  if (user == users->end())
    return report(Error(config::Errc::bad_argument, "there is no user named " + wanted.name));
  users->erase(user);
  const auto written = identity::write_users(users_file(options), *users);
  if (!written) return report(written.error());
  std::cout << "Removed " << wanted.name
            << ". Sessions end at their next check; at once with: openunison sessions end --user "
            << wanted.name << '\n';
  return 0;
}

}  // namespace openunison::cmd
