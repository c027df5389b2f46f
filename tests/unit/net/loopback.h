// SPDX-License-Identifier: Apache-2.0
//
// Two ends of a TCP connection over loopback on a runtime with one thread.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "net/connect.h"
#include "net/listener.h"

namespace openunison::net::testing {

constexpr Millis kPatience{10'000};

class Loopback : public ::testing::Test {
 protected:
  Loopback() {
    auto opened = Listener::open(
        runtime_, "127.0.0.1:0",
        [this](std::unique_ptr<Stream> stream) -> Task<void> { return keep(std::move(stream)); });
    EXPECT_TRUE(opened) << opened.error().message();
    listener_ = std::move(*opened);
  }

  struct Pair {
    std::unique_ptr<Stream> near, far;  // that connected; that was accepted
  };
  Pair connect() { return runtime_.block_on(connect_task()); }
  template <class T>
  T run(Task<T> task) {
    return runtime_.block_on(std::move(task));
  }

  Runtime runtime_{1};
  std::unique_ptr<Listener> listener_;

 private:
  Task<void> keep(std::unique_ptr<Stream> stream) {
    accepted_.push_back(std::move(stream));
    co_return;
  }
  Task<Pair> connect_task() {
    Pair pair;
    auto near = co_await connect_tcp("127.0.0.1", listener_->port(), in(kPatience));
    EXPECT_TRUE(near);
    if (near) pair.near = std::move(*near);
    for (int i = 0; i < 10'000 && accepted_.empty(); ++i) co_await sleep_until(in(Millis(1)));
    EXPECT_EQ(accepted_.size(), 1u);
    if (!accepted_.empty()) pair.far = std::move(accepted_.front());
    accepted_.clear();
    co_return pair;
  }
  std::vector<std::unique_ptr<Stream>> accepted_;
};

inline Task<std::string> read_all(Stream& stream) {
  std::string all;
  std::vector<char> buffer(65'536);
  for (;;) {
    auto got = co_await stream.read_some(buffer, in(kPatience));
    if (!got || *got == 0) co_return all;
    all.append(buffer.data(), *got);
  }
}

}  // namespace openunison::net::testing
