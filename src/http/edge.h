// SPDX-License-Identifier: Apache-2.0
//
// What all connections of one server share, whatever HTTP version they speak: the admission gate, request ids, access
// log, metrics, draining. Called on every runtime thread. Private to http/.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "base/metrics.h"
#include "http/limits.h"
#include "http/service.h"
#include "net/runtime.h"

namespace openunison::http {

// One connection, as draining sees it.
struct Connection {
  net::Executor executor;
  net::Stream* stream = nullptr;  // of that thread; null once it is gone
  bool idle = true;               // between requests; only on that thread
};

class Edge {
 public:
  Edge(std::string name, Limits limits, Service& service, bool hsts);

  const Limits& limits() const { return limits_; }
  bool draining() const { return draining_.load(std::memory_order_relaxed); }
  std::size_t in_flight() const { return in_flight_.load(); }

  // False: over a cap; close it.
  bool admit(const std::string& address);
  void leave(const std::string& address);
  void add(const std::shared_ptr<Connection>& connection);
  void remove(const std::shared_ptr<Connection>& connection);
  std::size_t connections() const { return connections_.load(); }
  // No more requests on idle connections; what runs is answered with "close".
  void drain();

  // Everything around one request that isn't the version's: id, gate, service, fallback answer, log, metrics.
  Task<void> handle(Request& request, Responder& responder);
  // Called by responders with the status that they send.
  static void note_refusal(const char* reason);
  // Adds what every answer carries.
  void finish_head(ResponseHead& head, bool secure) const;

 private:
  void log_request(const Request& request, int status, std::uint64_t bytes, MonoTime started) const;

  std::string name_;
  Limits limits_;
  Service& service_;
  bool hsts_;
  std::atomic<bool> draining_{false};
  std::atomic<std::size_t> in_flight_{0}, connections_{0};
  std::mutex mutex_;
  std::unordered_map<std::string, std::size_t> per_address_;
  std::unordered_set<std::shared_ptr<Connection>> open_;
  metrics::Counter* by_class_[5];
  metrics::Histogram& seconds_;
  metrics::Gauge& in_flight_gauge_;
  metrics::Gauge& connections_gauge_;
};

// What a responder tells the edge for log and metrics.
class CountingResponder : public Responder {
 public:
  int status() const { return status_; }
  std::uint64_t bytes() const { return bytes_; }

 protected:
  int status_ = 0;
  std::uint64_t bytes_ = 0;
};

// The HTTP date of now (RFC 9110 §5.6.7), made once a second a thread.
std::string_view http_date();

namespace h1 {
// Serves an HTTP/1.1 connection until it ends.
Task<void> serve(std::unique_ptr<net::Stream> stream, std::shared_ptr<Edge> edge);
}  // namespace h1

}  // namespace openunison::http
