// SPDX-License-Identifier: Apache-2.0
//
// `openunison`: the command line. What each subcommand does is in a file of its own.
#include <CLI/CLI.hpp>
#include <iostream>

#include "cmd/openunison/commands.h"

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

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Single sign-on for Kubernetes: portal and OpenID provider"};
  app.set_version_flag("--version", "openunison " OPENUNISON_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Examples:\n  openunison check -f values.yaml\n  openunison serve -f values.yaml --secrets "
      "secrets --state state\n"
      "  openunison api-server-config -f values.yaml --format flags\n  openunison users add alice "
      "--secrets secrets --group admins --password-stdin\n"
      "  openunison sessions end --state state --user alice");
  CommonOptions common;
  int code = 0;

  CLI::App* serve_command = app.add_subcommand("serve", "Run the portal and the OpenID provider");
  add_values(serve_command, common);
  add_secrets(serve_command, common);
  add_state(serve_command, common);
  serve_command->callback([&] { code = serve(common); });

  CLI::App* check_command =
      app.add_subcommand("check", "Say everything that is wrong with a values file");
  add_values(check_command, common);
  check_command->add_option("--secrets", common.secrets_directory,
                            "Also check that the secret files are there");
  add_output(check_command, common);
  check_command->callback([&] { code = check(common); });

  std::string format = "all", cluster, ca_file;
  CLI::App* config_command = app.add_subcommand(
      "api-server-config", "Print what the cluster must be told to trust this portal");
  add_values(config_command, common);
  config_command
      ->add_option("--format,--output", format,
                   "all, flags, authentication-configuration, eks-cli, eksctl, terraform or json")
      ->capture_default_str();
  config_command->add_option("--cluster", cluster, "A cluster's name; by default the first");
  config_command->add_option("--ca-file", ca_file,
                             "The path of the portal's CA on the API server's machine");
  config_command->callback([&] { code = api_server_config(common, format, cluster, ca_file); });

  UserOptions user;
  CLI::App* users = app.add_subcommand("users", "Manage the built-in users");
  users->require_subcommand(1);
  const auto user_command = [&](const char* name, const char* help, bool password) {
    CLI::App* command = users->add_subcommand(name, help);
    command->add_option("name", user.name, "The user's name")->required();
    add_secrets(command, common);
    if (password)
      command->add_flag("--password-stdin", user.password_from_stdin,
                        "Read the password from standard input");
    return command;
  };
  CLI::App* add = user_command("add", "Add a user", true);
  add->add_option("--group", user.groups, "A group; may be repeated");
  add->add_option("--display-name", user.display_name, "The person's name");
  add->add_option("--email", user.email, "Mail address");
  add->callback([&] { code = users_add(common, user); });
  user_command("passwd", "Change a user's password", true)->callback([&] {
    code = users_passwd(common, user);
  });
  user_command("remove", "Remove a user; sessions end at the next check", false)->callback([&] {
    code = users_remove(common, user);
  });
  CLI::App* list_users = users->add_subcommand("list", "List the users");
  add_secrets(list_users, common);
  add_output(list_users, common);
  list_users->callback([&] { code = users_list(common); });

  std::string kid, key_file;
  bool now = false, passphrase = false;
  CLI::App* keys = app.add_subcommand("keys", "Manage the signing keys of a running server");
  keys->require_subcommand(1);
  CLI::App* rotate = keys->add_subcommand(
      "rotate", "Publish a new key, which signs once API servers have had time to learn it");
  rotate->add_flag(
      "--now", now,
      "Sign with it at once (emergency: API servers refuse its tokens until they refetch)");
  CLI::App* retire = keys->add_subcommand("retire", "Take a leaked key out at once");
  retire->add_option("kid", kid, "The key's id")->required();
  CLI::App* list_keys = keys->add_subcommand("list", "List the keys");
  CLI::App* import =
      keys->add_subcommand("import", "Publish a key of your own (PEM or PKCS#12) as the next one");
  import->add_option("file", key_file, "The file")->required();
  import->add_option("--kid", kid, "Its id; by default its RFC 7638 thumbprint");
  import->add_flag("--passphrase-stdin", passphrase,
                   "Read the file's passphrase from standard input");
  for (CLI::App* command : {rotate, retire, list_keys, import}) {
    add_state(command, common);
    add_output(command, common);
  }
  rotate->callback([&] { code = keys_command(common, "rotate", "", now); });
  retire->callback([&] { code = keys_command(common, "retire", kid, false); });
  list_keys->callback([&] { code = keys_command(common, "list", "", false); });
  import->callback([&] { code = keys_import(common, key_file, kid, passphrase); });

  std::string session_user;
  bool all = false;
  CLI::App* sessions = app.add_subcommand("sessions", "See and end sessions of a running server");
  sessions->require_subcommand(1);
  CLI::App* list_sessions = sessions->add_subcommand("list", "List the sessions");
  list_sessions->add_option("--user", session_user, "Only this user's");
  CLI::App* end_sessions = sessions->add_subcommand("end", "End sessions");
  CLI::Option* by_user =
      end_sessions->add_option("--user", session_user, "All sessions of this user");
  CLI::Option* everyone = end_sessions->add_flag("--all", all, "All sessions of everybody");
  by_user->excludes(everyone);
  for (CLI::App* command : {list_sessions, end_sessions}) {
    add_state(command, common);
    add_output(command, common);
  }
  list_sessions->callback([&] { code = sessions_list(common, session_user); });
  end_sessions->callback([&] { code = sessions_end(common, session_user, all); });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const bool asked_for_help = error.get_exit_code() == 0;
    app.exit(error);
    return asked_for_help ? 0 : 2;
  }
  return code;
}
