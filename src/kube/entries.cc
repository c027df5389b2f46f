// SPDX-License-Identifier: Apache-2.0
#include "kube/entries.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/base64.h"
#include "kube/system.h"
#include "text/utf8.h"

namespace openunison::kube {
namespace {

using text::YamlNode;
using Kind = YamlNode::Kind;

constexpr std::string_view kStringTag = "tag:yaml.org,2002:str";

// A plain scalar that no version of YAML takes for a number, a time, a boolean or null.
bool reads_as_string(std::string_view plain) {
  if (plain.empty() || std::string_view("~<=!&*").find(plain[0]) != std::string_view::npos)
    return false;
  for (const std::string_view word :
       {"true", "false", "yes", "no", "on", "off", "y", "n", "null"}) {
    if (text::iequals_ascii(plain, word)) return false;
  }
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (is_letter(plain[0]) || plain[0] == '/') return true;
  // ".inf", "0x1f", "1e3", "1_000", "12:30:45", "2001-12-14T21:59:43Z" have only these.
  return plain.find_first_not_of("0123456789abcdefABCDEFxXo_+-.:,tTzZinfINFaA ") !=
         std::string_view::npos;
}

bool is_text(const YamlNode& node, std::string_view text) {
  return node.kind == Kind::scalar && node.scalar == text &&
         (node.tag.empty() ? node.quoted || reads_as_string(node.scalar) : node.tag == kStringTag);
}

// The field as a map that holds nothing twice, made where there is none.
YamlNode& map_at(YamlNode& map, std::string_view field) {
  YamlNode* there = map.find(field);
  if (!there || there->kind != Kind::map) return map.set(field, YamlNode::map());
  YamlNode flat = flattened(*there);
  if (!flat.same_as(*there)) return map.set(field, std::move(flat));
  return *there;
}

void flatten(YamlNode& map) {
  if (map.kind != Kind::map) {
    const auto position = map.position;
    const auto begin = map.begin;
    map = YamlNode::map();
    map.position = position;
    map.begin = begin;
    return;
  }
  YamlNode flat = flattened(map);
  if (!flat.same_as(map)) map = std::move(flat);
}

void set_flag(YamlNode& map, std::string_view field, bool value) {
  const std::string_view text = value ? "true" : "false";
  const YamlNode* there = map.find(field);
  if (!there || there->kind != Kind::scalar || there->quoted || there->scalar != text)
    map.set(field, YamlNode::plain(text));
}

void set_or_erase(YamlNode& map, std::string_view field, std::string_view text) {
  if (text.empty()) {
    map.erase(field);
  } else {
    set_text(map, field, text);
  }
}

void set_pem(YamlNode& map, std::string_view field, std::string_view pem) {
  const YamlNode* there = map.find(field);
  if (!pem.empty() && there && there->kind == Kind::scalar &&
      base64_decode_loosely(there->scalar) == pem)
    return;
  set_or_erase(map, field, base64_encode(pem));
}

std::string read_pem(const YamlNode& map, std::string_view field) {
  return base64_decode_loosely(text_of(map, field)).value_or("");
}

std::string resolved(const std::string& path, const std::string& folder) {
  if (path.empty() || std::filesystem::path(path).is_absolute()) return path;
  return (std::filesystem::path(folder) / path).lexically_normal().string();
}

std::vector<std::string> texts_of(const YamlNode& list) {
  std::vector<std::string> texts;
  for (const YamlNode& item : list.items) texts.push_back(item.scalar);
  return texts;
}

ExecUser read_exec(const std::string& name, const YamlNode& node, const std::string& folder) {
  const YamlNode exec = flattened(node);
  ExecUser user;
  user.name = name;
  user.command = text_of(exec, "command");
  // One without a folder is looked for in PATH.
  if (user.command.find_first_of(system::kPathSeparators) != std::string::npos)
    user.command = resolved(user.command, folder);
  if (const YamlNode* args = exec.find("args")) user.args = texts_of(*args);
  if (const YamlNode* env = exec.find("env")) {
    for (const YamlNode& item : env->items)
      user.env.emplace_back(text_of(item, "name"), text_of(item, "value"));
  }
  user.install_hint = text_of(exec, "installHint");
  user.interactive_mode = text_of(exec, "interactiveMode");
  user.api_version = text_of(exec, "apiVersion");
  return user;
}

AuthProviderUser read_auth_provider(const std::string& name, const YamlNode& node) {
  const YamlNode config = flattened(node);
  AuthProviderUser user;
  user.name = name;
  user.issuer_url = text_of(config, "idp-issuer-url");
  user.client_id = text_of(config, "client-id");
  user.refresh_token = Secret(text_of(config, "refresh-token"));
  user.id_token = Secret(text_of(config, "id-token"));
  user.issuer_ca_pem = read_pem(config, "idp-certificate-authority-data");
  return user;
}

void write_args(YamlNode& exec, const std::vector<std::string>& args) {
  const YamlNode* there = exec.find("args");
  if (there && there->kind == Kind::sequence && std::ranges::equal(there->items, args, is_text))
    return;
  YamlNode list = YamlNode::sequence();
  for (const std::string& argument : args) list.items.push_back(YamlNode::string(argument));
  exec.set("args", std::move(list));
}

void write_env(YamlNode& exec, const ExecUser& entry) {
  if (entry.env.empty()) return;
  YamlNode* list = exec.find("env");
  if (!list || list->kind != Kind::sequence || list->items.empty())
    list = &exec.set("env", YamlNode::sequence());
  for (const auto& [name, value] : entry.env) {
    const auto there = std::ranges::find_if(
        list->items, [&](const YamlNode& item) { return text_of(item, "name") == name; });
    if (there != list->items.end()) {
      set_text(*there, "value", value);
      continue;
    }
    YamlNode item = YamlNode::map();
    item.set("name", YamlNode::string(name));
    item.set("value", YamlNode::string(value));
    list->items.push_back(std::move(item));
  }
}

// A second way to sign in would be used besides, or instead.
void forget_credentials(YamlNode& user) {
  for (const std::string_view field :
       {"token", "tokenFile", "client-certificate", "client-certificate-data", "client-key",
        "client-key-data", "username", "password"})
    user.erase(field);
}

}  // namespace

YamlNode flattened(const YamlNode& map) {
  YamlNode flat = map;
  flat.entries.clear();
  const auto is_merge = [](const YamlNode::Entry& entry) {
    return entry.key.kind == Kind::scalar && !entry.key.quoted && entry.key.scalar == "<<";
  };
  for (const YamlNode::Entry& entry : map.entries) {
    if (is_merge(entry)) continue;
    const auto there = std::ranges::find_if(
        flat.entries, [&](const YamlNode::Entry& other) { return other.key.same_as(entry.key); });
    if (there != flat.entries.end()) {
      there->value = entry.value;
    } else {
      flat.entries.push_back(entry);
    }
  }
  const auto add = [&](const YamlNode& merged) {
    for (const YamlNode::Entry& entry : flattened(merged).entries) {
      if (!flat.find(entry.key.scalar)) flat.entries.push_back(entry);
    }
  };
  for (const YamlNode::Entry& entry : map.entries) {
    if (!is_merge(entry)) continue;
    if (entry.value.kind == Kind::map) add(entry.value);
    for (const YamlNode& item : entry.value.items) add(item);
  }
  return flat;
}

std::string text_of(const YamlNode& map, std::string_view field) {
  const YamlNode* node = map.find(field);
  return node && node->kind == Kind::scalar ? node->scalar : "";
}

ClusterEntry read_cluster(std::string name, const YamlNode& value, const std::string& folder) {
  const YamlNode cluster = flattened(value);
  ClusterEntry entry;
  entry.name = std::move(name);
  entry.server = text_of(cluster, "server");
  entry.certificate_authority_pem = read_pem(cluster, "certificate-authority-data");
  entry.tls_server_name = text_of(cluster, "tls-server-name");
  entry.certificate_authority_file = resolved(text_of(cluster, "certificate-authority"), folder);
  const std::string insecure = text_of(cluster, "insecure-skip-tls-verify");
  for (const std::string_view word : {"true", "yes", "on", "y"})
    entry.insecure_skip_tls_verify |= text::iequals_ascii(insecure, word);
  entry.proxy_url = text_of(cluster, "proxy-url");
  return entry;
}

UserEntry read_user(std::string name, const YamlNode& value, const std::string& folder) {
  const YamlNode user = flattened(value);
  UserEntry entry;
  entry.name = std::move(name);
  if (const YamlNode* exec = user.find("exec"); exec && exec->kind == Kind::map)
    entry.exec = read_exec(entry.name, *exec, folder);
  const YamlNode* provider = user.find("auth-provider");
  if (provider && text_of(*provider, "name") == "oidc") {
    const YamlNode* config = provider->find("config");
    entry.auth_provider = read_auth_provider(entry.name, config ? *config : YamlNode::map());
  }
  return entry;
}

ContextEntry read_context(std::string name, const YamlNode& value) {
  const YamlNode context = flattened(value);
  return {std::move(name), text_of(context, "cluster"), text_of(context, "user"),
          text_of(context, "namespace")};
}

void set_text(YamlNode& map, std::string_view field, std::string_view text) {
  const YamlNode* there = map.find(field);
  if (!there || !is_text(*there, text)) map.set(field, YamlNode::string(text));
}

void write_cluster(YamlNode& value, const ClusterEntry& entry) {
  flatten(value);
  set_text(value, "server", entry.server);
  // A token goes to no server that another authority, or none, vouches for.
  value.erase("insecure-skip-tls-verify");
  value.erase("certificate-authority");
  set_pem(value, "certificate-authority-data", entry.certificate_authority_pem);
  set_or_erase(value, "tls-server-name", entry.tls_server_name);
}

void write_user(YamlNode& value, const ExecUser& entry) {
  flatten(value);
  forget_credentials(value);
  value.erase("auth-provider");
  // Of another program nothing is kept, of ours what somebody has added.
  if (const YamlNode* there = value.find("exec");
      there && !(there->kind == Kind::map && plugin_call(read_exec("", *there, ""))))
    value.erase("exec");
  YamlNode& exec = map_at(value, "exec");
  set_text(exec, "apiVersion", entry.api_version);
  set_text(exec, "command", entry.command);
  write_args(exec, entry.args);
  write_env(exec, entry);
  set_or_erase(exec, "installHint", entry.install_hint);
  set_text(exec, "interactiveMode", entry.interactive_mode);
  set_flag(exec, "provideClusterInfo", false);
}

void write_user(YamlNode& value, const AuthProviderUser& entry) {
  flatten(value);
  forget_credentials(value);
  value.erase("exec");
  YamlNode& provider = map_at(value, "auth-provider");
  set_text(provider, "name", "oidc");
  YamlNode& config = map_at(provider, "config");
  set_text(config, "idp-issuer-url", entry.issuer_url);
  set_text(config, "client-id", entry.client_id);
  config.erase("client-secret");
  config.erase("idp-certificate-authority");
  set_pem(config, "idp-certificate-authority-data", entry.issuer_ca_pem);
  set_text(config, "id-token", entry.id_token.reveal());
  set_text(config, "refresh-token", entry.refresh_token.reveal());
}

void write_context(YamlNode& value, const ContextEntry& entry) {
  flatten(value);
  set_text(value, "cluster", entry.cluster);
  set_text(value, "user", entry.user);
  if (!entry.namespace_name.empty()) set_text(value, "namespace", entry.namespace_name);
}

}  // namespace openunison::kube
