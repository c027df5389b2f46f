// SPDX-License-Identifier: Apache-2.0
//
// h1_readings table: the table of requests of the unit tests, a line of JSON each.
// h1_readings read: requests in, one a line in hexadecimal; how our parser and Boost.Beast's read
// each, a line of JSON each. tests/e2e/http_forms.test.ts compares them, and Node's.
#include <fmt/format.h>

#include <cstdio>
#include <iostream>
#include <optional>

#include "h1_cases.h"
#include "http/h1/body_decoder.h"
#include "http/h1/head_parser.h"
#include "http/syntax.h"
#include "reading.h"

using namespace openunison;
using namespace openunison::differential;

namespace {

std::string to_hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

std::optional<std::string> from_hex(std::string_view text) {
  std::string bytes;
  if (text.size() % 2 != 0) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = http::hex_value(text[i]), low = http::hex_value(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes += static_cast<char>(high * 16 + low);
  }
  return bytes;
}

// The body that follows `head`, taken from `bytes`; nullopt: `reading` tells why there is none.
std::optional<std::string> read_body(const http::h1::ParsedRequest& head, std::string_view& bytes,
                                     const http::Limits& limits, Reading& reading) {
  const auto too_large = [&] {
    reading.end = End::refused;
    reading.reason = "the body is too large";
    return std::nullopt;
  };
  if (head.length > limits.body_bytes) return too_large();
  http::h1::BodyDecoder decoder(head.framing, head.length);
  std::string body;
  while (!decoder.done() && !bytes.empty()) {
    const auto step = decoder.step(bytes);
    if (!step) {
      reading.end = End::refused;
      reading.reason = step.error().message();
      return std::nullopt;
    }
    body += step->data;
    bytes.remove_prefix(step->consumed);
    if (body.size() > limits.body_bytes) return too_large();
  }
  if (decoder.done()) return body;
  reading.end = End::open;
  return std::nullopt;
}

// As a connection of the server reads it.
Reading read_as_ours(std::string_view bytes) {
  const http::Limits limits;
  Reading reading;
  while (!bytes.empty()) {
    http::h1::RequestParser parser(limits, false);
    const auto whole = parser.parse(bytes);
    if (!whole || !*whole) {
      reading.end = whole ? End::open : End::refused;
      if (!whole) reading.reason = whole.error().message();
      return reading;
    }
    bytes.remove_prefix(parser.consumed());
    http::h1::ParsedRequest head = parser.take();
    auto body = read_body(head, bytes, limits, reading);
    if (!body) return reading;
    Message message;
    message.method = head.method;
    message.target = head.path + (head.query.empty() ? "" : "?" + head.query);
    message.fields.emplace_back("host", head.authority.text());
    for (const http::Field& field : head.headers.fields())
      message.fields.emplace_back(field.name, field.value);
    message.body = std::move(*body);
    reading.messages.push_back(std::move(message));
    if (!head.keep_alive) {
      reading.end = End::closed;
      return reading;
    }
  }
  return reading;
}

std::string to_json(const Reading& reading) {
  constexpr const char* kEnds[] = {"clean", "open", "refused", "closed"};
  std::string messages;
  for (const Message& message : reading.messages) {
    std::string fields;
    for (const auto& [name, value] : message.fields)
      fields +=
          fmt::format("{}[\"{}\",\"{}\"]", fields.empty() ? "" : ",", to_hex(name), to_hex(value));
    messages += fmt::format(R"({}{{"method":"{}","target":"{}","fields":[{}],"body":"{}"}})",
                            messages.empty() ? "" : ",", to_hex(message.method),
                            to_hex(message.target), fields, to_hex(message.body));
  }
  return fmt::format(R"({{"messages":[{}],"end":"{}","reason":"{}"}})", messages,
                     kEnds[static_cast<int>(reading.end)], to_hex(reading.reason));
}

int print_table() {
  for (const http::testing::Case& each : http::testing::all_cases())
    fmt::print("{{\"name\":\"{}\",\"good\":{},\"form\":\"{}\"}}\n", each.name, each.status == 200,
               to_hex(each.raw));
  return 0;
}

int read_all() {
  std::string line;
  while (std::getline(std::cin, line)) {
    const auto form = from_hex(line);
    if (!form) {
      fmt::print(stderr, "h1_readings: a line isn't hexadecimal\n");
      return 1;
    }
    fmt::print("{{\"ours\":{},\"beast\":{}}}\n", to_json(read_as_ours(*form)),
               to_json(read_as_beast(*form)));
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc == 2 ? argv[1] : "";
  if (what == "table") return print_table();
  if (what == "read") return read_all();
  fmt::print(stderr, "usage: h1_readings table | read\n");
  return 2;
}
