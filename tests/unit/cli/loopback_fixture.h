// SPDX-License-Identifier: Apache-2.0
//
// A Loopback on real sockets, and what knocks at it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/log.h"
#include "cli/loopback.h"
#include "net/connect.h"
#include "net/runtime.h"

namespace openunison::cli::testing {

constexpr Millis kPatience{10'000};
constexpr const char* kState = "a-state_of-43-characters-0123456789abcdefghi";
constexpr const char* kIssuer = "https://k8sou.example.com/auth/idp/k8sIdp";
constexpr const char* kEncodedIssuer = "https%3A%2F%2Fk8sou.example.com%2Fauth%2Fidp%2Fk8sIdp";

inline std::string query_with(std::string_view code) {
  return "code=" + std::string(code) + "&state=" + kState + "&iss=" + kEncodedIssuer;
}

class LoopbackTest : public ::testing::Test {
 protected:
  LoopbackTest() {
    log::configure(log::Level::error);
    options_ = {kState, kIssuer, "Acme", "https://k8sou.example.com"};
    open();
  }
  void open() {
    auto opened = Loopback::open(runtime_, options_);
    ASSERT_TRUE(opened) << opened.error().message();
    loopback_ = std::move(*opened);
    const std::string& uri = loopback_->redirect_uri();
    const std::size_t colon = uri.rfind(':');
    port_ = static_cast<std::uint16_t>(std::stoi(uri.substr(colon + 1)));
    host_ = "127.0.0.1:" + std::to_string(port_);
  }

  std::string get(std::string_view query, std::string_view path = "/callback") const {
    return "GET " + std::string(path) + "?" + std::string(query) + " HTTP/1.1\r\nHost: " + host_ +
           "\r\n\r\n";
  }

  Task<std::unique_ptr<net::Stream>> connect(std::string ip = "127.0.0.1") {
    auto stream = co_await net::connect_tcp(ip, port_, net::in(kPatience));
    if (!stream) co_return nullptr;
    co_return std::move(*stream);
  }
  static Task<std::string> read_to_end(net::Stream& stream) {
    std::string all;
    char buffer[4096];
    for (;;) {
      auto got = co_await stream.read_some(buffer, net::in(kPatience));
      if (!got || *got == 0) co_return all;
      all.append(buffer, *got);
    }
  }
  // The whole answer to these bytes; "refused" where nobody listens.
  Task<std::string> knock(std::string bytes, std::string ip = "127.0.0.1") {
    auto stream = co_await connect(std::move(ip));
    if (!stream) co_return "refused";
    auto written = co_await stream->write(bytes, net::in(kPatience));
    if (!written) co_return "";
    co_return co_await read_to_end(*stream);
  }
  // The same beside the rest; the answer is there once it has come whole.
  void knock_aside(std::string bytes, std::string& answer) {
    runtime_.spawn(0, knock_into(std::move(bytes), answer));
  }
  Task<void> knock_into(std::string bytes, std::string& answer) {
    answer = co_await knock(std::move(bytes));
  }
  Task<Result<Callback>> wait() { return loopback_->wait(net::in(kPatience)); }
  // Until the sign-in's own callback comes: with the code "right".
  Callback right_callback(std::string& page) {
    knock_aside(get(query_with("right")), page);
    auto callback = runtime_.block_on(wait());
    EXPECT_TRUE(callback);
    return callback ? *callback : Callback{};
  }
  void finish(Outcome outcome = {true, "alice"}) {
    runtime_.block_on(loopback_->finish(std::move(outcome), net::in(kPatience)));
  }
  Task<void> until_filled(const std::string& text) {
    for (int i = 0; i < 10'000 && text.empty(); ++i) co_await net::sleep_until(net::in(Millis(1)));
  }

  net::Runtime runtime_{1};
  LoopbackOptions options_;
  std::unique_ptr<Loopback> loopback_;
  std::uint16_t port_ = 0;
  std::string host_;
};

}  // namespace openunison::cli::testing
