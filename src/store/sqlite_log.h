// SPDX-License-Identifier: Apache-2.0
//
// The write-ahead log of SQLite as a file, read without SQLite: how far it is intact, and whether
// something behind that was acknowledged. SQLite itself takes a log up to the first frame that
// doesn't fit and says nothing of the rest, since after a power cut the rest is what wasn't synced;
// but at most one transaction can be in that state, and a damaged log loses more.
// https://www.sqlite.org/fileformat2.html#walformat. Private to store/.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace openunison::store::sqlite {

struct LogFile {
  std::uint32_t frames = 0;  // up to and with the last commit of the intact part
  // Behind the intact part begins more than one transaction of the same turn of the log, or frames
  // stand behind a damaged header: acknowledged changes are lost.
  bool lost = false;
};

// `file` is the database's; an absent log is empty. With `from_disk` the kernel is told to forget
// what it keeps of the log first, so that the disk's own bytes are looked at. Error: unavailable
// (it can't be read).
Result<LogFile> examine_log(const std::string& file, bool from_disk);

}  // namespace openunison::store::sqlite
