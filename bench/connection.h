// SPDX-License-Identifier: Apache-2.0
//
// One TLS connection of the load generator: non-blocking, driven by whoever watches its descriptor.
#pragma once

#include <netinet/in.h>
#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "bench/message.h"

namespace openunison::bench {

struct Target {
  sockaddr_in address{};
  std::string name;       // for SNI and the certificate
  std::string authority;  // NAME:PORT
  bool http2 = false;
  SSL_CTX* tls = nullptr;
};

class Connection {
 public:
  Connection(const Target& target, SSL_SESSION* resume, Protocol::Answered answered);
  ~Connection();
  Connection(const Connection&) = delete;

  int fd() const { return fd_; }
  bool wants_write() const { return wants_write_; }
  bool is_open() const { return open_; }
  Protocol& protocol() { return *protocol_; }
  // Does what can be done without waiting. False: the connection is over.
  bool drive();
  // Owned by the caller from here on; may be null.
  SSL_SESSION* session() const { return SSL_get1_session(ssl_); }

 private:
  // False: broken.
  bool shake_hands();
  bool read_all();
  bool write_all();
  bool wait_or_fail(int result);

  int fd_ = -1;
  SSL* ssl_ = nullptr;
  std::unique_ptr<Protocol> protocol_;
  std::string out_;
  bool open_ = false, wants_write_ = true;
};

}  // namespace openunison::bench
