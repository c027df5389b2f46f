// SPDX-License-Identifier: Apache-2.0
#include "http/h1/prefixed_stream.h"

#include <algorithm>

namespace openunison::http::h1 {

PrefixedStream::PrefixedStream(std::string prefix, std::unique_ptr<net::Stream> inner,
                               std::shared_ptr<Connection> connection)
    : prefix_(std::move(prefix)), inner_(std::move(inner)), connection_(std::move(connection)) {
  connection_->stream = this;
}

PrefixedStream::~PrefixedStream() {
  connection_->stream = nullptr;
}

Task<Result<std::size_t>> PrefixedStream::read_some(std::span<char> into, net::Deadline deadline) {
  const std::size_t count = take_prefix(into);
  if (count > 0) co_return count;
  co_return co_await inner_->read_some(into, deadline);
}

std::size_t PrefixedStream::try_read(std::span<char> into) {
  const std::size_t count = take_prefix(into);
  return count > 0 ? count : inner_->try_read(into);
}

Task<Result<void>> PrefixedStream::write(std::string_view data, net::Deadline deadline) {
  return inner_->write(data, deadline);
}

Task<Result<void>> PrefixedStream::write(std::string_view first, std::string_view second,
                                         net::Deadline deadline) {
  return inner_->write(first, second, deadline);
}

Task<void> PrefixedStream::shutdown_write(net::Deadline deadline) {
  return inner_->shutdown_write(deadline);
}

std::size_t PrefixedStream::take_prefix(std::span<char> into) {
  const std::size_t count = prefix_.copy(into.data(), into.size(), taken_);
  taken_ += count;
  if (count > 0 && taken_ == prefix_.size()) {
    prefix_ = std::string();
    taken_ = 0;
  }
  return count;
}

}  // namespace openunison::http::h1
