// SPDX-License-Identifier: Apache-2.0
#include "bench/connection.h"

#include <netinet/tcp.h>
#include <openssl/err.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>

namespace openunison::bench {

Connection::Connection(const Target& target, SSL_SESSION* resume, Protocol::Answered answered)
    : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
      ssl_(SSL_new(target.tls)),
      protocol_(target.http2 ? make_http2(target.authority, std::move(answered))
                             : make_http1(target.authority, std::move(answered))) {
  if (fd_ < 0) throw std::runtime_error("no more sockets: raise `ulimit -n`");
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const int connected =
      ::connect(fd_, reinterpret_cast<const sockaddr*>(&target.address), sizeof target.address);
  if (connected != 0 && errno != EINPROGRESS) throw std::runtime_error("can't connect");
  SSL_set_fd(ssl_, fd_);
  SSL_set_tlsext_host_name(ssl_, target.name.c_str());
  SSL_set1_host(ssl_, target.name.c_str());
  if (resume != nullptr) SSL_set_session(ssl_, resume);
  SSL_set_connect_state(ssl_);
}

Connection::~Connection() {
  if (open_) SSL_shutdown(ssl_);
  SSL_free(ssl_);
  ::close(fd_);
}

bool Connection::drive() {
  wants_write_ = false;
  if (!open_ && !shake_hands()) return false;
  if (!open_) return true;
  return read_all() && write_all();
}

bool Connection::shake_hands() {
  ERR_clear_error();
  const int done = SSL_do_handshake(ssl_);
  if (done != 1) return wait_or_fail(done);
  open_ = true;
  return true;
}

bool Connection::read_all() {
  char buffer[32 * 1024];
  for (;;) {
    ERR_clear_error();
    const int got = SSL_read(ssl_, buffer, sizeof buffer);
    if (got <= 0) return wait_or_fail(got);
    if (!protocol_->receive({buffer, static_cast<std::size_t>(got)})) return false;
  }
}

bool Connection::write_all() {
  protocol_->flush(out_);
  while (!out_.empty()) {
    ERR_clear_error();
    const int sent = SSL_write(ssl_, out_.data(), static_cast<int>(out_.size()));
    if (sent <= 0) return wait_or_fail(sent);
    out_.erase(0, static_cast<std::size_t>(sent));
  }
  return true;
}

bool Connection::wait_or_fail(int result) {
  const int why = SSL_get_error(ssl_, result);
  wants_write_ = why == SSL_ERROR_WANT_WRITE;
  return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
}

}  // namespace openunison::bench
