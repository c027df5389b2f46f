// SPDX-License-Identifier: Apache-2.0
//
// `keys` and `sessions`: ask the running server over its admin socket, which only the same user can
// open.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iostream>

#include "base/base64.h"
#include "cmd/openunison/commands.h"
#include "config/error.h"
#include "net/connect.h"
#include "net/runtime.h"
#include "text/form.h"
#include "text/json.h"

namespace openunison::cmd {
namespace {

constexpr Millis kTimeout{30'000};

struct Answer {
  int status = 0;
  text::Json body;
};

// One request, one answer, then the server closes (HTTP/1.0).
Task<Result<std::string>> exchange(std::string socket, std::string request) {
  const net::Deadline deadline = net::in(kTimeout);
  auto stream = co_await net::connect_unix(socket, deadline);
  if (!stream) co_return std::unexpected(stream.error());
  auto written = co_await (*stream)->write(request, deadline);
  if (!written) co_return std::unexpected(written.error());
  std::string answer;
  char buffer[8192];
  for (;;) {
    auto got = co_await (*stream)->read_some(buffer, deadline);
    if (!got) co_return std::unexpected(got.error());
    if (*got == 0) co_return answer;
    answer.append(buffer, *got);
  }
}

Result<Answer> ask(const CommonOptions& options, const std::string& path, const text::Form& form) {
  const std::string body = form.encode();
  const std::string request = "POST " + path +
                              " HTTP/1.0\r\nhost: admin\r\ncontent-type: "
                              "application/x-www-form-urlencoded\r\ncontent-length: " +
                              std::to_string(body.size()) + "\r\n\r\n" + body;
  net::Runtime runtime(1);
  auto text = runtime.block_on(exchange(admin_socket(options.state_directory), request));
  if (!text) {
    // Whoever may not look into the folder asks in vain, server or not.
    if (::access(options.state_directory.c_str(), X_OK) != 0 && errno == EACCES) {
      const auto usable = check_directory(options.state_directory, X_OK);
      if (!usable) return std::unexpected(usable.error().with_context("--state"));
    }
    return fail(config::Errc::bad_argument,
                "no server answers in " + options.state_directory + " (" + text.error().message() +
                    "); is openunison serve running with this --state?");
  }
  const std::size_t head = text->find("\r\n\r\n");
  if (!text->starts_with("HTTP/1.") || text->size() < 12 || head == std::string::npos)
    return fail(config::Errc::bad_argument, "the server's answer can't be read");
  Answer answer;
  answer.status = std::atoi(text->substr(9, 3).c_str());
  answer.body = TRY(text::Json::parse(std::string_view(*text).substr(head + 4), 64 << 20));
  if (answer.status != 200) {
    const std::string* why = answer.body.find_string("error");
    return fail(
        config::Errc::bad_argument,
        why != nullptr ? *why : "the server refused with status " + std::to_string(answer.status));
  }
  return answer;
}

std::string text_of(const text::Json& json, const char* name) {
  const std::string* text = json.find_string(name);
  return text != nullptr ? *text : std::string();
}

using Row = std::vector<std::string>;

// Columns as wide as their widest cell; the first row is the heading.
void print_table(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] + 2 - row[i].size(), ' ');
    }
    std::cout << line << '\n';
  }
}

void print_keys(const text::Json& list) {
  std::vector<Row> rows{{"STATE", "ALGORITHM", "CREATED", "NEXT", "KID"}};
  for (const text::Json& key : *list.array()) {
    const std::string state = text_of(key, "state");
    std::string next = "-";
    if (state == "pending") next = "signs from " + text_of(key, "activates");
    if (state == "retiring") next = "leaves at " + text_of(key, "leaves");
    rows.push_back(
        {state, text_of(key, "alg"), text_of(key, "created"), next, text_of(key, "kid")});
  }
  print_table(rows);
}

void print_sessions(const text::Json& list) {
  std::vector<Row> rows{{"USER", "KIND", "CLUSTER", "LABEL", "ADDRESS", "LAST USED", "ENDS", "ID"}};
  const auto or_dash = [](std::string text) { return text.empty() ? "-" : text; };
  for (const text::Json& session : *list.array()) {
    rows.push_back({text_of(session, "user"), text_of(session, "kind"),
                    or_dash(text_of(session, "cluster")), or_dash(text_of(session, "label")),
                    text_of(session, "address"), text_of(session, "last_used"),
                    text_of(session, "ends"), text_of(session, "id")});
  }
  print_table(rows);
}

int print(const CommonOptions& options, const Result<Answer>& answer) {
  if (!answer) return report(options, answer.error());
  if (options.output == "json") {
    std::cout << answer->body.dump_pretty();
  } else if (const text::Json* keys = answer->body.find("keys");
             keys != nullptr && keys->array() != nullptr) {
    print_keys(*keys);
    if (!text_of(answer->body, "already_pending").empty())
      std::cout << "A key was pending already; nothing was changed. With --now it signs at once.\n";
    if (const std::string kid = text_of(answer->body, "replaced"); !kid.empty())
      std::cout << "It takes the place of " << kid << ", which was pending and is gone.\n";
    if (const std::string after = text_of(answer->body, "evict_after"); !after.empty()) {
      std::cout << "API servers that have read the key still trust it. After " << after
                << " send each of them\nwhat `openunison keys eviction-token` prints: then they "
                   "forget it.\n";
    }
  }
  return 0;
}

}  // namespace

int keys_command(const CommonOptions& options, const std::string& action,
                 const std::string& argument, bool now) {
  text::Form form;
  if (!argument.empty()) form.add("kid", argument);
  if (now) form.add("now", "1");
  return print(options, ask(options, "/v1/keys/" + action, form));
}

int keys_import(const CommonOptions& options, const std::string& file, const std::string& kid,
                bool passphrase_from_stdin) {
  const auto content = read_file(file);
  if (!content) return report(options, content.error());
  text::Form form;
  form.add("file", base64_encode(*content));
  if (!kid.empty()) form.add("kid", kid);
  if (passphrase_from_stdin) {
    std::string passphrase;
    std::getline(std::cin, passphrase);
    form.add("passphrase", std::move(passphrase));
  }
  return print(options, ask(options, "/v1/keys/import", form));
}

int keys_eviction_token(const CommonOptions& options, const std::string& cluster) {
  text::Form form;
  if (!cluster.empty()) form.add("cluster", cluster);
  const auto answer = ask(options, "/v1/keys/eviction-token", form);
  if (!answer || options.output == "json") return print(options, answer);
  std::cout << text_of(answer->body, "token") << '\n';
  return 0;
}

int sessions_list(const CommonOptions& options, const std::string& user) {
  text::Form form;
  if (!user.empty()) form.add("user", user);
  const auto answer = ask(options, "/v1/sessions/list", form);
  if (!answer || options.output == "json") return print(options, answer);
  const text::Json* list = answer->body.find("sessions");
  if (list == nullptr || list->array() == nullptr)
    return report(Error(config::Errc::bad_argument, "the server's answer has no list of sessions"));
  if (list->array()->empty()) {
    std::cout << (user.empty() ? "Nobody is signed in.\n" : user + " isn't signed in.\n");
  } else {
    print_sessions(*list);
  }
  return 0;
}

int sessions_end(const CommonOptions& options, const EndOptions& which) {
  if (which.user.empty() && which.session.empty() && !which.all) {
    std::cerr << "openunison: say which sessions: --user NAME, --session ID or --all\n";
    return 2;
  }
  text::Form form;
  if (!which.user.empty()) form.add("user", which.user);
  if (!which.session.empty()) form.add("session", which.session);
  if (which.all) form.add("all", "1");
  const auto answer = ask(options, "/v1/sessions/end", form);
  if (!answer) return print(options, answer);
  const text::Json* ended = answer->body.find("ended");
  const auto count = ended != nullptr && ended->integer() != nullptr ? *ended->integer() : 0;
  if (count == 0 && !which.all) {
    return report(options,
                  Error(config::Errc::bad_argument,
                        (which.session.empty() ? "nobody called " + which.user + " has a session"
                                               : "there is no such session") +
                            std::string("; nothing was ended. `openunison sessions list` shows "
                                        "them.")));
  }
  if (options.output == "json") {
    print(options, answer);
  } else {
    std::cout << "Ended " << count << (count == 1 ? " session" : " sessions")
              << ". kubectl stops within about a minute.\n";
  }
  return 0;
}

}  // namespace openunison::cmd
