// SPDX-License-Identifier: Apache-2.0
//
// Private to kube/: what differs between systems. system_posix.cc has it for Linux and macOS.
//
// Failures are errno values, or FileFailure where base/file.h gives one.
#pragma once

#include <chrono>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"

namespace openunison::kube::system {

// Between the files of KUBECONFIG.
extern const char kListSeparator;
// An exec command with one of these is a path, not a name for PATH.
extern const std::string_view kPathSeparators;
// $HOME, or what the system has for it.
std::string home_folder();

// What the path leads to through symbolic links, itself where it is none; it may not exist.
// ELOOP: in a circle.
std::expected<std::string, int> follow_links(const std::string& path);
// The path with its folder's links and dots resolved, its own name kept: one spelling for one file.
std::expected<std::string, int> one_spelling(const std::string& path);
// Makes the folder, 0700, and those above, owned as what they are made in is.
std::expected<void, FileFailure> make_folders(const std::string& folder);

enum class FileKind { missing, regular, folder, other };
std::expected<FileKind, int> kind_of(const std::string& path);  // links followed
// Somebody has taken the permission to write from all, or this process hasn't it.
bool write_protected(const std::string& path);
// Its mode lets a group or everybody in; false on Windows, whose folders say that.
bool open_to_others(const std::string& path);
// At most `limit` bytes; waits for nobody. EISDIR, EACCES, ...
std::expected<std::string, int> read_file(const std::string& path, std::size_t limit);

// Tells one lock file from another that has come in its place.
struct Stamp {
  unsigned long long device = 0, file = 0;
  long long changed = 0;            // nanoseconds
  std::chrono::milliseconds age{};  // since it was written, by the wall clock
  bool regular = false;
  bool same_file(const Stamp& other) const {
    return device == other.device && file == other.file && changed == other.changed;
  }
};
std::expected<Stamp, int> stamp_of(const std::string& path);  // links not followed
// EEXIST: there is one.
std::expected<Stamp, int> create_exclusively(const std::string& path, std::string_view content);
// Removes it if it is that one. True if that, or if it is gone.
bool remove_if(const std::string& path, const Stamp& stamp);

// Held, it keeps out others that ask for the same folder; goes with the process. False from held():
// another has it, or the file system can't.
class FolderGuard {
 public:
  explicit FolderGuard(const std::string& folder);
  bool held() const { return held_; }

 private:
  FileDescriptor descriptor_;
  bool held_ = false;
};

// While it lives, Ctrl-C and the like wait: a lock isn't left behind by one.
class SignalsHeld {
 public:
  SignalsHeld();
  ~SignalsHeld();
  SignalsHeld(const SignalsHeld&) = delete;
  SignalsHeld& operator=(const SignalsHeld&) = delete;

 private:
  void* before_;
};

// A process, so that a later process of the same number isn't taken for it. `world` is the space
// in which `id` counts; `began` is empty where the system doesn't tell.
struct Process {
  long id = 0;
  std::string host;
  std::string world;
  std::string began;
};
Process this_process();
// Only for a process of this host and world.
bool is_alive(const Process& process);

}  // namespace openunison::kube::system
