// SPDX-License-Identifier: Apache-2.0
//
// Requests and answers of the load generator, and the interface of the two protocols that carry
// them: bytes in, bytes out, no I/O.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace openunison::bench {

struct Request {
  std::string method = "GET";
  std::string target = "/";
  std::vector<std::pair<std::string, std::string>> headers;  // lower-case names
  std::string body;
};

struct Response {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // lower-case names
  std::string body;

  std::string_view header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (key == name) return value;
    }
    return {};
  }
};

class Protocol {
 public:
  // Called once for each request that was submitted, with the slot it was given; may submit again.
  using Answered = std::function<void(std::size_t slot, Response response)>;

  virtual ~Protocol() = default;
  virtual void submit(std::size_t slot, const Request& request) = 0;
  // False: the server broke the protocol, or closes the connection.
  virtual bool receive(std::string_view bytes) = 0;
  // Appends what is to be sent.
  virtual void flush(std::string& out) = 0;
};

std::unique_ptr<Protocol> make_http1(std::string authority, Protocol::Answered answered);
std::unique_ptr<Protocol> make_http2(std::string authority, Protocol::Answered answered);

}  // namespace openunison::bench
