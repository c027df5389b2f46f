// SPDX-License-Identifier: Apache-2.0
#include "store/counter_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>

#include "store/error.h"

namespace openunison::store {
namespace {

constexpr std::string_view kVersion = "1";
constexpr std::size_t kMaxBytes = 1'024;

class Descriptor {
 public:
  explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
  ~Descriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  explicit operator bool() const { return descriptor_ >= 0; }
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

std::unexpected<Error> failed(const std::string& file, const char* what, int cause) {
  return fail(Errc::unavailable, file + " can't be " + what + ": " + std::strerror(cause) +
                                     "; check the directory, its owner and the room on its disk");
}

bool write_all(int descriptor, std::string_view data) {
  while (!data.empty()) {
    const ssize_t written = ::write(descriptor, data.data(), data.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    data.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

// "1 DATABASE NUMBER"
std::optional<Mark> parse(std::string_view text) {
  if (!text.starts_with(kVersion) || text.substr(kVersion.size(), 1) != " ") return std::nullopt;
  Mark mark;
  const char* const end = text.data() + text.size();
  const auto database = std::from_chars(text.data() + kVersion.size() + 1, end, mark.database);
  if (database.ec != std::errc{} || database.ptr == end || *database.ptr != ' ')
    return std::nullopt;
  const auto number = std::from_chars(database.ptr + 1, end, mark.number);
  if (number.ec != std::errc{} || number.ptr != end || mark.number < 1) return std::nullopt;
  return mark;
}

}  // namespace

CounterFile::CounterFile(std::string file, const crypto::MasterKey& master)
    : file_(std::move(file)), sealer_(master, "session-counter") {}

Result<Counter> CounterFile::read() const {
  const Descriptor in(::open(file_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!in && errno == ENOENT) return Counter{};
  if (!in) return failed(file_, "opened", errno);
  std::array<char, kMaxBytes> bytes;
  std::size_t size = 0;
  for (;;) {
    const ssize_t got = ::read(in.get(), bytes.data() + size, bytes.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(file_, "read", errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
    if (size == bytes.size()) return Counter{Counter::State::damaged, {}};
  }
  const auto plain = sealer_.open_raw(std::string_view(bytes.data(), size));
  const auto mark = plain ? parse(*plain) : std::nullopt;
  if (!mark) return Counter{Counter::State::damaged, {}};
  return Counter{Counter::State::read, *mark};
}

Result<void> CounterFile::write(Mark mark, crypto::Random& random) const {
  const std::string sealed =
      sealer_.seal_raw(std::string(kVersion) + ' ' + std::to_string(mark.database) + ' ' +
                           std::to_string(mark.number),
                       random);
  const std::string temporary = file_ + ".new";
  {
    const Descriptor out(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!out) return failed(temporary, "made", errno);
    if (!write_all(out.get(), sealed) || ::fsync(out.get()) != 0) {
      const int cause = errno;
      ::unlink(temporary.c_str());
      return failed(temporary, "written", cause);
    }
  }
  if (::rename(temporary.c_str(), file_.c_str()) != 0) {
    const int cause = errno;
    ::unlink(temporary.c_str());
    return failed(file_, "replaced", cause);
  }
  const std::string directory = std::filesystem::absolute(file_).parent_path();
  const Descriptor opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened || ::fsync(opened.get()) != 0) return failed(directory, "written", errno);
  return {};
}

}  // namespace openunison::store
