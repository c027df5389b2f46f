// SPDX-License-Identifier: Apache-2.0
//
// Boost.Beast's reading of requests. Takes some 10 s to compile: that is Beast.
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <limits>

#include "reading.h"

namespace openunison::differential {
namespace {

namespace http = boost::beast::http;
using Parser = http::request_parser<http::string_body>;

// As ours has by default.
constexpr std::uint32_t kHeadBytes = 48 * 1024;
constexpr std::uint64_t kBodyBytes = 1024 * 1024;

Message to_message(const Parser& parser) {
  const auto& request = parser.get();
  Message message;
  message.method = request.method_string();
  message.target = request.target();
  for (const auto& field : request) message.fields.emplace_back(field.name_string(), field.value());
  message.body = request.body();
  return message;
}

}  // namespace

Reading read_as_beast(std::string_view bytes) {
  Reading reading;
  while (!bytes.empty()) {
    Parser parser;
    parser.eager(true);
    parser.header_limit(kHeadBytes);
    parser.body_limit(kBodyBytes);
    while (!bytes.empty() && !parser.is_done()) {
      boost::beast::error_code error;
      bytes.remove_prefix(parser.put(boost::asio::buffer(bytes.data(), bytes.size()), error));
      if (error == http::error::need_more) break;
      if (error) {
        reading.end = End::refused;
        reading.reason = error.message();
        return reading;
      }
    }
    if (!parser.is_done()) {
      reading.end = End::open;
      return reading;
    }
    reading.messages.push_back(to_message(parser));
    if (!parser.keep_alive()) {
      reading.end = End::closed;
      return reading;
    }
  }
  return reading;
}

}  // namespace openunison::differential
