// SPDX-License-Identifier: Apache-2.0
#include "identity/users_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <thread>
#include <unordered_set>

#include "base/file.h"
#include "crypto/password.h"
#include "identity/error.h"
#include "identity/names.h"
#include "identity/user_claims.h"
#include "text/yaml.h"

namespace openunison::identity {
namespace {

using text::Position;
using text::Yaml;

constexpr std::size_t kMaxFileBytes = 1 << 20;
constexpr std::size_t kMaxGroupsOfUser = 500;
constexpr std::string_view kUserKeys[] = {"name",       "password_hash", "display_name",
                                          "given_name", "family_name",   "email",
                                          "groups",     "disabled"};

std::unexpected<Error> system_failure(const std::string& what, const std::string& file) {
  return fail(Errc::bad_users_file, what + " " + file + ": " + std::strerror(errno));
}

std::unexpected<Error> failure_at(const std::string& file, Position position,
                                  const std::string& message) {
  return fail(Errc::bad_users_file, file + ":" + std::to_string(position.line) + ":" +
                                        std::to_string(position.column) + ": " + message);
}

// --- Reading ---

// The file's text; "" if there is no such file.
// nullopt: there is none.
Result<std::optional<std::string>> read_file(const std::string& file) {
  const FileDescriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    if (errno == ENOENT) return std::nullopt;
    return system_failure("can't open", file);
  }
  std::string content;
  char buffer[16 * 1024];
  for (;;) {
    const ssize_t count = ::read(fd.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_failure("can't read", file);
    if (count == 0) return content;
    content.append(buffer, static_cast<std::size_t>(count));
    if (content.size() > kMaxFileBytes)
      return fail(Errc::bad_users_file, file + ": it is larger than 1 MiB");
  }
}

bool is_valid_user_name(std::string_view name) {
  if (name.empty() || name.size() > 128) return false;
  for (const char c : name) {
    const bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                         (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '@' || c == '-';
    if (!allowed) return false;
  }
  return true;
}

Result<std::string> read_text(const std::string& file, const Yaml::Entry& entry) {
  if (entry.value.kind == Yaml::Kind::null) return std::string();
  if (entry.value.kind != Yaml::Kind::scalar) {
    return failure_at(file, entry.value.position, entry.key + " must be text");
  }
  if (!entry.value.scalar.empty() && entry.key != "password_hash") {
    const std::string_view problem = name_problem(entry.value.scalar);
    if (!problem.empty()) {
      return failure_at(file, entry.value.position,
                        entry.key + " can't be used: " + std::string(problem));
    }
  }
  return entry.value.scalar;
}

Result<std::vector<std::string>> read_groups(const std::string& file, const Yaml& value) {
  std::vector<std::string> groups;
  if (value.kind == Yaml::Kind::null) return groups;
  if (value.kind != Yaml::Kind::sequence)
    return failure_at(file, value.position, "groups must be a list of names");
  if (value.items.size() > kMaxGroupsOfUser)
    return failure_at(file, value.position, "more than 500 groups");
  for (const Yaml& item : value.items) {
    if (item.kind != Yaml::Kind::scalar)
      return failure_at(file, item.position, "a group must be a name");
    const std::string_view problem = name_problem(item.scalar);
    if (!problem.empty()) {
      return failure_at(file, item.position,
                        "this group's name can't be used: " + std::string(problem));
    }
    groups.push_back(item.scalar);
  }
  return groups;
}

Result<bool> read_boolean(const std::string& file, const Yaml::Entry& entry) {
  if (entry.value.kind == Yaml::Kind::scalar && !entry.value.quoted) {
    if (entry.value.scalar == "true") return true;
    if (entry.value.scalar == "false") return false;
  }
  return failure_at(file, entry.value.position, entry.key + " must be true or false");
}

std::unexpected<Error> unknown_key(const std::string& file, const Yaml::Entry& entry) {
  return failure_at(file, entry.position,
                    "unknown key \"" + printable(entry.key, 64) +
                        "\"; a user has name, password_hash, display_name, given_name, "
                        "family_name, email, groups, claims and disabled");
}

Result<LocalUser> read_user(const std::string& file, const Yaml& yaml) {
  if (yaml.kind != Yaml::Kind::map)
    return failure_at(file, yaml.position, "a user must be a map with a name");
  LocalUser user;
  for (const Yaml::Entry& entry : yaml.entries) {
    if (entry.key == "groups") {
      user.groups = TRY(read_groups(file, entry.value));
    } else if (entry.key == "claims") {
      auto claims = parse_user_claims(entry.value);
      if (!claims) return failure_at(file, claims.error().position, claims.error().message);
      user.claims = std::move(*claims);
    } else if (entry.key == "disabled") {
      user.disabled = TRY(read_boolean(file, entry));
    } else {
      std::string* into = nullptr;
      if (entry.key == kUserKeys[0]) into = &user.name;
      if (entry.key == kUserKeys[1]) into = &user.password_hash;
      if (entry.key == kUserKeys[2]) into = &user.display_name;
      if (entry.key == kUserKeys[3]) into = &user.given_name;
      if (entry.key == kUserKeys[4]) into = &user.family_name;
      if (entry.key == kUserKeys[5]) into = &user.email;
      if (into == nullptr) return unknown_key(file, entry);
      *into = TRY(read_text(file, entry));
    }
  }
  if (!is_valid_user_name(user.name)) {
    return failure_at(file, yaml.position,
                      "a user's name has 1 to 128 of the characters A-Z a-z 0-9 . _ @ -");
  }
  auto hash = crypto::check_password_hash(user.password_hash);
  if (!hash) {
    return failure_at(file, yaml.position,
                      "password_hash of " + user.name +
                          " is no argon2id hash; set one with: openunison users passwd " +
                          user.name);
  }
  return user;
}

// "line 3, column 7: text" as the YAML reader says it, in the form of a compiler's message.
std::unexpected<Error> syntax_failure(const std::string& file, const std::string& message) {
  Position position;
  int end = 0;
  if (std::sscanf(message.c_str(), "line %d, column %d: %n", &position.line, &position.column,
                  &end) == 2 &&
      end > 0) {
    return failure_at(file, position, message.substr(static_cast<std::size_t>(end)));
  }
  return fail(Errc::bad_users_file, file + ": " + message);
}

Result<std::vector<LocalUser>> parse_users(const std::string& file, std::string_view content) {
  std::vector<LocalUser> users;
  auto yaml = Yaml::parse(content);
  if (!yaml) return syntax_failure(file, yaml.error().message());
  // Nothing at all is a file that was just made. Text without users may be all that is left of
  // them.
  if (yaml->kind == Yaml::Kind::null && content.empty()) return users;
  const Error no_list =
      Error(Errc::bad_users_file,
            file + ": the file has no list of users; if there are to be none, write \"users: []\"");
  if (yaml->kind == Yaml::Kind::null) return std::unexpected(no_list);
  if (yaml->kind != Yaml::Kind::map)
    return failure_at(file, yaml->position, "the file must be a map with the key users");
  if (yaml->entries.empty()) return std::unexpected(no_list);
  for (const Yaml::Entry& entry : yaml->entries) {
    if (entry.key != "users") {
      return failure_at(
          file, entry.position,
          "unknown key \"" + printable(entry.key, 64) + "\"; the only one here is users");
    }
    if (entry.value.kind == Yaml::Kind::null) return std::unexpected(no_list);
    if (entry.value.kind != Yaml::Kind::sequence) {
      return failure_at(file, entry.value.position, "users must be a list");
    }
    std::unordered_set<std::string> names;
    for (const Yaml& item : entry.value.items) {
      LocalUser user = TRY(read_user(file, item));
      if (!names.insert(user.name).second) {
        return failure_at(file, item.position, "the user " + user.name + " is there twice");
      }
      users.push_back(std::move(user));
    }
  }
  return users;
}

// --- Writing ---

// A scalar that reads back as this text: quoted also where only a YAML 1.1 reader would take it for
// something else.
std::string quoted(std::string_view value) {
  std::string out = text::yaml_scalar(value);
  return out.empty() ? "\"\"" : out;
}

std::string users_text(const std::vector<LocalUser>& users) {
  std::string out =
      "# The built-in users; edit with: openunison users add|passwd|list|remove\n"
      "users:";
  if (users.empty()) return out + " []\n";
  out += '\n';
  for (const LocalUser& user : users) {
    out += "  - name: " + quoted(user.name) + "\n    password_hash: " + quoted(user.password_hash) +
           '\n';
    const std::pair<std::string_view, const std::string*> texts[] = {
        {"display_name", &user.display_name},
        {"given_name", &user.given_name},
        {"family_name", &user.family_name},
        {"email", &user.email}};
    for (const auto& [key, value] : texts) {
      if (!value->empty())
        out.append("    ").append(key).append(": ").append(quoted(*value)).append("\n");
    }
    if (!user.groups.empty()) out += "    groups:\n";
    for (const std::string& group : user.groups) out += "      - " + quoted(group) + '\n';
    out += user_claims_text(user.claims);
    if (user.disabled) out += "    disabled: true\n";
  }
  return out;
}

// Where a symbolic link leads, so that a rename replaces the file and not the link.
std::string resolved(const std::string& file) {
  char buffer[PATH_MAX];
  return ::realpath(file.c_str(), buffer) != nullptr ? std::string(buffer) : file;
}

// The file "FILE.lock", made where there is none. Only what was made here is given away: in a
// folder of somebody else's, what is there may be a link to another file.
Result<int> open_lock(const std::string& file) {
  const std::string name = file + ".lock";
  int fd = ::open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd >= 0) {
    if (const auto kept = keep_owner(fd, file); !kept) {
      ::close(fd);
      return fail(Errc::bad_users_file, kept.error().text());
    }
    return fd;
  }
  if (errno == EEXIST) fd = ::open(name.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return system_failure("can't make", name);
  return fd;
}

// An exclusive lock of "FILE.lock" until the descriptor closes.
Result<int> lock(const std::string& file, Millis wait) {
  const std::string name = resolved(file) + ".lock";
  const int fd = TRY(open_lock(resolved(file)));
  const auto until = std::chrono::steady_clock::now() + wait;
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      auto failure = system_failure("can't lock", name);
      ::close(fd);
      return failure;
    }
    if (std::chrono::steady_clock::now() >= until) {
      ::close(fd);
      return fail(Errc::bad_users_file,
                  file + " is being changed by another program (it holds " + name + ")");
    }
    std::this_thread::sleep_for(Millis(20));
  }
  return fd;
}

// What was written must read back: a bad user is refused here, not at the server's next start.
Result<void> check_and_replace(const std::string& file, const std::vector<LocalUser>& users) {
  const std::string content = users_text(users);
  auto read_back = parse_users(file, content);
  if (!read_back) {
    // Where it would have stood in the file is of no use to who asked for the change.
    const std::string& message = read_back.error().message();
    return fail(Errc::bad_users_file, message.substr(message.find(": ", file.size()) + 2));
  }
  if (*read_back != users)
    return fail(Errc::bad_users_file, file + ": these users can't be written as YAML");
  const auto replaced = replace_file(resolved(file), content);
  if (!replaced) return fail(Errc::bad_users_file, replaced.error().text());
  return {};
}

}  // namespace

Result<std::vector<LocalUser>> read_users(const std::string& file) {
  const auto content = TRY(read_file(file));
  return parse_users(file, content.value_or(std::string()));
}

Result<std::vector<LocalUser>> read_users_again(const std::string& file) {
  const auto content = TRY(read_file(file));
  if (!content) return fail(Errc::bad_users_file, file + ": the file is not there");
  if (content->empty()) return fail(Errc::bad_users_file, file + ": the file is empty");
  return parse_users(file, *content);
}

Result<void> write_users(const std::string& file, const std::vector<LocalUser>& users) {
  const FileDescriptor held(TRY(lock(file, kUsersLockWait)));
  return check_and_replace(file, users);
}

Result<void> edit_users(const std::string& file,
                        const std::function<Result<void>(std::vector<LocalUser>&)>& change,
                        Millis lock_wait) {
  const FileDescriptor held(TRY(lock(file, lock_wait)));
  std::vector<LocalUser> users = TRY(read_users(file));
  TRY_VOID(change(users));
  return check_and_replace(file, users);
}

}  // namespace openunison::identity
