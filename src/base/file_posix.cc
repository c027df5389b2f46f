// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/file.h"

namespace openunison {
namespace {

using Done = std::expected<void, FileFailure>;

std::unexpected<FileFailure> failed(const std::string& file, const char* step) {
  return std::unexpected(FileFailure{file, step, errno});
}

Done write_all(int descriptor, std::string_view data, const std::string& file) {
  while (!data.empty()) {
    const ssize_t written = ::write(descriptor, data.data(), data.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return failed(file, "written");
    data.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Done copy_mode(int descriptor, const std::string& of, const std::string& temporary,
               bool owner_only) {
  struct stat former{}, made{};
  if (::lstat(of.c_str(), &former) != 0 || !S_ISREG(former.st_mode)) return {};
  if (::fstat(descriptor, &made) != 0) return failed(temporary, "looked at");
  mode_t mode = former.st_mode & (owner_only ? 0600 : 0777);
  // What a group may read is that group's: another one gets nothing.
  if (made.st_gid != former.st_gid &&
      ::fchown(descriptor, static_cast<uid_t>(-1), former.st_gid) != 0)
    mode &= ~static_cast<mode_t>(070);
  if (::fchmod(descriptor, mode) != 0) return failed(temporary, "given its mode");
  return {};
}

Done write_new(const std::string& temporary, const std::string& file, std::string_view content,
               const Replacing& how) {
  ::unlink(temporary.c_str());  // of a writer that crashed
  const FileDescriptor out(
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!out) return failed(temporary, "made");
  if (auto kept = keep_owner(out.get(), file); !kept && !how.for_us_alone) return kept;
  if (how.keep_mode) {
    if (auto copied = copy_mode(out.get(), file, temporary, how.owner_only); !copied) return copied;
  }
  if (auto written = write_all(out.get(), content, temporary); !written) return written;
  if (::fsync(out.get()) != 0) return failed(temporary, "written");
  return {};
}

std::string directory_of(const std::string& file) {
  return std::filesystem::absolute(file).parent_path().string();
}

}  // namespace

FileDescriptor::~FileDescriptor() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::string FileFailure::text() const {
  return file + " can't be " + step + ": " + std::strerror(cause);
}

Done keep_owner(int descriptor, const std::string& of) {
  if (::geteuid() != 0) return {};
  struct stat owner{}, made{};
  const std::string directory = directory_of(of);
  if (::lstat(of.c_str(), &owner) != 0 && ::stat(directory.c_str(), &owner) != 0)
    return failed(directory, "looked at");
  if (::fstat(descriptor, &made) != 0) return failed(of, "looked at");
  if (made.st_uid == owner.st_uid && made.st_gid == owner.st_gid) return {};
  if (::fchown(descriptor, owner.st_uid, owner.st_gid) == 0) return {};
  // Root without CAP_CHOWN, in a container. Its mode lets no group in, so a group isn't missed; an
  // owner would be locked out.
  if (made.st_uid == owner.st_uid) return {};
  return failed(of, "given to its owner");
}

Done replace_file(const std::string& file, std::string_view content, const Replacing& how) {
  const std::string temporary = file + how.suffix;
  auto done = write_new(temporary, file, content, how);
  if (done && ::rename(temporary.c_str(), file.c_str()) != 0) done = failed(file, "replaced");
  if (!done) {
    ::unlink(temporary.c_str());
    return done;
  }
  const std::string directory = directory_of(file);
  const FileDescriptor opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened || ::fsync(opened.get()) != 0) return failed(directory, "written");
  return {};
}

}  // namespace openunison
