// SPDX-License-Identifier: Apache-2.0
#include "http/h2/client_origins.h"

#include <algorithm>

namespace openunison::http::h2 {

bool is_connection_field(std::string_view name) {
  constexpr std::string_view kFields[] = {"connection", "keep-alive", "proxy-connection",
                                          "te",         "upgrade",    "transfer-encoding"};
  return std::find(std::begin(kFields), std::end(kFields), name) != std::end(kFields);
}

std::shared_ptr<ClientConnection> ClientOrigin::usable() {
  if (shared_ && !shared_->usable()) shared_.reset();
  return shared_;
}

Task<void> ClientOrigin::wait_for_first(net::Deadline deadline) {
  const std::shared_ptr<net::Signal> changed = changed_;
  while (connecting_ && !speaks_http11_ && !usable()) {
    const bool came = co_await changed->wait(deadline);
    if (!came) co_return;
  }
}

ClientOrigin::Connecting::Connecting(ClientOrigin& origin, bool counts)
    : origin_(origin), counts_(counts) {
  if (counts_) origin_.connecting_ = true;
}

void ClientOrigin::Connecting::done() const {
  if (!counts_) return;
  counts_ = false;
  origin_.connecting_ = false;
  origin_.speaks_http11_ = origin_.shared_ == nullptr;
  origin_.changed_->notify();
}

ClientOrigins::~ClientOrigins() {
  for (auto& origins : threads_) {
    for (auto& [name, origin] : origins) {
      if (const auto connection = origin.shared())
        net::Runtime::post(connection->executor(), [connection] { connection->close(); });
    }
  }
}

}  // namespace openunison::http::h2
