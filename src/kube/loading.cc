// SPDX-License-Identifier: Apache-2.0
#include "kube/loading.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <thread>

#include "kube/error.h"
#include "kube/system.h"

namespace openunison::kube {
namespace {

using text::Position;
using text::YamlNode;
using Kind = YamlNode::Kind;

constexpr text::YamlLimits kLimits;
constexpr std::string_view kAdvice = "; mend the file, or move it away and sign in again";
constexpr std::chrono::milliseconds kPoll{10};
constexpr int kPolls = 50;

std::unexpected<Error> broken(const std::string& path, Position at, std::string_view why) {
  return fail(Errc::broken, fmt::format("{}:{}:{}: {}{}", path, at.line, at.column, why, kAdvice));
}

Result<void> check_section(const std::string& path, const YamlNode& root, const Section& section) {
  const YamlNode* list = root.find(section.list);
  if (!list || list->kind == Kind::null) return {};
  if (list->kind != Kind::sequence)
    return broken(path, list->position, fmt::format("\"{}\" must be a list", section.list));
  std::set<std::string> names;
  for (const YamlNode& item : list->items) {
    if (item.kind == Kind::null) continue;
    if (item.kind != Kind::map) {
      return broken(
          path, item.position,
          fmt::format("an item of \"{}\" must have a name and a {}", section.list, section.value));
    }
    const YamlNode flat = flattened(item);
    const YamlNode* name = flat.find("name");
    if (name && name->kind != Kind::scalar && name->kind != Kind::null)
      return broken(path, name->position, "a name must be text");
    if (!names.insert(text_of(flat, "name")).second) {
      return broken(path, item.position,
                    fmt::format("\"{}\" is in \"{}\" twice, and kubectl reads no such file",
                                text_of(flat, "name"), section.list));
    }
    const YamlNode* value = flat.find(section.value);
    if (value && value->kind != Kind::map && value->kind != Kind::null)
      return broken(path, value->position, fmt::format("\"{}\" must be a map", section.value));
  }
  return {};
}

Result<void> check(const std::string& path, const YamlNode& root) {
  if (root.kind == Kind::null) return {};
  if (root.kind != Kind::map) return broken(path, root.position, "this is no kubeconfig");
  std::set<std::string> keys;
  for (const YamlNode::Entry& entry : root.entries) {
    if (!keys.insert(entry.key.scalar).second) {
      return broken(path, entry.key.position,
                    fmt::format("\"{}\" is given twice", entry.key.scalar));
    }
  }
  const YamlNode* kind = root.find("kind");
  if (kind && kind->kind == Kind::scalar && kind->scalar != "Config" && !kind->scalar.empty()) {
    return broken(path, kind->position,
                  fmt::format("this is a {}, not a kubeconfig (kind: Config)", kind->scalar));
  }
  const YamlNode* version = root.find("apiVersion");
  if (version && version->kind == Kind::scalar && version->scalar != "v1" &&
      !version->scalar.empty()) {
    return broken(path, version->position,
                  fmt::format("kubeconfigs are of apiVersion v1, not {}", version->scalar));
  }
  const YamlNode* current = root.find("current-context");
  if (current && current->kind != Kind::scalar && current->kind != Kind::null)
    return broken(path, current->position, "\"current-context\" must be text");
  for (const Section& section : {kClusters, kUsers, kContexts})
    TRY_VOID(check_section(path, root, section));
  return {};
}

Result<LoadedFile> load_file(const std::string& path, const LoadedFile* before) {
  LoadedFile file{path, false, "", {}};
  const auto unreadable = [&](int cause) {
    return fail(
        Errc::unreadable,
        fmt::format("{} can't be read: {}{}", path, std::strerror(cause),
                    cause == EACCES ? "; it may belong to another user (after sudo?)" : ""));
  };
  const auto kind = system::kind_of(path);
  if (!kind) return unreadable(kind.error());
  if (*kind == system::FileKind::missing) return file;
  file.exists = true;
  if (*kind == system::FileKind::folder) return unreadable(EISDIR);
  auto content = system::read_file(path, kLimits.bytes + 1);
  if (!content && content.error() == ENOENT) return LoadedFile{path, false, "", {}};
  if (!content) return unreadable(content.error());
  if (before && before->exists && before->content == *content) return *before;
  auto document = text::YamlDocument::parse(*content, kLimits);
  if (!document) {
    const text::YamlFault& fault = document.error();
    auto error = broken(path, fault.position, fault.why);
    if (fault.too_big) return fail(Errc::too_big, error.error().message());
    return error;
  }
  TRY_VOID(check(path, document->root()));
  file.document = *std::move(document);
  file.content = *std::move(content);
  return file;
}

}  // namespace

Result<std::vector<LoadedFile>> load(const Files& files, const std::vector<LoadedFile>* before) {
  std::vector<LoadedFile> loaded;
  for (std::size_t i = 0; i < files.paths.size(); ++i)
    loaded.push_back(TRY(load_file(files.paths[i], before ? &(*before)[i] : nullptr)));
  return loaded;
}

Result<std::vector<LoadedFile>> load_unlocked(const Files& files) {
  for (int poll = 0;; ++poll) {
    auto loaded = load(files);
    const auto is_empty = [](const LoadedFile& file) {
      return file.exists && file.content.empty();
    };
    const bool doubtful =
        loaded ? std::ranges::any_of(*loaded, is_empty) : loaded.error().is(Errc::broken);
    const bool locked = doubtful && std::ranges::any_of(files.paths, [](const std::string& path) {
                          return system::stamp_of(path + ".lock").has_value();
                        });
    if (!locked || poll == kPolls) return loaded;
    std::this_thread::sleep_for(kPoll);
  }
}

std::string item_name(const YamlNode& item) {
  for (auto entry = item.entries.rbegin(); entry != item.entries.rend(); ++entry) {
    if (entry->key.kind == Kind::scalar && entry->key.scalar == "name") return entry->value.scalar;
  }
  return text_of(flattened(item), "name");
}

const YamlNode* find_item(const YamlNode& root, const Section& section, std::string_view name) {
  const YamlNode* list = root.find(section.list);
  if (!list) return nullptr;
  for (const YamlNode& item : list->items) {
    if (item.kind == Kind::map && item_name(item) == name) return &item;
  }
  return nullptr;
}

const YamlNode* value_of(const YamlNode& item, const Section& section) {
  const YamlNode* last = nullptr;
  for (const YamlNode::Entry& entry : item.entries) {
    if (entry.key.kind == Kind::scalar && entry.key.scalar == section.value) last = &entry.value;
  }
  return last && last->kind == Kind::map ? last : nullptr;
}

std::string current_context(const YamlNode& root) {
  return text_of(root, "current-context");
}

}  // namespace openunison::kube
