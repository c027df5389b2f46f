// SPDX-License-Identifier: Apache-2.0
//
// kubectl-oulogin, for kubectl `kubectl oulogin`: the command line. What each command does is in a
// file of its own.
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <iostream>
#include <optional>

#include "base/log.h"
#include "cli/no_dumps.h"
#include "cmd/kubectl-oulogin/commands.h"
#include "cmd/kubectl-oulogin/plugin.h"

namespace {

using namespace openunison::plugin;

void add_host(CLI::App* command, Options& options) {
  command->add_option("--host", options.host, "The portal: its host, or its address");
}
void add_kubeconfig(CLI::App* command, Options& options) {
  command->add_option("--kubeconfig", options.kubeconfig,
                      "This kubeconfig alone, instead of KUBECONFIG or ~/.kube/config");
}
void add_output(CLI::App* command, Options& options) {
  command->add_option("--output", options.output, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
}
void add_token_file(CLI::App* command, Options& options) {
  command->add_option("--token-file", options.token_file,
                      "For programs: the file of a token that the portal takes instead of a "
                      "sign-in (a service account's, a CI service's)");
}
void add_authority(CLI::App* command, Options& options) {
  command->add_option("--certificate-authority", options.certificate_authority,
                      "PEM certificates to trust for this portal, beside the machine's own");
}
void add_browser(CLI::App* command, Options& options) {
  command
      ->add_option("--browser", options.browser,
                   "When to open one: auto, tty (only for a call from a terminal), desktop "
                   "(always), never")
      ->check(CLI::IsMember({"auto", "tty", "desktop", "never"}))
      ->capture_default_str();
}

void add_storage(CLI::App* command, Options& options) {
  command
      ->add_option("--storage", options.storage,
                   "Where the sign-in is kept: auto (the desktop's keyring where there is one), "
                   "file, keyring; remembered")
      ->check(CLI::IsMember({"auto", "file", "keyring"}));
}
void add_verbose(CLI::App* command, Options& options) {
  command->add_flag("-v,--verbose", options.verbose,
                    "Say on standard error what is done, without secrets; twice: more");
}

void add_login(CLI::App& app, Options& options) {
  add_host(&app, options);
  app.add_option("--cluster", options.cluster,
                 "The cluster to switch to, by its name at the portal");
  app.add_option("--context", options.context, "The context's name in the kubeconfig");
  add_authority(&app, options);
  add_token_file(&app, options);
  add_kubeconfig(&app, options);
  add_browser(&app, options);
  add_storage(&app, options);
  add_verbose(&app, options);
  app.add_flag("--device", options.device, "Show a code to enter on another device");
  app.add_flag("--password-stdin", options.password_stdin,
               "Sign in a built-in user with the password on the first line of standard input, "
               "where the portal allows it");
  app.add_option("--username", options.username, "Whose password that is");
  app.add_flag("--auth-provider", options.auth_provider,
               "Write kubectl's built-in OpenID Connect form, for machines without this plugin");
  add_output(&app, options);
  app.footer(
      "Examples:\n"
      "  kubectl oulogin --host=k8sou.example.com\n"
      "  kubectl oulogin --host=k8sou.example.com --cluster=prod --context=production\n"
      "  kubectl oulogin --host=k8sou.example.com --device\n"
      "  kubectl oulogin --host=k8sou.example.com --token-file=/var/run/secrets/openunison/token\n"
      "  kubectl oulogin status\n"
      "Exit code: 0 done, 1 failed, 2 used wrongly.");
}

void add_get_token(CLI::App& app, Options& options, int& code) {
  CLI::App* command =
      app.add_subcommand("get-token", "Print a credential for kubectl, which runs this");
  command->add_option("--host", options.host, "The portal")->required();
  command->add_option("--cluster", options.cluster, "The cluster")->required();
  add_browser(command, options);
  add_verbose(command, options);
  add_token_file(command, options);
  add_authority(command, options);
  command->callback([&] { code = get_token(options); });
}

void add_others(CLI::App& app, Options& options, int& code) {
  CLI::App* shown = app.add_subcommand("status", "Who is signed in, until when, with which tokens");
  add_host(shown, options);
  add_output(shown, options);
  add_verbose(shown, options);
  add_token_file(shown, options);
  add_authority(shown, options);
  shown->callback([&] { code = status(options); });

  CLI::App* listed = app.add_subcommand("list", "The contexts that this plugin has written");
  add_host(listed, options);
  add_kubeconfig(listed, options);
  add_output(listed, options);
  listed->callback([&] { code = list(options); });

  CLI::App* switched = app.add_subcommand("switch", "Make one of them the current context");
  switched->add_option("name", options.context, "A context, or a cluster's name")->required();
  add_kubeconfig(switched, options);
  switched->callback([&] { code = switch_context(options); });

  CLI::App* ended = app.add_subcommand("logout", "End what this plugin has at a portal");
  add_host(ended, options);
  add_kubeconfig(ended, options);
  add_verbose(ended, options);
  ended->add_flag("--all", options.all, "The whole sign-in: the browser's session as well");
  ended->add_flag("--purge", options.purge, "Also take its entries out of the kubeconfig");
  ended->callback([&] { code = logout(options); });

  CLI::App* version = app.add_subcommand("version", "Print the version");
  version->callback([&] {
    std::cout << "kubectl-oulogin " OPENUNISON_VERSION "\n" << std::flush;
    code = std::cout.good() ? kDone : kFailed;
  });

  const auto shell = std::make_shared<std::string>();
  CLI::App* completed = app.add_subcommand("completion", "Print a completion script");
  completed->add_option("shell", *shell, "bash, zsh, fish or powershell")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish", "powershell"}));
  completed->callback([&code, shell] { code = completion(*shell); });
}

// Of calls whose command line stands in a kubeconfig: kubectl passes its environment on.
int verbose_by_environment() {
  const char* const value = std::getenv("KUBECTL_OULOGIN_VERBOSE");
  if (value == nullptr || *value == '\0' || std::strcmp(value, "0") == 0) return 0;
  return std::strcmp(value, "2") == 0 ? 2 : 1;
}

// What kubectl types, read without the parser of command lines, which takes longer than all else.
std::optional<Options> plain_get_token(int argc, char** argv) {
  if (argc < 2 || std::strcmp(argv[1], "get-token") != 0) return std::nullopt;
  Options options;
  options.verbose = verbose_by_environment();
  for (int i = 2; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.starts_with("--host=")) {
      options.host = argument.substr(7);
    } else if (argument.starts_with("--cluster=")) {
      options.cluster = argument.substr(10);
    } else if (argument.starts_with("--browser=")) {
      options.browser = argument.substr(10);
    } else if (argument.starts_with("--token-file=")) {
      options.token_file = argument.substr(13);
    } else if (argument.starts_with("--certificate-authority=")) {
      options.certificate_authority = argument.substr(24);
    } else {
      return std::nullopt;
    }
  }
  return options;
}

int run(int argc, char** argv) {
  openunison::log::configure(openunison::log::Level::error);
  if (const auto plain = plain_get_token(argc, argv)) return get_token(*plain);
  if (argc >= 2 && std::strcmp(argv[1], "__complete") == 0)
    return complete({argv + 2, argv + argc});

  Options options;
  options.verbose = verbose_by_environment();
  int code = kDone;
  CLI::App app("Sign in to Kubernetes, knowing only the portal's host", "kubectl oulogin");
  app.require_subcommand(0, 1);
  add_login(app, options);
  add_get_token(app, options, code);
  add_others(app, options, code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kUsedWrongly;
  }
  if (!app.get_subcommands().empty()) return code;
  if (options.host.empty()) {
    std::cerr << "kubectl-oulogin: --host is missing: the portal's host, such as "
                 "k8sou.example.com; --help says more\n";
    return kUsedWrongly;
  }
  return login(options);
}

}  // namespace

int main(int argc, char** argv) {
  openunison::cli::forbid_dumps();
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "kubectl-oulogin: " << error.what() << "\n";
    return kFailed;
  }
}
