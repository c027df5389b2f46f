// SPDX-License-Identifier: Apache-2.0
//
// HTTP/1.1 as far as the servers under load speak it: one request at a time, answers with
// content-length or chunked.
#include <algorithm>
#include <charconv>
#include <optional>

#include "bench/message.h"

namespace openunison::bench {
namespace {

class Http1 final : public Protocol {
 public:
  Http1(std::string authority, Answered answered)
      : authority_(std::move(authority)), answered_(std::move(answered)) {}

  void submit(std::size_t slot, const Request& request) override {
    slot_ = slot;
    waiting_ = true;
    out_.append(request.method).append(" ").append(request.target).append(" HTTP/1.1\r\nhost: ");
    out_.append(authority_).append("\r\n");
    for (const auto& [name, value] : request.headers)
      out_.append(name).append(": ").append(value).append("\r\n");
    if (!request.body.empty() || request.method == "POST")
      out_.append("content-length: ").append(std::to_string(request.body.size())).append("\r\n");
    out_.append("\r\n").append(request.body);
  }

  bool receive(std::string_view bytes) override {
    in_.append(bytes);
    if (!waiting_) return false;
    if (!head_) {
      const std::size_t end = in_.find("\r\n\r\n");
      if (end == std::string::npos) return true;
      if (!read_head(std::string_view(in_).substr(0, end + 2))) return false;
      in_.erase(0, end + 4);
    }
    if (chunked_ ? !read_chunks() : in_.size() < length_) return good_;
    if (!chunked_) {
      head_->body = in_.substr(0, length_);
      in_.erase(0, length_);
    }
    Response response = std::move(*head_);
    head_.reset();
    waiting_ = false;
    const bool closes = closes_;
    answered_(slot_, std::move(response));
    return !closes;
  }

  void flush(std::string& out) override {
    out.append(out_);
    out_.clear();
  }

 private:
  bool read_head(std::string_view head) {
    if (!head.starts_with("HTTP/1.1 ") || head.size() < 13) return false;
    head_.emplace();
    chunked_ = closes_ = false;
    length_ = 0;
    std::from_chars(head.data() + 9, head.data() + 12, head_->status);
    for (std::size_t at = head.find("\r\n") + 2; at < head.size();) {
      const std::size_t end = head.find("\r\n", at);
      const std::string_view line = head.substr(at, end - at);
      at = end + 2;
      const std::size_t colon = line.find(':');
      if (colon == std::string_view::npos) return false;
      std::string name(line.substr(0, colon));
      std::transform(name.begin(), name.end(), name.begin(),
                     [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
      std::string_view value = line.substr(colon + 1);
      value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
      if (name == "content-length")
        std::from_chars(value.data(), value.data() + value.size(), length_);
      if (name == "transfer-encoding") chunked_ = value == "chunked";
      if (name == "connection") closes_ = value == "close";
      head_->headers.emplace_back(std::move(name), value);
    }
    return true;
  }

  // True: the last chunk is there.
  bool read_chunks() {
    for (;;) {
      const std::size_t line = in_.find("\r\n");
      if (line == std::string::npos) return false;
      std::size_t size = 0;
      const auto parsed = std::from_chars(in_.data(), in_.data() + line, size, 16);
      if (parsed.ec != std::errc()) return good_ = false;
      if (in_.size() < line + 2 + size + 2) return false;
      head_->body.append(in_, line + 2, size);
      in_.erase(0, line + 2 + size + 2);
      if (size == 0) return true;
    }
  }

  const std::string authority_;
  const Answered answered_;
  std::string in_, out_;
  std::optional<Response> head_;
  std::size_t slot_ = 0, length_ = 0;
  bool waiting_ = false, chunked_ = false, closes_ = false, good_ = true;
};

}  // namespace

std::unique_ptr<Protocol> make_http1(std::string authority, Protocol::Answered answered) {
  return std::make_unique<Http1>(std::move(authority), std::move(answered));
}

}  // namespace openunison::bench
