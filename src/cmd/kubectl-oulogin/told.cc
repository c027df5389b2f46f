// SPDX-License-Identifier: Apache-2.0
#include "cmd/kubectl-oulogin/told.h"

namespace openunison::plugin {

text::Json json_of(const cli::Host& host, const Told& told) {
  text::Json json;
  json.set("host", host.text());
  json.set("user", told.user);
  json.set("context", told.context);
  json.set("cluster", told.cluster);
  json.set("server", told.server);
  json.set("other_contexts", text::Json(text::Json::Array(told.others.begin(), told.others.end())));
  json.set("files_changed", text::Json(text::Json::Array(told.files.begin(), told.files.end())));
  return json;
}

void tell_context(cli::Terminal& terminal, const Told& told) {
  terminal.line("kubectl now uses the context " + told.context + " (" + told.server + ")",
                cli::Ink::strong);
  for (const std::string& file : told.files) terminal.line("Changed: " + file, cli::Ink::soft);
  if (!told.others.empty()) {
    std::string names;
    for (const std::string& each : told.others) names += (names.empty() ? "" : ", ") + each;
    terminal.line("Also there: " + names + "; change with: kubectl oulogin switch NAME");
  }
  terminal.line("Try: kubectl auth whoami");
}

}  // namespace openunison::plugin
