// SPDX-License-Identifier: Apache-2.0
//
// Kubeconfigs read and changed by ours, for comparison with kubectl (tests/e2e/kubeconfig.test.ts).
//   kubeconfig_tool emit FILE            the whole file, written anew
//   kubeconfig_tool read [FILE]          all files merged, as JSON
//   kubeconfig_tool apply [FILE] < JSON  a change; the files that were written, as JSON
// FILE as --kubeconfig; without it KUBECONFIG and HOME decide. Errors go to stderr, exit status 1.
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "kube/kubeconfig.h"
#include "text/json.h"
#include "text/yaml_document.h"

using namespace openunison;
using text::Json;

namespace {

std::string text_of(const Json& object, std::string_view name) {
  const std::string* found = object.find_string(name);
  return found ? *found : "";
}

template <class Each>
void for_each(const Json& object, std::string_view name, Each each) {
  const Json* list = object.find(name);
  if (!list || !list->array()) return;
  for (const Json& item : *list->array()) each(item);
}

std::vector<std::string> texts(const Json& object, std::string_view name) {
  std::vector<std::string> list;
  for_each(object, name, [&](const Json& item) { list.push_back(*item.string()); });
  return list;
}

kube::Change change_of(const Json& json) {
  kube::Change change;
  change.remove_clusters = texts(json, "remove_clusters");
  change.remove_users = texts(json, "remove_users");
  change.remove_contexts = texts(json, "remove_contexts");
  for_each(json, "clusters", [&](const Json& item) {
    kube::ClusterEntry entry;
    entry.name = text_of(item, "name");
    entry.server = text_of(item, "server");
    entry.certificate_authority_pem = text_of(item, "ca");
    change.clusters.push_back(entry);
  });
  for_each(json, "exec_users", [&](const Json& item) {
    kube::ExecUser entry;
    entry.name = text_of(item, "name");
    entry.command = text_of(item, "command");
    entry.args = texts(item, "args");
    entry.install_hint = text_of(item, "install_hint");
    for_each(item, "env", [&](const Json& variable) {
      entry.env.emplace_back(text_of(variable, "name"), text_of(variable, "value"));
    });
    change.exec_users.push_back(entry);
  });
  for_each(json, "auth_provider_users", [&](const Json& item) {
    kube::AuthProviderUser entry;
    entry.name = text_of(item, "name");
    entry.issuer_url = text_of(item, "issuer");
    entry.client_id = text_of(item, "client_id");
    entry.refresh_token = Secret(text_of(item, "refresh_token"));
    entry.issuer_ca_pem = text_of(item, "ca");
    change.auth_provider_users.push_back(entry);
  });
  for_each(json, "contexts", [&](const Json& item) {
    change.contexts.push_back({text_of(item, "name"), text_of(item, "cluster"),
                               text_of(item, "user"), text_of(item, "namespace")});
  });
  if (const std::string* current = json.find_string("current_context"))
    change.current_context = *current;
  return change;
}

Json shown(const kube::Kubeconfig& config) {
  Json::Array clusters, users, contexts;
  for (const auto& [entry, origin] : config.clusters) {
    clusters.push_back(Json::Object{{"name", entry.name},
                                    {"server", entry.server},
                                    {"ca", entry.certificate_authority_pem},
                                    {"ca_file", entry.certificate_authority_file},
                                    {"insecure", entry.insecure_skip_tls_verify},
                                    {"file", origin.file}});
  }
  for (const auto& [entry, origin] : config.users) {
    Json user = Json::Object{{"name", entry.name}, {"file", origin.file}};
    if (entry.exec) user.set("command", entry.exec->command);
    if (entry.auth_provider) user.set("issuer", entry.auth_provider->issuer_url);
    users.push_back(user);
  }
  for (const auto& [entry, origin] : config.contexts) {
    contexts.push_back(Json::Object{{"name", entry.name},
                                    {"cluster", entry.cluster},
                                    {"user", entry.user},
                                    {"namespace", entry.namespace_name},
                                    {"file", origin.file}});
  }
  return Json::Object{{"current_context", config.current_context},
                      {"clusters", clusters},
                      {"users", users},
                      {"contexts", contexts}};
}

int failed(const Error& error) {
  std::cerr << error.message() << "\n";
  return 1;
}

int emit(const char* file) {
  std::ifstream in(file, std::ios::binary);
  const auto document =
      text::YamlDocument::parse(std::string(std::istreambuf_iterator<char>(in), {}));
  if (!document) {
    std::cerr << document.error().why << "\n";
    return 1;
  }
  std::cout << text::emit_yaml(document->root());
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  const std::string verb = count > 1 ? arguments[1] : "";
  if (verb == "emit" && count == 3) return emit(arguments[2]);
  const auto files =
      kube::find_files(count == 3 ? arguments[2] : "", kube::Environment::of_process());
  if (!files) return failed(files.error());
  if (verb == "read") {
    const auto config = kube::read(*files);
    if (!config) return failed(config.error());
    std::cout << shown(*config).dump() << "\n";
    return 0;
  }
  if (verb != "apply") {
    std::cerr << "kubeconfig_tool emit FILE | read [FILE] | apply [FILE] < JSON\n";
    return 2;
  }
  const auto json = Json::parse(std::string(std::istreambuf_iterator<char>(std::cin), {}));
  if (!json) return failed(json.error());
  const auto written = kube::apply(*files, change_of(*json));
  if (!written) return failed(written.error());
  Json::Array names(written->files.begin(), written->files.end());
  std::cout << Json(names).dump() << "\n";
  return 0;
}
