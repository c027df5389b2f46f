// SPDX-License-Identifier: Apache-2.0
#include "store/damage_note.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "store/error.h"
#include "store/sqlite_log.h"

namespace openunison::store {
namespace {

std::string note_of(const std::string& file) {
  return file + "-damaged";
}

std::unexpected<Error> failed(const std::string& name, const char* what) {
  return fail(Errc::unavailable, name + " can't be " + what + ": " + std::strerror(errno) +
                                     "; check the directory, its owner and the room on its disk");
}

// Opens, syncs and closes.
bool synced(const std::string& name, int flags) {
  const int descriptor = ::open(name.c_str(), flags | O_CLOEXEC, 0600);
  if (descriptor < 0) return false;
  const bool good = ::fsync(descriptor) == 0;
  const int cause = errno;
  ::close(descriptor);
  errno = cause;
  return good;
}

bool sync_directory(const std::string& file) {
  const std::string directory = std::filesystem::absolute(file).parent_path();
  return synced(directory, O_RDONLY | O_DIRECTORY);
}

Result<bool> is_noted(const std::string& file) {
  if (::access(note_of(file).c_str(), F_OK) == 0) return true;
  if (errno == ENOENT) return false;
  return failed(note_of(file), "looked for");
}

}  // namespace

Result<bool> has_damaged_log(const std::string& file) {
  if (TRY(is_noted(file))) return true;
  const sqlite::LogFile log = TRY(sqlite::examine_log(file, false));
  return log.lost;
}

Result<bool> damaged_log(const std::string& file) {
  if (!TRY(has_damaged_log(file))) return false;
  const std::string note = note_of(file);
  if (!synced(note, O_WRONLY | O_CREAT | O_NOFOLLOW) || !sync_directory(file))
    return failed(note, "written");
  return true;
}

Result<void> forget_damage(const std::string& file) {
  const std::string note = note_of(file);
  if (::unlink(note.c_str()) != 0) {
    if (errno == ENOENT) return {};
    return failed(note, "removed");
  }
  if (!sync_directory(file)) return failed(note, "removed");
  return {};
}

}  // namespace openunison::store
