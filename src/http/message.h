// SPDX-License-Identifier: Apache-2.0
//
// Requests and responses, independent of the HTTP version: no Host line, no reason phrase, no
// notion of the connection. Field names are lower case everywhere.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/error.h"
#include "http/trace_context.h"
#include "net/stream.h"
#include "net/task.h"

namespace openunison::http {

struct Field {
  std::string name;   // lower case token
  std::string value;  // no leading or trailing white space, no control bytes
};

class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<Field> fields) : fields_(fields) {}

  // The first value.
  std::optional<std::string_view> get(std::string_view name) const;
  // The value if the field occurs exactly once; nullopt if absent; Error bad_request if repeated.
  Result<std::optional<std::string_view>> unique(std::string_view name) const;
  // Field lines of that name joined with ", " ("; " for cookie).
  std::string joined(std::string_view name) const;
  bool contains(std::string_view name) const { return get(name).has_value(); }

  void add(std::string name, std::string value) {
    fields_.push_back({std::move(name), std::move(value)});
  }
  void set(std::string_view name, std::string value);
  void remove(std::string_view name);
  template <class Predicate>
  void remove_if(Predicate predicate) {
    std::erase_if(fields_, predicate);
  }
  void reserve(std::size_t count) { fields_.reserve(count); }

  const std::vector<Field>& fields() const { return fields_; }

 private:
  std::vector<Field> fields_;
};

// A body as it arrives. Not reading holds the sender back. One reader.
class BodyReader {
 public:
  virtual ~BodyReader() = default;
  // 0: the end. Errors: body_too_large, body_ended_early, bad_request (chunk framing), timed_out.
  virtual Task<Result<std::size_t>> read(std::span<char> into) = 0;
  // Known from the head; nullopt when chunked or streamed.
  virtual std::optional<std::uint64_t> length() const = 0;
  // Says that `bytes` more of it are kept in memory until the request ends. False: that is more
  // than may be kept now; answer 503.
  virtual bool hold(std::size_t bytes) {
    static_cast<void>(bytes);
    return true;
  }
};

// The whole body, at most `limit` bytes. Errors: as BodyReader::read; unavailable: hold() refused.
Task<Result<std::string>> read_all(BodyReader& body, std::size_t limit);

struct Authority {
  std::string host;        // lower case; IPv6 without brackets
  std::uint16_t port = 0;  // as given or the scheme's default
  bool port_given = false;
  std::string text() const;  // host[:port], as it was given
};

struct Request {
  std::string method;   // upper-case token, as sent; GET in place of an extended CONNECT
  bool secure = false;  // arrived over TLS
  Authority authority;  // Host or :authority
  std::string path;     // raw, starts with '/', no "//", "." or ".." segments; "*" for OPTIONS *
  std::string query;    // raw, without '?'
  // Without host, content-length, expect and what is the connection's: authority, body and upgrade
  // say it.
  Headers headers;
  std::unique_ptr<BodyReader> body;  // never null
  net::PeerAddress peer;
  net::TlsInfo tls;
  std::string id;      // for logs and error pages; set by the server
  TraceContext trace;  // set by the server
  // The name of the route that answers ("/k8s/*"), a view into its router; set by that.
  std::string_view route = "other";
  // A token for `Upgrade` (HTTP/1.1) or :protocol (HTTP/2, RFC 8441); empty for ordinary requests.
  std::string upgrade;
};

struct ResponseHead {
  int status = 200;
  Headers headers;  // no content-length, transfer-encoding or connection: the codec writes them
};

struct Response {
  int status = 200;
  Headers headers;
  std::string body;
  std::shared_ptr<const std::string> shared_body;  // instead of `body`: a file that many get

  std::string_view content() const { return shared_body ? *shared_body : body; }
};

// Streams a body out. Awaiting a write is the back-pressure.
class BodyWriter {
 public:
  virtual ~BodyWriter() = default;
  virtual Task<Result<void>> write(std::string_view data) = 0;
  // Must be called for the response to count as whole; otherwise the connection is cut.
  virtual Task<Result<void>> finish() = 0;
};

}  // namespace openunison::http
