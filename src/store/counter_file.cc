// SPDX-License-Identifier: Apache-2.0
#include "store/counter_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>

#include "base/file.h"
#include "store/error.h"

namespace openunison::store {
namespace {

constexpr std::string_view kVersion = "1";
constexpr std::size_t kMaxBytes = 1'024;

std::unexpected<Error> failed(const FileFailure& failure) {
  return fail(Errc::unavailable,
              failure.text() + "; check the directory, its owner and the room on its disk");
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
  const FileDescriptor in(::open(file_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!in && errno == ENOENT) return Counter{};
  if (!in) return failed({file_, "opened", errno});
  std::array<char, kMaxBytes> bytes;
  std::size_t size = 0;
  for (;;) {
    const ssize_t got = ::read(in.get(), bytes.data() + size, bytes.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed({file_, "read", errno});
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
  const auto replaced = replace_file(file_, sealed);
  if (!replaced) return failed(replaced.error());
  return {};
}

}  // namespace openunison::store
