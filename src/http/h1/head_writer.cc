// SPDX-License-Identifier: Apache-2.0
#include "http/h1/head_writer.h"

#include <fmt/format.h>

#include "http/date.h"

namespace openunison::http::h1 {
namespace {

// For people who read along; no program looks at it (RFC 9112 §4).
std::string_view reason_phrase(int status) {
  switch (status) {
    case 101:
      return "Switching Protocols";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 421:
      return "Misdirected Request";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "";
  }
}

std::string_view connection_line(ConnectionField connection) {
  switch (connection) {
    case ConnectionField::none:
      return "";
    case ConnectionField::close:
      return "connection: close\r\n";
    case ConnectionField::keep_alive:
      return "connection: keep-alive\r\n";
    case ConnectionField::upgrade:
      return "connection: upgrade\r\n";
  }
  return "";
}

}  // namespace

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

void append_response_head(std::string& out, const ResponseHead& head, Framing framing,
                          std::uint64_t length, ConnectionField connection) {
  constexpr std::size_t kUsualSize = 512;
  out.reserve(out.size() + kUsualSize);
  const fmt::format_int status(head.status);
  out.append("HTTP/1.1 ")
      .append(status.data(), status.size())
      .append(" ")
      .append(reason_phrase(head.status))
      .append("\r\n");
  for (const Field& field : head.headers.fields()) append_field(out, field.name, field.value);
  append_field(out, "date", http_date());
  if (framing == Framing::length) {
    const fmt::format_int text(length);
    append_field(out, "content-length", {text.data(), text.size()});
  } else if (framing == Framing::chunked) {
    out.append("transfer-encoding: chunked\r\n");
  }
  out.append(connection_line(connection)).append("\r\n");
}

}  // namespace openunison::http::h1
