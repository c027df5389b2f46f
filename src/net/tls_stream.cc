// SPDX-License-Identifier: Apache-2.0
//
// TLS on a socket of ours: OpenSSL reads and writes the non-blocking descriptor through a BIO of
// ours, Asio only waits (docs/adr/0002-tls-on-sockets.md has the measurements).
#include <openssl/x509v3.h>

#include <cerrno>
#include <cstring>

#include "base/check.h"
#include "net/address.h"
#include "net/fd_stream.h"
#include "net/sockets.h"
#include "net/tls_context.h"

namespace openunison::net {
namespace {

constexpr std::size_t kRecord = 16 * 1024;

// What is below a connection's SSL.
struct Wire {
  Socket* socket;
  // Another record follows at once: the kernel keeps this one for it (no longer than 200 ms), so
  // that they make one way through its layers instead of one each.
  bool more = false;
};

Wire& wire_of(BIO* bio) {
  return *static_cast<Wire*>(BIO_get_data(bio));
}

int bio_read(BIO* bio, char* into, int size) {
  BIO_clear_retry_flags(bio);
  Socket& socket = *wire_of(bio).socket;
  if (socket.closed()) return -1;
  const ssize_t got = sockets::receive(socket.fd(), into, static_cast<std::size_t>(size));
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
  return static_cast<int>(got);
}

int bio_write(BIO* bio, const char* from, int size) {
  BIO_clear_retry_flags(bio);
  const Wire& wire = wire_of(bio);
  if (wire.socket->closed()) return -1;
  const ssize_t sent =
      sockets::send(wire.socket->fd(), from, static_cast<std::size_t>(size), wire.more);
  if (sent < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

long bio_control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

int bio_create(BIO* bio) {
  BIO_set_init(bio, 1);
  return 1;
}

const BIO_METHOD* socket_bio() {
  static const BIO_METHOD* const kMethod = [] {
    BIO_METHOD* method =
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "openunison socket");
    CHECK(method != nullptr);
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_ctrl(method, bio_control);
    BIO_meth_set_create(method, bio_create);
    return method;
  }();
  return kMethod;
}

struct SslDeleter {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using SslPtr = std::unique_ptr<SSL, SslDeleter>;

SslPtr new_ssl(const SSL_CTX* context) {
  SslPtr ssl(SSL_new(const_cast<SSL_CTX*>(context)));
  CHECK(ssl);
  return ssl;
}

class TlsStream final : public Stream {
 public:
  TlsStream(std::shared_ptr<Socket> socket, SslPtr ssl, PeerAddress peer,
            std::shared_ptr<const void> context)
      : socket_(std::move(socket)),
        context_(std::move(context)),
        wire_{socket_.get()},
        ssl_(std::move(ssl)),
        peer_(std::move(peer)) {
    BIO* bio = BIO_new(socket_bio());
    CHECK(bio != nullptr);
    BIO_set_data(bio, &wire_);
    SSL_set_bio(ssl_.get(), bio, bio);
  }
  ~TlsStream() override { socket_->close(); }

  // Runs SSL_accept or SSL_connect to its end.
  Task<Result<void>> handshake(Deadline deadline) {
    for (;;) {
      ERR_clear_error();
      errno = 0;
      const int done = SSL_do_handshake(ssl_.get());
      if (done == 1) break;
      const int why = SSL_get_error(ssl_.get(), done);
      if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
        co_return std::unexpected(handshake_error());
      auto ready = co_await wait(why, deadline);
      if (!ready) co_return ready;
    }
    describe();
    co_return Result<void>{};
  }

  Task<Result<std::size_t>> read_some(std::span<char> into, Deadline deadline) override {
    for (;;) {
      if (socket_->closed()) co_return fail(Errc::cancelled, "the connection was ended here");
      ERR_clear_error();
      errno = 0;
      std::size_t got = 0;
      const int done = SSL_read_ex(ssl_.get(), into.data(), into.size(), &got);
      if (done == 1) co_return got;
      const int why = SSL_get_error(ssl_.get(), done);
      if (why == SSL_ERROR_ZERO_RETURN) co_return std::size_t{0};
      if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) {
        broken_ = true;
        co_return fail(Errc::closed, "the TLS connection broke off");
      }
      auto ready = co_await wait(why, deadline);
      if (!ready) co_return std::unexpected(ready.error());
    }
  }

  std::size_t try_read(std::span<char> into) override {
    if (socket_->closed() || broken_) return 0;
    ERR_clear_error();
    std::size_t got = 0;
    return SSL_read_ex(ssl_.get(), into.data(), into.size(), &got) == 1 ? got : 0;
  }

  Task<Result<void>> write(std::string_view data, Deadline deadline) override {
    return write_records(data, false, deadline);
  }

  Task<Result<void>> write(std::string_view first, std::string_view second,
                           Deadline deadline) override {
    if (second.empty()) co_return co_await write(first, deadline);
    // A head and a small body go out as one record and one system call.
    std::string joined;
    const std::size_t room = first.size() < kRecord ? kRecord - first.size() : 0;
    const std::size_t taken = std::min(room, second.size());
    joined.reserve(first.size() + taken);
    joined.append(first).append(second.substr(0, taken));
    const bool more = taken < second.size();
    auto written = co_await write_records(joined, more, deadline);
    if (!written || !more) co_return written;
    co_return co_await write(second.substr(taken), deadline);
  }

  Task<void> shutdown_write(Deadline deadline) override {
    while (!socket_->closed() && !broken_) {
      ERR_clear_error();
      const int done = SSL_shutdown(ssl_.get());
      if (done >= 0) break;
      const int why = SSL_get_error(ssl_.get(), done);
      if (why != SSL_ERROR_WANT_WRITE) break;
      auto ready = co_await wait(why, deadline);
      if (!ready) break;
    }
    if (!socket_->closed()) sockets::shutdown_write(socket_->fd());
  }

  void close() override { socket_->close(); }
  const PeerAddress& peer() const override { return peer_; }
  const TlsInfo& tls() const override { return tls_; }
  SSL* ssl() { return ssl_.get(); }
  // Notes the fingerprint of a certificate that isn't trusted, for whoever must decide on it.
  void note_distrusted() {
    SSL_set_ex_data(ssl_.get(), distrusted_index(), &distrusted_);
    SSL_set_verify(ssl_.get(), SSL_VERIFY_PEER, look_at_verdict);
  }

 private:
  static int distrusted_index() {
    static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
  }
  // Changes no verdict.
  static int look_at_verdict(int trusted, X509_STORE_CTX* verification) {
    if (trusted == 1) return trusted;
    const void* found =
        X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx());
    const X509* leaf = X509_STORE_CTX_get0_cert(verification);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (found == nullptr || leaf == nullptr ||
        X509_digest(leaf, EVP_sha256(), digest, &length) != 1)
      return trusted;
    auto* fingerprint = static_cast<std::string*>(
        SSL_get_ex_data(static_cast<const SSL*>(found), distrusted_index()));
    static constexpr char kDigits[] = "0123456789ABCDEF";
    fingerprint->clear();
    for (unsigned i = 0; i < length; ++i) {
      if (i > 0) *fingerprint += ':';
      *fingerprint += {kDigits[digest[i] >> 4], kDigits[digest[i] & 15]};
    }
    return trusted;
  }

  // `more`: others follow `data` at once.
  Task<Result<void>> write_records(std::string_view data, bool more, Deadline deadline) {
    while (!data.empty()) {
      if (socket_->closed()) co_return fail(Errc::cancelled, "the connection was ended here");
      ERR_clear_error();
      errno = 0;
      std::size_t sent = 0;
      wire_.more = more || data.size() > kRecord;
      const int done = SSL_write_ex(ssl_.get(), data.data(), data.size(), &sent);
      wire_.more = false;
      if (done == 1) {
        data.remove_prefix(sent);
        continue;
      }
      const int why = SSL_get_error(ssl_.get(), done);
      if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) {
        broken_ = true;
        co_return fail(Errc::closed, "the TLS connection broke off");
      }
      auto ready = co_await wait(why, deadline);
      if (!ready) co_return ready;
    }
    co_return Result<void>{};
  }

  Task<Result<void>> wait(int why, Deadline deadline) {
    return why == SSL_ERROR_WANT_READ ? socket_->wait_readable(deadline)
                                      : socket_->wait_writable(deadline);
  }

  Error handshake_error() {
    const long verified = SSL_get_verify_result(ssl_.get());
    const std::string reason = openssl_reason();
    if (verified != X509_V_OK) {
      std::string why = X509_verify_cert_error_string(verified);
      if (!distrusted_.empty()) why += " (its SHA-256 fingerprint is " + distrusted_ + ")";
      return Error(Errc::untrusted, "the certificate isn't trusted: " + why);
    }
    if (reason.empty())
      return Error(Errc::closed, "the other side closed during the TLS handshake");
    return Error(Errc::tls_failed, "the TLS handshake failed: " + reason);
  }

  void describe() {
    tls_.active = true;
    tls_.protocol = SSL_get_version(ssl_.get());
    const unsigned char* alpn = nullptr;
    unsigned length = 0;
    SSL_get0_alpn_selected(ssl_.get(), &alpn, &length);
    tls_.alpn.assign(reinterpret_cast<const char*>(alpn), length);
    const char* name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
    if (name != nullptr) tls_.server_name = name;
    tls_.resumed = SSL_session_reused(ssl_.get()) == 1;
  }

  std::shared_ptr<Socket> socket_;
  std::shared_ptr<const void> context_;  // the settings live as long as the connection
  Wire wire_;
  SslPtr ssl_;
  PeerAddress peer_;
  TlsInfo tls_;
  std::string distrusted_;
  bool broken_ = false;  // after a fatal error OpenSSL must not be asked again
};

Result<std::pair<std::shared_ptr<Socket>, PeerAddress>> socket_from(Stream& stream) {
  auto* plain = dynamic_cast<FdStream*>(&stream);
  if (plain == nullptr) return fail(Errc::tls_failed, "TLS needs a socket");
  PeerAddress peer = plain->peer();
  return std::pair(plain->release(), std::move(peer));
}

}  // namespace

Task<Result<std::unique_ptr<Stream>>> tls_accept(std::unique_ptr<Stream> tcp,
                                                 std::shared_ptr<const TlsServerContext> context,
                                                 Deadline deadline) {
  auto from = socket_from(*tcp);
  if (!from) co_return std::unexpected(from.error());
  SslPtr ssl = new_ssl(context->impl().contexts.front().get());
  SSL_set_accept_state(ssl.get());
  auto stream = std::make_unique<TlsStream>(std::move(from->first), std::move(ssl),
                                            std::move(from->second), context);
  auto done = co_await stream->handshake(deadline);
  if (!done) co_return std::unexpected(done.error());
  co_return std::move(stream);
}

Task<Result<std::unique_ptr<Stream>>> tls_connect(std::unique_ptr<Stream> transport,
                                                  std::shared_ptr<const TlsClientContext> context,
                                                  std::string server_name, Deadline deadline,
                                                  std::vector<std::string> alpn) {
  auto from = socket_from(*transport);
  if (!from) co_return std::unexpected(from.error());
  SslPtr ssl = new_ssl(context->impl().ready());
  SSL_set_connect_state(ssl.get());
  if (!alpn.empty()) {
    const std::string wire = alpn_wire(alpn);
    SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(wire.data()),
                        static_cast<unsigned>(wire.size()));
  }
  X509_VERIFY_PARAM* verify = SSL_get0_param(ssl.get());
  // Without a name to hold it against, any host's certificate would do.
  bool named = !server_name.empty();
  if (socket_address(server_name, 0)) {
    named = named && X509_VERIFY_PARAM_set1_ip_asc(verify, server_name.c_str()) == 1;
  } else {
    X509_VERIFY_PARAM_set_hostflags(verify, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    named = named &&
            X509_VERIFY_PARAM_set1_host(verify, server_name.c_str(), server_name.size()) == 1 &&
            SSL_set_tlsext_host_name(ssl.get(), server_name.c_str()) == 1;
  }
  if (!named) {
    from->first->close();
    co_return fail(Errc::tls_failed, "there is no name to hold the certificate against");
  }
  auto stream = std::make_unique<TlsStream>(std::move(from->first), std::move(ssl),
                                            std::move(from->second), context);
  stream->note_distrusted();
  auto done = co_await stream->handshake(deadline);
  if (!done) co_return std::unexpected(done.error().with_context(server_name));
  co_return std::move(stream);
}

}  // namespace openunison::net
