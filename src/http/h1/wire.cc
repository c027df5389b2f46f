// SPDX-License-Identifier: Apache-2.0
#include "http/h1/wire.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace openunison::http::h1 {
namespace {

constexpr std::size_t kReadSize = 8192;

// One for all connections of a thread that wait. A Stream writes to it only in the turn in which it
// returns, and its reader copies the bytes away before it waits again.
std::span<char> thread_scratch() {
  thread_local std::array<char, 2 * kReadSize> scratch;
  return scratch;
}

}  // namespace

void ReadBuffer::consume(std::size_t count) {
  begin_ += count;
  if (begin_ == end_) begin_ = end_ = 0;
}

void ReadBuffer::append(std::string_view bytes) {
  bytes.copy(prepare(bytes.size()).data(), bytes.size());
  commit(bytes.size());
}

std::span<char> ReadBuffer::prepare(std::size_t room) {
  if (capacity_ - end_ >= room) return {bytes_.get() + end_, capacity_ - end_};
  const std::size_t used = end_ - begin_;
  if (capacity_ >= used + room) {
    std::memmove(bytes_.get(), bytes_.get() + begin_, used);
  } else {
    const std::size_t wanted = std::max(used + room, 2 * capacity_);
    auto grown = std::make_unique_for_overwrite<char[]>(wanted);
    if (used > 0) std::memcpy(grown.get(), bytes_.get() + begin_, used);
    bytes_ = std::move(grown);
    capacity_ = wanted;
  }
  begin_ = 0;
  end_ = used;
  return {bytes_.get() + end_, capacity_ - end_};
}

void ReadBuffer::release() {
  if (!empty()) return;
  bytes_.reset();
  capacity_ = begin_ = end_ = 0;
}

Task<Result<std::size_t>> Wire::fill(net::Deadline deadline) {
  auto got = co_await stream->read_some(buffer.prepare(kReadSize), deadline);
  if (got) buffer.commit(*got);
  co_return got;
}

Task<Result<std::size_t>> Wire::wait(net::Deadline deadline) {
  buffer.release();
  const std::span<char> scratch = thread_scratch();
  auto got = co_await stream->read_some(scratch, deadline);
  if (got) buffer.append({scratch.data(), *got});
  co_return got;
}

}  // namespace openunison::http::h1
