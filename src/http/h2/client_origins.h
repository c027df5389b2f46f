// SPDX-License-Identifier: Apache-2.0
//
// What a client knows of its origins' HTTP/2, by thread: the connection that all requests share,
// and whether one is being made, so that a burst of first requests makes one and not one each. Each
// thread touches its own part only. Private to http/.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "http/h2/client_connection.h"

namespace openunison::http::h2 {

// RFC 9113 §8.2.2.
bool is_connection_field(std::string_view name);

class ClientOrigin {
 public:
  bool wants_http11 = false;  // said so (HTTP_1_1_REQUIRED)

  // The shared connection, if it takes requests.
  std::shared_ptr<ClientConnection> usable();
  void keep(std::shared_ptr<ClientConnection> connection) { shared_ = std::move(connection); }
  const std::shared_ptr<ClientConnection>& shared() const { return shared_; }
  // While another request connects for the first time, or after the shared connection ended.
  Task<void> wait_for_first(net::Deadline deadline);

  // While it lives, others wait. `counts`: only where HTTP/2 is offered.
  class Connecting {
   public:
    Connecting(ClientOrigin& origin, bool counts);
    Connecting(const Connecting&) = delete;
    ~Connecting() { done(); }
    void done() const;

   private:
    ClientOrigin& origin_;
    mutable bool counts_;
  };

 private:
  std::shared_ptr<ClientConnection> shared_;
  bool connecting_ = false;
  bool speaks_http11_ = false;  // the last connection did: no reason to wait for one
  std::shared_ptr<net::Signal> changed_ = std::make_shared<net::Signal>();
};

class ClientOrigins {
 public:
  explicit ClientOrigins(unsigned threads) : threads_(threads) {}
  // Ends the connections, each on its thread.
  ~ClientOrigins();
  ClientOrigins(const ClientOrigins&) = delete;

  // Lives as long as this.
  ClientOrigin& of(unsigned thread, const std::string& origin) {
    return threads_.at(thread)[origin];
  }

 private:
  std::vector<std::map<std::string, ClientOrigin>> threads_;
};

}  // namespace openunison::http::h2
