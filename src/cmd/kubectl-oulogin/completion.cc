// SPDX-License-Identifier: Apache-2.0
//
// `completion SHELL`: what makes a shell ask `__complete WORDS...`, which knows what may come next.
// It answers as kubectl expects it of a program `kubectl_complete-oulogin` on the PATH (a word a
// line, then ":4": no file names, or ":0"), so that `kubectl oulogin <TAB>` works too.
#include <iostream>
#include <span>
#include <string_view>

#include "cli/entries.h"
#include "cmd/kubectl-oulogin/commands.h"
#include "cmd/kubectl-oulogin/plugin.h"

namespace openunison::plugin {
namespace {

using Words = std::vector<std::string>;

struct Command {
  std::string_view name;
  Words flags;
};

const std::vector<Command>& commands() {
  static const std::vector<Command> all = {
      {"",
       {"--host=", "--cluster=", "--context=", "--certificate-authority=", "--kubeconfig=",
        "--browser=", "--storage=", "--device", "--auth-provider",
        "--token-file=", "--password-stdin", "--username=", "--output=", "--verbose", "--help"}},
      {"status",
       {"--host=", "--output=", "--token-file=", "--certificate-authority=", "--verbose",
        "--help"}},
      {"list", {"--host=", "--kubeconfig=", "--output=", "--help"}},
      {"switch", {"--kubeconfig=", "--help"}},
      {"logout", {"--host=", "--kubeconfig=", "--all", "--purge", "--verbose", "--help"}},
      {"version", {"--help"}},
      {"completion", {"--help"}}};
  return all;
}

const Command& command_of(std::span<const std::string> words) {
  for (const std::string& word : words) {
    for (const Command& each : commands()) {
      if (!each.name.empty() && word == each.name) return each;
    }
  }
  return commands().front();
}

std::vector<cli::OwnContext> known_contexts() {
  const auto files = kube::find_files("", kube::Environment::of_process());
  const auto config = files ? kube::read(*files) : Result<kube::Kubeconfig>();
  return files && config ? cli::own_contexts(*config) : std::vector<cli::OwnContext>();
}

// What may stand after `flag=`, each with the flag.
Words values_of(std::string_view flag) {
  Words values;
  if (flag == "--output=") values = {"text", "json"};
  if (flag == "--browser=") values = {"auto", "tty", "desktop", "never"};
  if (flag == "--storage=") values = {"auto", "file", "keyring"};
  if (flag == "--host=" || flag == "--cluster=" || flag == "--context=") {
    for (const cli::OwnContext& each : known_contexts())
      values.push_back(flag == "--host="      ? each.host
                       : flag == "--cluster=" ? each.cluster
                                              : each.name);
  }
  for (std::string& value : values) value.insert(0, flag);
  return values;
}

Words candidates(const Command& command, std::string_view word) {
  const std::size_t equals = word.find('=');
  if (word.starts_with("--") && equals != std::string_view::npos)
    return values_of(word.substr(0, equals + 1));
  Words all;
  if (command.name.empty()) {
    for (const Command& each : commands()) {
      if (!each.name.empty()) all.emplace_back(each.name);
    }
  }
  if (command.name == "completion") all = {"bash", "zsh", "fish", "powershell"};
  if (command.name == "switch") {
    for (const cli::OwnContext& each : known_contexts()) all.push_back(each.name);
  }
  all.insert(all.end(), command.flags.begin(), command.flags.end());
  return all;
}

constexpr std::string_view kBash = R"sh(# source <(kubectl-oulogin completion bash)
_kubectl_oulogin() {
  local words=("${COMP_WORDS[@]:1:COMP_CWORD}") line word
  # Bash takes '=' for a word of its own.
  line="${COMP_LINE:0:COMP_POINT}"
  read -ra words <<< "${line#* }"
  [[ $line == *" " ]] && words+=("")
  word="${words[${#words[@]}-1]}"
  COMPREPLY=()
  while IFS= read -r line; do
    [[ $line == :* ]] && continue
    [[ $line == "$word"* ]] || continue
    [[ $word == *=* ]] && line="${line#*=}"
    COMPREPLY+=("$line")
  done < <(kubectl-oulogin __complete "${words[@]}" 2> /dev/null)
  [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace
}
complete -o default -F _kubectl_oulogin kubectl-oulogin
)sh";

constexpr std::string_view kZsh = R"sh(#compdef kubectl-oulogin
# source <(kubectl-oulogin completion zsh), after compinit
_kubectl_oulogin() {
  local -a found
  found=(${${(f)"$(kubectl-oulogin __complete "${(@)words[2,CURRENT]}" 2> /dev/null)"}:#:*})
  compadd -S '' -- ${(M)found:#*=}
  compadd -- ${found:#*=}
}
compdef _kubectl_oulogin kubectl-oulogin
)sh";

constexpr std::string_view kFish = R"sh(# kubectl-oulogin completion fish | source
complete -c kubectl-oulogin -f -a '(kubectl-oulogin __complete (commandline -opc)[2..] (commandline -ct) 2> /dev/null | string match -v ":*")'
)sh";

constexpr std::string_view kPowershell =
    R"sh(# kubectl-oulogin completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName kubectl-oulogin -ScriptBlock {
  param($word, $line)
  $words = @($line.CommandElements | Select-Object -Skip 1 | ForEach-Object { "$_" })
  if ("$word" -eq '') { $words += '' }
  kubectl-oulogin __complete @words 2> $null | Where-Object { $_ -notlike ':*' -and $_ -like "$word*" } |
    ForEach-Object { [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_) }
}
)sh";

}  // namespace

int complete(const std::vector<std::string>& words) {
  const std::string word = words.empty() ? "" : words.back();
  const auto before = std::span(words).first(words.empty() ? 0 : words.size() - 1);
  const bool wants_file = word.starts_with("--kubeconfig=") ||
                          word.starts_with("--certificate-authority=") ||
                          word.starts_with("--token-file=");
  for (const std::string& each : candidates(command_of(before), word)) {
    if (each.starts_with(word)) std::cout << cli::printable(each) << "\n";
  }
  std::cout << (wants_file ? ":0\n" : ":4\n") << std::flush;
  return kDone;
}

int completion(const std::string& shell) {
  std::cout << (shell == "bash"   ? kBash
                : shell == "zsh"  ? kZsh
                : shell == "fish" ? kFish
                                  : kPowershell)
            << std::flush;
  return std::cout.good() ? kDone : kFailed;
}

}  // namespace openunison::plugin
