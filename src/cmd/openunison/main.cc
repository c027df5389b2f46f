// SPDX-License-Identifier: Apache-2.0
//
// `openunison`: the command line. What each subcommand does is in a file of its own.
#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>
#include <optional>

#include "cmd/openunison/commands.h"
#include "cmd/openunison/no_dumps.h"

namespace {

using namespace openunison::cmd;

void add_values(CLI::App* command, CommonOptions& options) {
  command->add_option("-f,--values", options.values_file, "The values file")->capture_default_str();
}
void add_state(CLI::App* command, CommonOptions& options) {
  command
      ->add_option("--state", options.state_directory,
                   "Directory of keys, sessions and the admin socket")
      ->required();
}
void add_secrets(CLI::App* command, CommonOptions& options) {
  command
      ->add_option("--secrets", options.secrets_directory,
                   "Directory of secret files: OU_MASTER_KEY, OIDC_CLIENT_SECRET, tls.crt, ...")
      ->required();
}
void add_output(CLI::App* command, CommonOptions& options) {
  command->add_option("--output", options.output, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
}

void add_examples(CLI::App* command, const std::string& examples) {
  command->footer("Examples:\n" + examples);
}

void add_serve(CLI::App& app, CommonOptions& common, int& code) {
  CLI::App* command = app.add_subcommand("serve", "Run the portal and the OpenID provider");
  add_values(command, common);
  add_secrets(command, common);
  add_state(command, common);
  add_examples(command,
               "  openunison serve -f values.yaml --secrets secrets --state state\n"
               "SIGTERM finishes what runs and stops; SIGHUP reads the certificates again.");
  command->callback([&] { code = serve(common); });
}

void add_check(CLI::App& app, CommonOptions& common, int& code) {
  struct Options {
    bool offline = false, schema = false;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "check", "Say everything that is wrong with a values file, its secrets and its providers");
  add_values(command, common);
  command->add_option("--secrets", common.secrets_directory,
                      "Also look at the secret files in this directory");
  command->add_option("--state", common.state_directory,
                      "Also look at the session database in this directory, while no server runs; "
                      "needs --secrets");
  command->add_flag("--offline", options->offline, "Don't ask the identity providers");
  command->add_flag("--print-schema", options->schema,
                    "Print the JSON Schema of values files, for editors, and do nothing else");
  add_output(command, common);
  add_examples(command,
               "  openunison check -f values.yaml --secrets secrets\n"
               "  openunison check -f values.yaml --offline --output json\n"
               "  openunison check -f values.yaml --secrets secrets --state state\n"
               "  openunison check --print-schema > values.schema.json");
  command->callback([&common, &code, options] {
    code = options->schema ? print_schema() : check(common, options->offline);
  });
}

void add_api_server_config(CLI::App& app, CommonOptions& common, int& code) {
  struct Options {
    std::string format = "all", cluster, ca_file;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "api-server-config", "Print what the cluster must be told to trust this portal");
  add_values(command, common);
  command
      ->add_option("--format,--output", options->format,
                   "all, flags, authentication-configuration, eks-cli, eksctl, terraform or json")
      ->capture_default_str();
  command->add_option("--cluster", options->cluster, "A cluster's name; by default the first");
  command->add_option("--ca-file", options->ca_file,
                      "The path of the portal's CA on the API server's machine");
  add_examples(command,
               "  openunison api-server-config -f values.yaml --format flags\n"
               "  openunison api-server-config -f values.yaml --format eks-cli --cluster prod");
  command->callback([&common, &code, options] {
    code = api_server_config(common, options->format, options->cluster, options->ca_file);
  });
}

void add_users(CLI::App& app, CommonOptions& common, int& code) {
  const auto user = std::make_shared<UserOptions>();
  CLI::App* users = app.add_subcommand("users", "Manage the built-in users");
  users->require_subcommand(1);
  add_examples(users,
               "  openunison users add alice --secrets secrets --group admins,staff\n"
               "  openunison users list --secrets secrets");
  const auto add_command = [&](const char* name, const char* help, bool password) {
    CLI::App* command = users->add_subcommand(name, help);
    command->add_option("name", user->name, "The user's name")->required();
    add_secrets(command, common);
    if (password)
      command->add_flag("--password-stdin", user->password_from_stdin,
                        "Read the password from standard input");
    return command;
  };
  CLI::App* add = add_command("add", "Add a user", true);
  add->add_option("--group", user->groups, "A group; may be repeated, or a list with commas")
      ->delimiter(',')
      ->allow_extra_args(false);
  add->add_option("--display-name", user->display_name, "The person's name");
  add->add_option("--email", user->email, "Mail address");
  add_examples(add,
               "  openunison users add alice --secrets secrets --group admins,staff\n"
               "  printf %s \"$PASSWORD\" | openunison users add bob --secrets secrets "
               "--password-stdin");
  add->callback([&common, &code, user] { code = users_add(common, *user); });
  CLI::App* passwd = add_command("passwd", "Change a user's password", true);
  add_examples(passwd, "  openunison users passwd alice --secrets secrets");
  passwd->callback([&common, &code, user] { code = users_passwd(common, *user); });
  CLI::App* remove = add_command("remove", "Remove a user; sessions end at the next check", false);
  add_examples(remove, "  openunison users remove alice --secrets secrets");
  remove->callback([&common, &code, user] { code = users_remove(common, *user); });
  CLI::App* list = users->add_subcommand("list", "List the users");
  add_secrets(list, common);
  add_output(list, common);
  add_examples(list, "  openunison users list --secrets secrets --output json");
  list->callback([&] { code = users_list(common); });
}

void add_keys(CLI::App& app, CommonOptions& common, int& code) {
  struct Options {
    std::string kid, file, cluster;
    bool now = false, passphrase = false;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* keys = app.add_subcommand("keys", "Manage the signing keys of a running server");
  keys->require_subcommand(1);
  add_examples(keys,
               "  openunison keys list --state state\n"
               "  openunison keys rotate --state state");
  CLI::App* list = keys->add_subcommand("list", "List the keys");
  add_examples(list, "  openunison keys list --state state --output json");
  CLI::App* rotate = keys->add_subcommand(
      "rotate", "Publish a new key, which signs once API servers have had time to learn it");
  rotate->add_flag(
      "--now", options->now,
      "Sign with it at once, or with the one that is pending (emergency: API servers refuse its "
      "tokens until they refetch)");
  add_examples(rotate, "  openunison keys rotate --state state");
  CLI::App* retire = keys->add_subcommand("retire", "Take a leaked key out at once");
  retire->add_option("kid", options->kid, "The key's id")->required();
  add_examples(retire, "  openunison keys retire KID --state state");
  CLI::App* import =
      keys->add_subcommand("import", "Publish a key of your own (PEM or PKCS#12) as the next one");
  import->add_option("file", options->file, "The file")->required();
  import->add_option("--kid", options->kid, "Its id; by default its RFC 7638 thumbprint");
  import->add_flag("--passphrase-stdin", options->passphrase,
                   "Read the file's passphrase from standard input");
  add_examples(import,
               "  openunison keys import signing.pem --state state\n"
               "  openunison keys import signing.p12 --kid 2026-11 --passphrase-stdin --state "
               "state < passphrase");
  CLI::App* evict = keys->add_subcommand(
      "eviction-token",
      "Print a token that is refused everywhere, but makes an API server read the keys again and "
      "forget a retired one");
  evict->add_option("--cluster", options->cluster, "For this cluster; by default the first");
  add_examples(evict,
               "  openunison keys eviction-token --state state --cluster demo\n"
               "  curl --cacert ca.crt -H \"Authorization: Bearer $(openunison keys "
               "eviction-token --state state)\" https://API-SERVER:6443/api");
  for (CLI::App* command : {list, rotate, retire, import, evict}) {
    add_state(command, common);
    add_output(command, common);
  }
  list->callback([&] { code = keys_command(common, "list", "", false); });
  rotate->callback(
      [&common, &code, options] { code = keys_command(common, "rotate", "", options->now); });
  retire->callback(
      [&common, &code, options] { code = keys_command(common, "retire", options->kid, false); });
  evict->callback(
      [&common, &code, options] { code = keys_eviction_token(common, options->cluster); });
  import->callback([&common, &code, options] {
    code = keys_import(common, options->file, options->kid, options->passphrase);
  });
}

void add_sessions(CLI::App& app, CommonOptions& common, int& code) {
  const auto which = std::make_shared<EndOptions>();
  CLI::App* sessions = app.add_subcommand("sessions", "See and end sessions of a running server");
  sessions->require_subcommand(1);
  add_examples(sessions,
               "  openunison sessions list --state state\n"
               "  openunison sessions end --user alice --state state");
  CLI::App* list = sessions->add_subcommand("list", "List the sessions");
  list->add_option("--user", which->user, "Only this user's");
  add_examples(list, "  openunison sessions list --user alice --state state");
  CLI::App* end = sessions->add_subcommand("end", "End sessions");
  CLI::Option* by_user = end->add_option("--user", which->user, "All sessions of this user");
  CLI::Option* by_id = end->add_option("--session", which->session, "The session with this id");
  CLI::Option* everyone = end->add_flag("--all", which->all, "All sessions of everybody");
  by_user->excludes(everyone)->excludes(by_id);
  by_id->excludes(everyone);
  add_examples(end,
               "  openunison sessions end --user alice --state state\n"
               "  openunison sessions end --session ID --state state");
  for (CLI::App* command : {list, end}) {
    add_state(command, common);
    add_output(command, common);
  }
  list->callback([&common, &code, which] { code = sessions_list(common, which->user); });
  end->callback([&common, &code, which] { code = sessions_end(common, *which); });
}

struct UnknownCommand {
  std::string word, below;  // below: "openunison users"
};

// The first word that stands where a command should and is none, if there is one.
std::optional<UnknownCommand> unknown_command(const CLI::App& app, int argc, char** argv) {
  const CLI::App* at = &app;
  std::string path = app.get_name();
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word.starts_with('-') || at->get_require_subcommand_min() == 0) return std::nullopt;
    const auto commands =
        at->get_subcommands([&](const CLI::App* command) { return command->get_name() == word; });
    if (commands.empty()) return UnknownCommand{word, path};
    at = commands.front();
    path += ' ' + word;
  }
  return std::nullopt;
}

int run(int argc, char** argv) {
  CLI::App app{"Single sign-on for Kubernetes: portal and OpenID provider", "openunison"};
  app.set_version_flag("--version", "openunison " OPENUNISON_VERSION);
  app.require_subcommand(1);
  add_examples(&app,
               "  openunison check -f values.yaml --secrets secrets\n"
               "  openunison serve -f values.yaml --secrets secrets --state state\n"
               "  openunison COMMAND --help\n"
               "Exit codes: 0 done; 1 failed, and what is printed says why; 2 used wrongly.");
  CommonOptions common;
  int code = 0;
  add_serve(app, common, code);
  add_check(app, common, code);
  add_api_server_config(app, common, code);
  add_users(app, common, code);
  add_keys(app, common, code);
  add_sessions(app, common, code);
  if (const auto unknown = unknown_command(app, argc, argv)) {
    std::cerr << unknown->below << ": there is no command " << unknown->word << "; "
              << unknown->below << " --help lists them\n";
    return 2;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const bool asked_for_help = error.get_exit_code() == 0;
    app.exit(error);
    return asked_for_help ? 0 : 2;
  }
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  if (!openunison::cmd::forbid_dumps())
    std::cerr << "openunison: the system doesn't let core dumps be forbidden\n";
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "openunison: this is a bug, please report it: " << error.what() << '\n';
    return 1;
  }
}
