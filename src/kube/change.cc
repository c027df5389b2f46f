// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <set>

#include "kube/loading.h"
#include "kube/lock.h"
#include "kube/system.h"
#include "text/utf8.h"

namespace openunison::kube {
namespace {

using text::YamlNode;
using Kind = YamlNode::Kind;

// Of the file that is written beside; no name that somebody would give a copy.
constexpr Replacing kReplacing{.suffix = ".oulogin-new", .keep_mode = true};
// For a file that a refresh token goes to.
constexpr Replacing kReplacingPrivately{
    .suffix = ".oulogin-new", .keep_mode = true, .owner_only = true};
// How often what changed between the first look and the locks may call for other locks.
constexpr int kAttempts = 5;

struct Changing {
  LoadedFile file;
  YamlNode root;  // to become
  bool sets_current = false;
  bool gets_secrets = false;

  bool differs() const { return !root.same_as(file.document.root()); }
};

// What the files would be after a change.
class Plan {
 public:
  Plan(std::vector<LoadedFile> loaded, const Files& files, const Change& change) {
    const std::string& for_new = files.for_new_entries();
    for (LoadedFile& file : loaded) {
      YamlNode root = file.document.root();
      files_.push_back({std::move(file), std::move(root)});
      if (files_.back().file.path == for_new) for_new_ = files_.size() - 1;
    }
    remove(kClusters, change.remove_clusters);
    remove(kUsers, change.remove_users);
    remove(kContexts, change.remove_contexts);
    for (const ClusterEntry& entry : change.clusters)
      write_cluster(value(kClusters, entry.name), entry);
    for (const ExecUser& entry : change.exec_users) write_user(value(kUsers, entry.name), entry);
    for (const AuthProviderUser& entry : change.auth_provider_users) {
      home_of(kUsers, entry.name).gets_secrets = true;
      write_user(value(kUsers, entry.name), entry);
    }
    for (const ContextEntry& entry : change.contexts)
      write_context(value(kContexts, entry.name), entry);
    set_current(change);
    clears_ = change.current_context ? change.current_context->empty() : true;
  }

  // In the order in which they are to be written.
  std::vector<const Changing*> changing() const {
    std::vector<const Changing*> list;
    for (const bool current : {clears_, !clears_}) {
      for (const Changing& file : files_) {
        if (file.sets_current == current && file.differs()) list.push_back(&file);
      }
    }
    return list;
  }

 private:
  static void make_map(YamlNode& root) {
    if (root.kind == Kind::map) return;
    root = YamlNode::map();
    root.set("apiVersion", YamlNode::plain("v1"));
    root.set("kind", YamlNode::plain("Config"));
  }

  static YamlNode& section(YamlNode& root, const Section& section) {
    make_map(root);
    YamlNode* list = root.find(section.list);
    if (!list || list->kind != Kind::sequence || list->items.empty())
      return root.set(section.list, YamlNode::sequence());
    return *list;
  }

  Changing* origin(const Section& section, std::string_view name) {
    for (Changing& file : files_) {
      if (find_item(file.root, section, name)) return &file;
    }
    return nullptr;
  }

  // Where the entry is, or goes.
  Changing& home_of(const Section& section, std::string_view name) {
    Changing* from = origin(section, name);
    return from ? *from : files_[for_new_];
  }

  // What is below "cluster:" and so on of the entry, made where there is none.
  YamlNode& value(const Section& of, const std::string& name) {
    Changing& file = home_of(of, name);
    YamlNode& list = section(file.root, of);
    YamlNode* item = const_cast<YamlNode*>(find_item(file.root, of, name));
    if (!item) {
      YamlNode made = YamlNode::map();
      made.set("name", YamlNode::string(name));
      item = &list.items.emplace_back(std::move(made));
    }
    if (YamlNode flat = flattened(*item); !flat.same_as(*item)) *item = std::move(flat);
    if (const YamlNode* there = value_of(*item, of)) return const_cast<YamlNode&>(*there);
    return item->set(of.value, YamlNode::map());
  }

  void remove(const Section& section, const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      Changing* file = origin(section, name);
      if (!file) continue;
      std::erase_if(file->root.find(section.list)->items, [&](const YamlNode& item) {
        return item.kind == Kind::map && item_name(item) == name;
      });
    }
  }

  void set_current(const Change& change) {
    if (change.current_context && !change.current_context->empty()) {
      for (Changing& file : files_) {
        const std::string now = current_context(file.root);
        if (now.empty()) continue;
        if (now == *change.current_context) return;
        break;
      }
      Changing& file = files_[for_new_];
      make_map(file.root);
      set_text(file.root, "current-context", *change.current_context);
      file.sets_current = true;
      return;
    }
    for (Changing& file : files_) {
      const std::string now = current_context(file.root);
      if (now.empty()) continue;
      const bool removed =
          change.clear_current_if_removed &&
          std::ranges::find(change.remove_contexts, now) != change.remove_contexts.end();
      if (change.current_context || removed) {
        set_text(file.root, "current-context", "");
        file.sets_current = true;
      }
      return;
    }
  }

  std::vector<Changing> files_;
  std::size_t for_new_ = 0;
  bool clears_ = false;
};

Result<void> check_text(std::string_view what, std::string_view text, bool may_be_empty) {
  if (!may_be_empty && text.empty()) return fail(Errc::bad_entry, fmt::format("{} is empty", what));
  if (!text::valid_utf8(text) || text.find('\0') != std::string_view::npos)
    return fail(Errc::bad_entry, fmt::format("{} is no text", what));
  if (text.size() > 256 * 1024) return fail(Errc::bad_entry, fmt::format("{} is too long", what));
  return {};
}

Result<void> check(const Change& change) {
  for (const ClusterEntry& entry : change.clusters) {
    TRY_VOID(check_text("the name of a cluster", entry.name, false));
    TRY_VOID(check_text("the server of a cluster", entry.server, false));
    TRY_VOID(check_text("tls-server-name", entry.tls_server_name, true));
  }
  for (const ExecUser& entry : change.exec_users) {
    TRY_VOID(check_text("the name of a user", entry.name, false));
    TRY_VOID(check_text("the command of a user", entry.command, false));
    for (const std::string& argument : entry.args)
      TRY_VOID(check_text("an argument", argument, true));
    for (const auto& [name, value] : entry.env) {
      TRY_VOID(check_text("the name of a variable", name, false));
      TRY_VOID(check_text("a variable", value, true));
    }
    TRY_VOID(check_text("installHint", entry.install_hint, true));
    TRY_VOID(check_text("interactiveMode", entry.interactive_mode, false));
    TRY_VOID(check_text("apiVersion", entry.api_version, false));
  }
  for (const AuthProviderUser& entry : change.auth_provider_users) {
    TRY_VOID(check_text("the name of a user", entry.name, false));
    TRY_VOID(check_text("the issuer", entry.issuer_url, false));
    TRY_VOID(check_text("the client id", entry.client_id, false));
    TRY_VOID(check_text("the refresh token", entry.refresh_token.reveal(), true));
    TRY_VOID(check_text("the ID token", entry.id_token.reveal(), true));
  }
  for (const ContextEntry& entry : change.contexts) {
    TRY_VOID(check_text("the name of a context", entry.name, false));
    TRY_VOID(check_text("the cluster of a context", entry.cluster, false));
    TRY_VOID(check_text("the user of a context", entry.user, false));
    TRY_VOID(check_text("the namespace of a context", entry.namespace_name, true));
  }
  if (change.current_context)
    TRY_VOID(check_text("the current context", *change.current_context, true));
  return {};
}

bool removes(const Change& change) {
  return !change.remove_clusters.empty() || !change.remove_users.empty() ||
         !change.remove_contexts.empty() ||
         (change.current_context && change.current_context->empty());
}

std::unexpected<Error> not_written(const FileFailure& failure) {
  const bool denied = failure.cause == EACCES || failure.cause == EPERM || failure.cause == EROFS;
  std::string_view advice;
  if (failure.cause == ENOSPC || failure.cause == EDQUOT) advice = "; make room and try again";
  if (denied) advice = "; change its permissions, or name another file with --kubeconfig";
  return fail(denied ? Errc::read_only : Errc::not_written,
              fmt::format("{}{}; the kubeconfig is as it was", failure.text(), advice));
}

// The file that a path leads to, made ready to be written: its folder is there.
Result<std::string> target_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  if (auto made = system::make_folders(folder); !made) return not_written(made.error());
  const auto target = system::follow_links(path);
  if (!target) return not_written({path, "followed to what it links to", target.error()});
  const auto kind = system::kind_of(*target);
  if (!kind) return not_written({*target, "looked at", kind.error()});
  if (*kind == system::FileKind::other)
    return fail(Errc::not_written,
                path + " is no regular file; name another one with --kubeconfig");
  const std::string beside = std::filesystem::path(*target).parent_path().string();
  if (*kind == system::FileKind::missing &&
      system::kind_of(beside).value_or(system::FileKind::missing) != system::FileKind::folder) {
    return fail(
        Errc::not_written,
        fmt::format("{} is a link to {}, whose folder isn't there; is it mounted?", path, *target));
  }
  if (*kind == system::FileKind::regular && system::write_protected(*target)) {
    return fail(
        Errc::read_only,
        fmt::format("{} is write-protected; allow writing (chmod u+w), or name another file "
                    "with --kubeconfig",
                    *target));
  }
  return *target;
}

// What is locked for a file: it under the name that it was given, and what that leads to.
Result<std::vector<std::string>> locks_of(const std::vector<std::string>& paths) {
  std::set<std::string> locks;
  for (const std::string& path : paths) {
    locks.insert(TRY(target_of(path)));
    const auto named = system::one_spelling(path);
    if (!named) return not_written({path, "looked at", named.error()});
    locks.insert(*named);
  }
  return std::vector(locks.begin(), locks.end());
}

Result<std::vector<std::string>> write_all(const Plan& plan, const WriteOptions& options) {
  // All texts before the first file is touched.
  std::vector<std::pair<const Changing*, std::string>> texts;
  for (const Changing* file : plan.changing()) {
    auto text = file->file.document.with(file->root);
    if (!text) {
      return fail(Errc::broken,
                  fmt::format("{}:{}:{}: {}", file->file.path, text.error().position.line,
                              text.error().position.column, text.error().why));
    }
    texts.emplace_back(file, *std::move(text));
  }
  std::vector<std::string> written;
  for (const auto& [file, text] : texts) {
    const std::string target = TRY(target_of(file->file.path));
    const bool closes = file->gets_secrets && system::open_to_others(target);
    const Replacing& how = file->gets_secrets ? kReplacingPrivately : kReplacing;
    if (auto done = replace_file(target, text, how); !done) {
      auto error = not_written(done.error());
      if (written.empty()) return error;
      return fail(Errc::not_written,
                  error.error().message() + "; changed before it: " + written.front());
    }
    if (closes && options.say) {
      options.say(fmt::format(
          "{} was open to other users; now that a refresh token is in it, only you may read it",
          target));
    }
    written.push_back(file->file.path);
  }
  return written;
}

std::vector<std::string> paths_of(const std::vector<const Changing*>& changing) {
  std::vector<std::string> paths;
  for (const Changing* file : changing) paths.push_back(file->file.path);
  return paths;
}

std::vector<std::string> existing(const Files& files) {
  std::vector<std::string> paths;
  for (const std::string& path : files.paths) {
    if (system::kind_of(path).value_or(system::FileKind::missing) != system::FileKind::missing)
      paths.push_back(path);
  }
  return paths;
}

}  // namespace

Result<Written> apply(const Files& files, const Change& change, const WriteOptions& options) {
  TRY_VOID(check(change));
  for (int attempt = 1;; ++attempt) {
    // Without locks: which of them it will take. What is read half-written here is read again.
    auto before = load_unlocked(files);
    if (!before && !before.error().is(Errc::broken)) return std::unexpected(before.error());
    std::vector<std::string> paths;
    if (before) {
      const Plan plan(*before, files, change);
      paths = paths_of(plan.changing());
      if (paths.empty() && !removes(change)) return Written{};
    }
    const bool seems_done = before && paths.empty();
    if (paths.empty()) paths = existing(files);
    auto locks = locks_of(paths);
    if (!locks && seems_done) return Written{};
    if (!locks) return std::unexpected(locks.error());
    auto held = Lock::take(*locks, options);
    if (!held && seems_done && held.error().is(Errc::read_only)) return Written{};
    if (!held) return std::unexpected(held.error());
    const Plan plan(TRY(load(files, before ? &*before : nullptr)), files, change);
    const auto needed = locks_of(paths_of(plan.changing()));
    if (!needed) return std::unexpected(needed.error());
    const bool covered = std::ranges::includes(*locks, *needed);
    if (covered) return Written{TRY(write_all(plan, options))};
    if (attempt == kAttempts) {
      return fail(Errc::locked, "the kubeconfigs are changed by others all the time; try again");
    }
  }
}

}  // namespace openunison::kube
