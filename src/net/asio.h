// SPDX-License-Identifier: Apache-2.0
//
// The Asio that net/ uses, with our executor throughout. Private to net/.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "net/runtime.h"

// What waits for a socket to be ready.
#if defined(_WIN32)
#include "net/descriptor_windows.h"
#else
#include "net/descriptor_posix.h"
#endif

namespace openunison::net {

namespace asio = boost::asio;

using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, Executor>;
inline constexpr asio::as_tuple_t<asio::use_awaitable_t<Executor>> kAwaitTuple{};

// One thread's context; what `executor.context()` really is.
class IoThread final : public asio::io_context {
 public:
  IoThread(unsigned index, WorkPool& resolver)
      : asio::io_context(1), index_(index), resolver_(resolver) {}
  unsigned index() const { return index_; }
  WorkPool& resolver() { return resolver_; }
  static IoThread& of(const Executor& executor) {
    return static_cast<IoThread&>(executor.context());
  }

 private:
  unsigned index_;
  WorkPool& resolver_;
};

}  // namespace openunison::net
