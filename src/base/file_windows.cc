// SPDX-License-Identifier: Apache-2.0
//
// Who may read a file is there the matter of its folder, which a person's own has right: modes and
// owners aren't touched. Paths are UTF-8 (cmake/windows/utf8.manifest).
#include <fcntl.h>
#include <io.h>
#include <sys/stat.h>
#include <windows.h>

#include <cerrno>
#include <cstring>

#include "base/file.h"

namespace openunison {
namespace {

using Done = std::expected<void, FileFailure>;

std::unexpected<FileFailure> failed(const std::string& file, const char* step) {
  return std::unexpected(FileFailure{file, step, errno});
}

// Whoever looks at the file for a moment (a scanner of viruses, a kubectl that reads) keeps it from
// being replaced for as long.
constexpr int kTries = 50;
constexpr DWORD kPauseMillis = 20;

Done write_new(const std::string& temporary, std::string_view content) {
  ::_unlink(temporary.c_str());  // of a writer that crashed
  const FileDescriptor out(::_open(temporary.c_str(),
                                   _O_WRONLY | _O_CREAT | _O_EXCL | _O_BINARY | _O_NOINHERIT,
                                   _S_IREAD | _S_IWRITE));
  if (!out) return failed(temporary, "made");
  while (!content.empty()) {
    const int written = ::_write(out.get(), content.data(), static_cast<unsigned>(content.size()));
    if (written <= 0) return failed(temporary, "written");
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::_commit(out.get()) != 0) return failed(temporary, "written");
  return {};
}

Done move_over(const std::string& temporary, const std::string& file) {
  for (int tries = 0; tries < kTries; ++tries) {
    if (::MoveFileExA(temporary.c_str(), file.c_str(),
                      MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH) != 0)
      return {};
    const DWORD cause = ::GetLastError();
    errno = cause == ERROR_ACCESS_DENIED || cause == ERROR_SHARING_VIOLATION ? EACCES : EIO;
    if (errno != EACCES) break;
    ::Sleep(kPauseMillis);
  }
  return failed(file, "replaced");
}

}  // namespace

FileDescriptor::~FileDescriptor() {
  if (descriptor_ >= 0) ::_close(descriptor_);
}

std::string FileFailure::text() const {
  return file + " can't be " + step + ": " + std::strerror(cause);
}

Done keep_owner(int, const std::string&) {
  return {};
}

Done replace_file(const std::string& file, std::string_view content, const Replacing& how) {
  const std::string temporary = file + how.suffix;
  auto done = write_new(temporary, content);
  if (done) done = move_over(temporary, file);
  if (!done) ::_unlink(temporary.c_str());
  return done;
}

}  // namespace openunison
