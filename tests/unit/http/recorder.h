// SPDX-License-Identifier: Apache-2.0
//
// A request's body from a text, and a responder that keeps the answer: for tests of services
// without a connection.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "http/edge.h"

namespace openunison::http::testing {

struct Answer {
  int status = 0;
  Headers headers;
  std::string body;

  // "" where the answer has none.
  std::string header(std::string_view name) const {
    return std::string(headers.get(name).value_or(""));
  }
  std::string location() const { return header("location"); }
};

class TextBody final : public BodyReader {
 public:
  // `failure`: instead of the text.
  explicit TextBody(std::string text, std::optional<Errc> failure = std::nullopt)
      : text_(std::move(text)), failure_(failure) {}
  Task<Result<std::size_t>> read(std::span<char> into) override {
    if (failure_) co_return fail(*failure_, "the body failed");
    const std::size_t count = std::min(into.size(), text_.size() - at_);
    std::copy_n(text_.begin() + static_cast<std::ptrdiff_t>(at_), count, into.begin());
    at_ += count;
    co_return count;
  }
  std::optional<std::uint64_t> length() const override { return text_.size(); }

 private:
  std::string text_;
  std::optional<Errc> failure_;
  std::size_t at_ = 0;
};

// What the wire would carry, but for what the codec writes.
class Recorder final : public EdgeResponder {
 public:
  Recorder() : EdgeResponder(true, true) {}
  Task<Result<void>> send(Response response) override {
    ResponseHead head{response.status, std::move(response.headers)};
    if (auto whole = complete(head); !whole) co_return whole;  // the edge then answers 500
    status_ = head.status;
    answer = {head.status, std::move(head.headers), std::string(response.content())};
    co_return Result<void>{};
  }
  Task<Result<BodyWriter*>> start(ResponseHead, std::optional<std::uint64_t>) override {
    co_return fail(Errc::internal, "nothing here is streamed");
  }
  Task<Result<std::unique_ptr<net::Stream>>> upgrade(ResponseHead) override {
    co_return fail(Errc::internal, "nothing here is upgraded");
  }
  bool started() const override { return status_ != 0; }

  Answer answer;
};

}  // namespace openunison::http::testing
