// SPDX-License-Identifier: Apache-2.0
//
// Task<T>: a lazy coroutine that stays on the thread whose io_context it was started on. The one
// place outside net/ where Asio shows.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include "base/clock.h"
#include "base/result.h"

namespace openunison::net {

using Executor = boost::asio::io_context::executor_type;

template <class T>
using Task = boost::asio::awaitable<T, Executor>;

// When an operation must be over, on the steady clock.
using Deadline = std::chrono::steady_clock::time_point;
inline Deadline in(Millis duration) {
  return std::chrono::steady_clock::now() + duration;
}
inline constexpr Deadline kNoDeadline = Deadline::max();

}  // namespace openunison::net

namespace openunison {
using net::Task;
}
