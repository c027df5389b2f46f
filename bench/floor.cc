// SPDX-License-Identifier: Apache-2.0
//
// The floor under the refresh rows of `make bench`: the least program that still does what a
// refresh asks of any server, for what is between it and the bare signatures is the kernel's and
// OpenSSL's, and no care of ours can win it back. TLS as the server sets it up, one request read as
// far as its content-length says, one token signed by the product's own jose::Signer, and the bytes
// of a real answer sent with that token in them, in one record. No parsing beyond the length, no
// store, no check of any token, no access token made. Two variants add what an answer can't do
// without in production: --log writes the real log lines, a system call each, --durable forces a
// record of each rotation to the disk first, one write and one fdatasync for all requests that were
// waiting.
//
// Serves 127.0.0.1 only, on one thread with epoll. Whatever is out of the ordinary (an answer that
// doesn't fit into the socket's buffer, a request of more than 8 KiB) ends the connection, which
// the load generator counts as a failure. Ends by itself after an hour.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/base64.h"
#include "jose/jwt.h"

namespace openunison::bench {
namespace {

constexpr const char* kUsage =
    "bench_floor --port N --certificate FILE --key FILE --algorithm RS256|ES256 --answer FILE\n"
    "  --answer FILE    the bytes of a real answer to a refresh, head and body\n"
    "  --log FILE       with each answer write the lines of FILE to standard error\n"
    "  --durable FILE   before each answer force a record into FILE\n";

struct Options {
  int port = 0;
  std::string certificate, key, algorithm, answer, log, durable;
};

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error(path + " can't be read");
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

Options read_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const std::string value = argv[i + 1];
    if (name == "--port")
      options.port = std::stoi(value);
    else if (name == "--certificate")
      options.certificate = value;
    else if (name == "--key")
      options.key = value;
    else if (name == "--algorithm")
      options.algorithm = value;
    else if (name == "--answer")
      options.answer = value;
    else if (name == "--log")
      options.log = value;
    else if (name == "--durable")
      options.durable = value;
    else
      throw std::runtime_error(kUsage);
  }
  if (options.port == 0 || options.answer.empty()) throw std::runtime_error(kUsage);
  return options;
}

// Where a string's value stands in JSON text that we wrote ourselves.
struct Place {
  std::size_t at = 0, size = 0;
};
Place value_of(std::string_view text, std::string_view name) {
  const std::string before = "\"" + std::string(name) + "\":\"";
  const std::size_t at = text.find(before);
  if (at == std::string_view::npos) throw std::runtime_error("no " + std::string(name));
  const std::size_t begin = at + before.size();
  return {begin, text.find('"', begin) - begin};
}

// A number in the last characters of a value, so that it is another one each time.
void count_up(std::string& text, Place place, std::uint64_t number) {
  constexpr std::size_t kDigits = 4;
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (std::size_t i = 1; i <= kDigits; ++i, number >>= 6)
    text[place.at + place.size - i] = kAlphabet[number & 63];
}

// A real answer, of which each copy has a token, an id and a refresh token of its own.
class Answer {
 public:
  Answer(const std::string& file, const std::string& algorithm)
      : text_(read_file(file)),
        id_token_(value_of(text_, "id_token")),
        refresh_token_(value_of(text_, "refresh_token")),
        claims_(claims_of(text_.substr(id_token_.at, id_token_.size))),
        jti_(value_of(claims_, "jti")),
        signer_(make_signer(algorithm, text_.substr(id_token_.at, id_token_.size))) {
    if (make().size() != text_.size()) throw std::runtime_error("the answer is of another kind");
  }

  std::string_view make() {
    ++count_;
    count_up(claims_, jti_, count_);
    count_up(text_, refresh_token_, count_);
    const std::string token = signer_.sign(claims_);
    if (token.size() != id_token_.size) return {};
    std::memcpy(text_.data() + id_token_.at, token.data(), token.size());
    return text_;
  }

 private:
  static std::string part(std::string_view token, std::size_t from) {
    const auto decoded = base64url_decode(token.substr(from, token.find('.', from) - from));
    if (!decoded) throw std::runtime_error("the answer's ID token can't be read");
    return *decoded;
  }
  static std::string claims_of(std::string_view token) { return part(token, token.find('.') + 1); }
  static jose::Signer make_signer(const std::string& algorithm, std::string_view token) {
    const auto parsed = crypto::parse_algorithm(algorithm);
    if (!parsed) throw std::runtime_error(kUsage);
    auto key = crypto::PrivateKey::generate(*parsed);
    if (!key) throw std::runtime_error("no key");
    const std::string header = part(token, 0);
    const Place kid = value_of(header, "kid");
    return {std::move(*key), *parsed, header.substr(kid.at, kid.size)};
  }

  std::string text_;
  const Place id_token_, refresh_token_;
  std::string claims_;
  const Place jti_;
  const jose::Signer signer_;
  std::uint64_t count_ = 0;
};

// The lines that a real server writes for each refresh, each with a system call.
class Log {
 public:
  explicit Log(const std::string& file) {
    if (file.empty()) return;
    std::istringstream in(read_file(file));
    for (std::string line; std::getline(in, line);) lines_.push_back(line + "\n");
  }
  void write() const {
    for (const std::string& line : lines_) {
      if (::write(STDERR_FILENO, line.data(), line.size()) < 0) std::abort();
    }
  }

 private:
  std::vector<std::string> lines_;
};

// As cheap as a promise to a disk can be: into blocks that are there already.
class Journal {
 public:
  explicit Journal(const std::string& file) {
    if (file.empty()) return;
    file_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const std::string zeros(kSize, '\0');
    if (file_ < 0 || ::pwrite(file_, zeros.data(), kSize, 0) != static_cast<ssize_t>(kSize) ||
        ::fsync(file_) != 0)
      throw std::runtime_error(file + " can't be written");
  }
  void keep(std::size_t rotations) {
    if (file_ < 0) return;
    const std::string records(rotations * kRecord, 'r');
    if (at_ + records.size() > kSize) at_ = 0;
    if (::pwrite(file_, records.data(), records.size(), static_cast<off_t>(at_)) < 0 ||
        ::fdatasync(file_) != 0)
      std::abort();
    at_ += records.size();
  }

 private:
  // Family, generation, when, from where, by which program.
  static constexpr std::size_t kRecord = 128, kSize = 1 << 20;
  int file_ = -1;
  std::size_t at_ = 0;
};

struct Client {
  int fd = -1;
  SSL* ssl = nullptr;
  bool open = false;  // shook hands
  std::size_t filled = 0;
  std::array<char, 8192> request{};

  // How long the request is; 0: its head isn't whole.
  std::size_t wanted() const {
    const std::string_view text(request.data(), filled);
    const std::size_t end = text.find("\r\n\r\n");
    if (end == std::string_view::npos) return 0;
    constexpr std::string_view kLength = "content-length: ";
    const std::size_t at = text.find(kLength);
    std::size_t length = 0;
    if (at < end) std::from_chars(text.data() + at + kLength.size(), text.data() + end, length);
    return end + 4 + length;
  }
};

class Server {
 public:
  explicit Server(const Options& options)
      : answer_(options.answer, options.algorithm),
        log_(options.log),
        journal_(options.durable),
        tls_(make_tls(options)),
        listener_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
        poll_(::epoll_create1(EPOLL_CLOEXEC)) {
    const int on = 1;
    ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(options.port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener_, 1024) != 0)
      throw std::runtime_error("can't listen");
    watch(listener_, nullptr, EPOLLIN);
  }

  [[noreturn]] void run() {
    std::vector<Client*> asking;
    for (;;) {
      std::array<epoll_event, 128> events{};
      const int ready = ::epoll_wait(poll_, events.data(), static_cast<int>(events.size()), -1);
      asking.clear();
      for (int i = 0; i < ready; ++i) {
        auto* client = static_cast<Client*>(events[static_cast<std::size_t>(i)].data.ptr);
        if (client == nullptr)
          accept();
        else if (!hear(*client))
          end(client);
        else if (client->filled > 0 && client->filled == client->wanted())
          asking.push_back(client);
      }
      if (!asking.empty()) journal_.keep(asking.size());
      for (Client* client : asking) {
        if (!answer(*client)) end(client);
      }
    }
  }

 private:
  // What net::TlsServerContext sets, but for SSL_MODE_RELEASE_BUFFERS, which costs a refresh
  // something and is for connections that rest.
  static SSL_CTX* make_tls(const Options& options) {
    SSL_CTX* tls = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
    SSL_CTX_set_options(tls, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(tls, 1);
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(tls, 1);
    if (SSL_CTX_use_certificate_chain_file(tls, options.certificate.c_str()) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, options.key.c_str(), SSL_FILETYPE_PEM) != 1)
      throw std::runtime_error("the certificate can't be used");
    return tls;
  }

  void watch(int fd, Client* client, std::uint32_t events) const {
    epoll_event event{};
    event.events = events;
    event.data.ptr = client;
    ::epoll_ctl(poll_, EPOLL_CTL_ADD, fd, &event);
  }

  void accept() const {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    auto* client = new Client;
    client->fd = fd;
    client->ssl = SSL_new(tls_);
    SSL_set_fd(client->ssl, fd);
    SSL_set_accept_state(client->ssl);
    // By edges: to be looked at again after each answer would cost.
    watch(fd, client, EPOLLIN | EPOLLET);
  }

  // Reads what came. With read-ahead and a client that waits for its answer that is a whole request
  // and one system call. False: the connection is over.
  static bool hear(Client& client) {
    ERR_clear_error();
    if (!client.open) {
      const int done = SSL_do_handshake(client.ssl);
      if (done != 1) return SSL_get_error(client.ssl, done) == SSL_ERROR_WANT_READ;
      client.open = true;
    }
    const std::size_t room = client.request.size() - client.filled;
    if (room == 0) return false;
    const int got =
        SSL_read(client.ssl, client.request.data() + client.filled, static_cast<int>(room));
    if (got <= 0) return SSL_get_error(client.ssl, got) == SSL_ERROR_WANT_READ;
    client.filled += static_cast<std::size_t>(got);
    return true;
  }

  bool answer(Client& client) {
    client.filled = 0;
    const std::string_view text = answer_.make();
    log_.write();
    return SSL_write(client.ssl, text.data(), static_cast<int>(text.size())) ==
           static_cast<int>(text.size());
  }

  static void end(Client* client) {
    SSL_free(client->ssl);
    ::close(client->fd);
    delete client;
  }

  Answer answer_;
  const Log log_;
  Journal journal_;
  SSL_CTX* const tls_;
  const int listener_, poll_;
};

}  // namespace
}  // namespace openunison::bench

int main(int argc, char** argv) {
  using namespace openunison::bench;
  ::signal(SIGPIPE, SIG_IGN);
  ::alarm(3600);
  try {
    Server(read_options(argc, argv)).run();
  } catch (const std::exception& error) {
    std::cerr << "bench_floor: " << error.what() << '\n';
    return 2;
  }
}
