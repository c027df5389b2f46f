// SPDX-License-Identifier: Apache-2.0
//
// What all connections of one server share, whatever HTTP version they speak: the admission gate,
// request ids, access log, metrics, draining. Called on every runtime thread. Private to http/.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <unordered_set>

#include "base/metrics.h"
#include "base/seldom.h"
#include "http/admission.h"
#include "http/limits.h"
#include "http/proxies.h"
#include "http/service.h"
#include "net/runtime.h"
#include "net/tls.h"

namespace openunison::http {

// Why the edge refused something: the label of openunison_http_refused_total.
enum class Refusal {
  malformed,
  not_implemented,
  version,
  target_size,
  header_size,
  header_time,
  body_size,
  body_time,
  write_time,
  in_flight,
  in_flight_per_address,
  requests,
  requests_per_address,
  connections,
  connections_per_address,
  handshake,
  handshakes,
  handshakes_per_address,
  held_body_bytes,
  held_body_bytes_per_address,
  open_files,
  proxy_header,
  misdirected,
  h2_resets,
  h2_settings,
  h2_continuations,
  h2_pings,
  h2_empty_frames,
  h2_control_frames,
  h2_header_bomb,
  h2_streams,
  h2_waiting_bytes,
};
void count_refusal(Refusal refusal);
// That one address had its share.
bool is_per_address(Refusal refusal);
// Of a request that could not be read.
Refusal refusal_of(const Error& error);

// When `bytes` must have passed at a minimum rate, from now on.
net::Deadline rate_deadline(const Limits& limits, std::uint64_t bytes,
                            std::uint64_t bytes_per_second);

// One connection, as draining sees it. Everything in it belongs to its thread.
struct Connection {
  net::Executor executor;
  net::Stream* stream = nullptr;  // null once it is gone
  bool idle = true;               // between requests
  // HTTP/2's: tells the client that no more requests are taken. Without it idle connections are
  // closed, and others close themselves after their request.
  std::function<void()> drain;
};

// The part of a Responder that is the same for all versions.
class EdgeResponder : public Responder {
 public:
  EdgeResponder(bool secure, bool hsts) : secure_(secure), hsts_(hsts) {}

  void set_request_id(std::string_view id) { request_id_ = id; }
  // Of the answer so far; 0 before there is one.
  int status() const { return status_; }
  // Of the body, as sent.
  std::uint64_t bytes() const { return bytes_; }
  // The request is refused: what came of its body isn't kept while the answer waits.
  virtual void drop_body() {}
  // Called once, when the answer begins: from here on it is the client that is waited for.
  void on_begin(MoveOnlyFunction<void()> f) { on_begin_ = std::move(f); }

 protected:
  // Checks what the service gave and adds what every answer carries. Error internal: a status or a
  // field that can't be sent (CR or LF in a value would be a second head).
  Result<void> complete(ResponseHead& head);

  int status_ = 0;
  std::uint64_t bytes_ = 0;

 private:
  bool secure_, hsts_;
  std::string request_id_;
  MoveOnlyFunction<void()> on_begin_;
};

class Edge {
 public:
  Edge(std::string name, Limits limits, Service& service, bool hsts, Proxies proxies = {});

  const Limits& limits() const { return limits_; }
  bool hsts() const { return hsts_; }
  bool draining() const { return draining_.load(); }
  std::size_t in_flight() const { return admission_.in_flight(); }
  Admission& admission() { return admission_; }
  const Proxies& proxies() const { return proxies_; }
  metrics::Gauge& connections_gauge() { return connections_gauge_; }

  // The certificates that connections are shown from now on; null: none. Any thread.
  void set_certificates(std::shared_ptr<const net::TlsServerContext> certificates);

  // After the TLS handshake. What comes while the server drains sees draining() and ends by itself.
  void add(const std::shared_ptr<Connection>& connection);
  void remove(const std::shared_ptr<Connection>& connection);
  // Closes idle connections; what runs is answered with "close". Returns when all are gone or the
  // deadline has passed.
  Task<void> drain(net::Deadline deadline);
  // Ends all connections, whatever they do.
  void close_all();

  // Everything around one request that isn't the version's: id, gate, service, fallback answer,
  // log, metrics.
  Task<void> handle(Request& request, EdgeResponder& responder);
  // Says, now and then, that a limit may be wrong for what stands in front of the server.
  void turned_away(std::string_view ip, Refusal refusal);
  // A request that could not be read.
  void log_refused(const net::PeerAddress& peer, const Error& error, int status);

 private:
  class Guest;
  Task<void> admit_and_serve(Request& request, EdgeResponder& responder);
  void log_request(const Request& request, const EdgeResponder& responder, double seconds) const;
  void close_connections(bool only_idle);
  bool is_misdirected(const Request& request);
  void note_unsaid_client(const Request& request);
  // What is counted of one route; routes are as many as the program has, whatever is asked for.
  struct RouteMetrics {
    std::array<metrics::Counter*, 5> by_class;
    metrics::Histogram* seconds;
    void count(int status) const;
  };
  const RouteMetrics& metrics_of(std::string_view route);

  const std::string name_;
  const Limits limits_;
  Service& service_;
  const bool hsts_;
  const Proxies proxies_;
  std::atomic<bool> draining_{false};
  Admission admission_;
  net::Completion drained_;
  std::mutex mutex_;  // for what follows
  std::unordered_set<std::shared_ptr<Connection>> open_;
  std::shared_ptr<const net::TlsServerContext> certificates_;
  std::atomic<bool> several_certificates_{false};
  std::shared_mutex routes_mutex_;
  std::map<std::string, RouteMetrics, std::less<>> routes_;
  metrics::Gauge& in_flight_gauge_;
  metrics::Gauge& connections_gauge_;
  metrics::Gauge& held_gauge_;
  metrics::Counter& unsaid_clients_;
  static constexpr Millis kWarnEvery{60'000};
  Seldom turned_away_warning_{kWarnEvery}, unsaid_client_warning_{kWarnEvery};
};

// Serves one connection until it ends, in the version that its ALPN names.
Task<void> serve(std::unique_ptr<net::Stream> stream, std::shared_ptr<Edge> edge);

// On the drain's list until the connection ends, however it does.
class Registration {
 public:
  Registration(std::shared_ptr<Edge> edge, std::shared_ptr<Connection> connection)
      : edge_(std::move(edge)), connection_(std::move(connection)) {
    edge_->add(connection_);
  }
  Registration(const Registration&) = delete;
  ~Registration() {
    connection_->stream = nullptr;
    edge_->remove(connection_);
  }

 private:
  std::shared_ptr<Edge> edge_;
  std::shared_ptr<Connection> connection_;
};

namespace h1 {
Task<void> serve(std::unique_ptr<net::Stream> stream, std::shared_ptr<Edge> edge);
}  // namespace h1
namespace h2 {
Task<void> serve(std::unique_ptr<net::Stream> stream, std::shared_ptr<Edge> edge);
}  // namespace h2

// A small text/plain answer of the edge's own.
Response plain_response(int status, std::string text);

}  // namespace openunison::http
