// SPDX-License-Identifier: Apache-2.0
//
// A stream and what was read from it beyond the present message. The buffer takes memory only while
// it holds bytes of a message: a connection that waits for its next request has none. Used on the
// stream's thread. Private to http/.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "net/stream.h"

namespace openunison::http::h1 {

class ReadBuffer {
 public:
  std::string_view view() const { return {bytes_.get() + begin_, end_ - begin_}; }
  bool empty() const { return begin_ == end_; }
  void consume(std::size_t count);
  void append(std::string_view bytes);
  // At least `room` bytes to write to behind the content; commit() says how many were.
  std::span<char> prepare(std::size_t room);
  void commit(std::size_t count) { end_ += count; }
  // Gives the memory back if nothing is in it.
  void release();
  std::size_t capacity() const { return capacity_; }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t capacity_ = 0, begin_ = 0, end_ = 0;
};

struct Wire {
  std::unique_ptr<net::Stream> stream;
  ReadBuffer buffer;

  // Reads more behind what is there. As Stream::read_some.
  Task<Result<std::size_t>> fill(net::Deadline deadline);
  // The same, for a long wait: with an empty buffer, whose memory is given back meanwhile.
  Task<Result<std::size_t>> wait(net::Deadline deadline);
};

}  // namespace openunison::http::h1
