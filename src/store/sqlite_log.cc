// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <vector>

#include "store/error.h"

namespace openunison::store::sqlite {
namespace {

constexpr std::size_t kHeader = 32;
constexpr std::size_t kFrameHeader = 24;
constexpr std::uint32_t kMagic = 0x377f0682;  // the lowest bit: big-endian check sums
constexpr std::uint32_t kVersion = 3'007'000;

std::uint32_t big_endian(const unsigned char* bytes) {
  return static_cast<std::uint32_t>(bytes[0]) << 24 | static_cast<std::uint32_t>(bytes[1]) << 16 |
         static_cast<std::uint32_t>(bytes[2]) << 8 | bytes[3];
}

struct CheckSum {
  std::uint32_t a = 0, b = 0;
  bool swapped = false;  // the words of the file are of the other byte order than this machine's

  // `size` is a multiple of eight.
  void add(const unsigned char* bytes, std::size_t size) {
    for (std::size_t i = 0; i < size; i += 8) {
      std::uint32_t words[2];
      std::memcpy(words, bytes + i, sizeof words);
      a += (swapped ? std::byteswap(words[0]) : words[0]) + b;
      b += (swapped ? std::byteswap(words[1]) : words[1]) + a;
    }
  }
  bool is(const unsigned char* stored) const {
    return a == big_endian(stored) && b == big_endian(stored + 4);
  }
};

class Reader {
 public:
  Reader(std::string file, int descriptor) : file_(std::move(file)), descriptor_(descriptor) {}
  ~Reader() { ::close(descriptor_); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // Fills `out` from where the last call ended; false: the file ends before.
  Result<bool> read(std::vector<unsigned char>& out) {
    std::size_t size = 0;
    while (size < out.size()) {
      const ssize_t got = ::pread(descriptor_, out.data() + size, out.size() - size,
                                  at_ + static_cast<off_t>(size));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0)
        return fail(Errc::unavailable, file_ + " can't be read: " + std::strerror(errno));
      if (got == 0) return false;
      size += static_cast<std::size_t>(got);
    }
    at_ += static_cast<off_t>(size);
    return true;
  }

 private:
  std::string file_;
  int descriptor_;
  off_t at_ = 0;
};

// The page size that a sound header names; 0: damaged.
std::uint32_t page_bytes(const std::vector<unsigned char>& header, CheckSum& sum) {
  const std::uint32_t magic = big_endian(header.data());
  const bool big = (magic & 1) != 0;
  sum.swapped = big != (std::endian::native == std::endian::big);
  sum.add(header.data(), 24);
  const std::uint32_t page = big_endian(header.data() + 8);
  const bool good = (magic & ~1u) == kMagic && big_endian(header.data() + 4) == kVersion &&
                    std::has_single_bit(page) && page >= 512 && page <= 65'536 &&
                    sum.is(header.data() + 24);
  return good ? page : 0;
}

}  // namespace

Result<LogFile> examine_log(const std::string& file, bool from_disk) {
  const std::string name = file + "-wal";
  const int descriptor = ::open(name.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0 && errno == ENOENT) return LogFile{};
  if (descriptor < 0)
    return fail(Errc::unavailable, name + " can't be opened: " + std::strerror(errno));
  if (from_disk) ::posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
  Reader reader(name, descriptor);

  std::vector<unsigned char> header(kHeader);
  if (!TRY(reader.read(header))) return LogFile{};
  CheckSum sum;
  const std::uint32_t page = page_bytes(header, sum);
  LogFile log;
  if (page == 0) {
    std::vector<unsigned char> more(kFrameHeader + 512);
    log.lost = TRY(reader.read(more));
    return log;
  }
  std::vector<unsigned char> frame(kFrameHeader + page);
  bool intact = true;
  bool commit_behind = false;
  for (std::uint32_t number = 1; TRY(reader.read(frame)); ++number) {
    // Frames of an earlier turn of the log have other salts.
    const bool ours = std::memcmp(frame.data() + 8, header.data() + 16, 8) == 0;
    const bool commit = big_endian(frame.data() + 4) != 0;
    if (intact && ours) {
      sum.add(frame.data(), 8);
      sum.add(frame.data() + kFrameHeader, page);
      intact = sum.is(frame.data() + 16);
    } else {
      intact = false;
    }
    if (intact) {
      if (commit) log.frames = number;
      continue;
    }
    if (!ours) continue;
    if (commit_behind) log.lost = true;
    commit_behind = commit_behind || commit;
  }
  return log;
}

}  // namespace openunison::store::sqlite
