// SPDX-License-Identifier: Apache-2.0
//
// Files that a crash must not leave half-written.
#pragma once

#include <expected>
#include <string>
#include <string_view>

namespace openunison {

// Closes it at the end.
class FileDescriptor {
 public:
  explicit FileDescriptor(int descriptor) : descriptor_(descriptor) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor();
  explicit operator bool() const { return descriptor_ >= 0; }
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

struct FileFailure {
  std::string file;
  const char* step;  // what couldn't be done: "made", "written", ...
  int cause;         // errno
  // "FILE can't be written: No space left on device"
  std::string text() const;
};

// What root makes for a server that runs as somebody else, that server must be able to read: gives
// the descriptor, of a file that was just made, to the owner of the file `of`, or where there is
// none of its directory. For anybody but root it does nothing.
[[nodiscard]] std::expected<void, FileFailure> keep_owner(int descriptor, const std::string& of);

struct Replacing {
  // Of the file written beside; one of that name is taken for what a crash left, and removed.
  const char* suffix = ".new";
  // The mode and group of the file in whose place it comes; without its group's permissions where
  // the group can't be given. Else, and for a new file, 0600.
  bool keep_mode = false;
  // Of that mode only what its owner may read and write stays.
  bool owner_only = false;
  // Nobody but the user who writes it reads it: an owner that it can't be given to isn't missed.
  bool for_us_alone = false;
};

// Puts `content` in place of the file, or makes it, with mode 0600 and keep_owner(): written beside
// it (FILE.new), synced, renamed, and the directory synced. Who reads meanwhile, or after a crash,
// finds the former content or the new. A symbolic link is replaced, not followed. One writer at a
// time.
[[nodiscard]] std::expected<void, FileFailure> replace_file(const std::string& file,
                                                            std::string_view content,
                                                            const Replacing& how = {});

}  // namespace openunison
