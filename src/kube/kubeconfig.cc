// SPDX-License-Identifier: Apache-2.0
#include "kube/kubeconfig.h"

#include <algorithm>
#include <filesystem>

#include "kube/loading.h"

namespace openunison::kube {
namespace {

using text::YamlNode;
using Kind = YamlNode::Kind;

const std::string& name_of(const ClusterEntry& entry) {
  return entry.name;
}
const std::string& name_of(const UserEntry& entry) {
  return entry.name;
}
const std::string& name_of(const ContextEntry& entry) {
  return entry.name;
}

template <class Entry>
const Entry* find_in(const std::vector<Found<Entry>>& entries, std::string_view name) {
  const auto found = std::ranges::find(
      entries, name, [](const Found<Entry>& each) { return name_of(each.entry); });
  return found == entries.end() ? nullptr : &found->entry;
}

// Adds what the file has under names that no earlier one had.
template <class Entry, class Read>
void merge(std::vector<Found<Entry>>& into, const LoadedFile& file, const Section& section,
           Read read) {
  const YamlNode* list = file.document.root().find(section.list);
  if (!list) return;
  for (const YamlNode& item : list->items) {
    if (item.kind != Kind::map) continue;
    const YamlNode flat = flattened(item);
    const std::string name = text_of(flat, "name");
    if (find_in(into, name)) continue;
    const YamlNode* value = value_of(flat, section);
    into.push_back({read(name, value ? *value : YamlNode::map()),
                    {file.path, item.position.line, item.position.column}});
  }
}

std::string value_of_option(const ExecUser& user, std::string_view option) {
  for (const std::string& argument : user.args) {
    if (argument.starts_with(option)) return argument.substr(option.size());
  }
  return "";
}

}  // namespace

const ClusterEntry* Kubeconfig::cluster(std::string_view name) const {
  return find_in(clusters, name);
}
const UserEntry* Kubeconfig::user(std::string_view name) const {
  return find_in(users, name);
}
const ContextEntry* Kubeconfig::context(std::string_view name) const {
  return find_in(contexts, name);
}

Result<Kubeconfig> read(const Files& files) {
  const auto loaded = TRY(load_unlocked(files));
  Kubeconfig merged;
  for (const LoadedFile& file : loaded) {
    if (merged.current_context.empty())
      merged.current_context = current_context(file.document.root());
    const std::string folder = std::filesystem::path(file.path).parent_path().string();
    merge(merged.clusters, file, kClusters, [&](const std::string& name, const YamlNode& value) {
      return read_cluster(name, value, folder);
    });
    merge(merged.users, file, kUsers, [&](const std::string& name, const YamlNode& value) {
      return read_user(name, value, folder);
    });
    merge(merged.contexts, file, kContexts,
          [](const std::string& name, const YamlNode& value) { return read_context(name, value); });
  }
  return merged;
}

std::optional<PluginCall> plugin_call(const ExecUser& user) {
  if (user.args.empty() || user.args[0] != "get-token") return std::nullopt;
  PluginCall call{value_of_option(user, "--host="), value_of_option(user, "--cluster="),
                  value_of_option(user, "--token-file=")};
  if (call.host.empty() || call.cluster.empty()) return std::nullopt;
  return call;
}

}  // namespace openunison::kube
