// SPDX-License-Identifier: Apache-2.0
#include "http/edge.h"

#include <fmt/format.h>

#include <random>

#include "base/id.h"
#include "base/log.h"

namespace openunison::http {
namespace {

constexpr std::size_t kMaxLoggedAgent = 200;

// An id for logs and error pages: unique, not secret.
std::string new_request_id() {
  thread_local std::mt19937_64 generator{std::random_device{}()};
  const std::uint64_t halves[2] = {generator(), generator()};
  std::array<std::uint8_t, 16> bytes;
  std::memcpy(bytes.data(), halves, sizeof halves);
  return id_to_text(bytes).substr(0, 16);
}

}  // namespace

std::string_view http_date() {
  thread_local std::string text;
  thread_local std::int64_t second = -1;
  const std::time_t now = std::time(nullptr);
  if (now != second) {
    second = now;
    std::tm broken{};
    gmtime_r(&now, &broken);
    char buffer[40];
    std::strftime(buffer, sizeof buffer, "%a, %d %b %Y %H:%M:%S GMT", &broken);
    text = buffer;
  }
  return text;
}

Edge::Edge(std::string name, Limits limits, Service& service, bool hsts)
    : name_(std::move(name)),
      limits_(limits),
      service_(service),
      hsts_(hsts),
      seconds_(metrics::latency("openunison_http_request_seconds", "Time from a request's head to its answer's end.", {{"server", name_}})),
      in_flight_gauge_(metrics::gauge("openunison_http_requests_in_flight", "Requests being answered.", {{"server", name_}})),
      connections_gauge_(metrics::gauge("openunison_http_connections", "Open connections.", {{"server", name_}})) {
  for (int i = 0; i < 5; ++i) {
    by_class_[i] = &metrics::counter("openunison_http_requests_total", "Requests answered, by class of status.",
                                     {{"server", name_}, {"status", fmt::format("{}xx", i + 1)}});
  }
}

bool Edge::admit(const std::string& address) {
  const std::lock_guard lock(mutex_);
  std::size_t& count = per_address_[address];
  if (connections_ >= limits_.connections || count >= limits_.connections_per_address) {
    if (count == 0) per_address_.erase(address);
    note_refusal("connections");
    return false;
  }
  ++count;
  ++connections_;
  connections_gauge_.add(1);
  return true;
}

void Edge::leave(const std::string& address) {
  const std::lock_guard lock(mutex_);
  const auto found = per_address_.find(address);
  if (found != per_address_.end() && --found->second == 0) per_address_.erase(found);
  --connections_;
  connections_gauge_.add(-1);
}

void Edge::add(const std::shared_ptr<Connection>& connection) {
  const std::lock_guard lock(mutex_);
  open_.insert(connection);
}

void Edge::remove(const std::shared_ptr<Connection>& connection) {
  const std::lock_guard lock(mutex_);
  open_.erase(connection);
}

void Edge::drain() {
  draining_ = true;
  const std::lock_guard lock(mutex_);
  for (const auto& connection : open_) {
    net::Runtime::post(connection->executor, [connection] {
      if (connection->stream != nullptr && connection->idle) connection->stream->close();
    });
  }
}

void Edge::note_refusal(const char* reason) {
  metrics::counter("openunison_http_refused_total", "Requests and connections refused at the edge, by reason.", {{"reason", reason}}).add();
}

void Edge::finish_head(ResponseHead& head, bool secure) const {
  if (!head.headers.contains("x-content-type-options")) head.headers.add("x-content-type-options", "nosniff");
  if (secure && hsts_) head.headers.add("strict-transport-security", "max-age=31536000");
}

Task<void> Edge::handle(Request& request, Responder& responder) {
  const MonoTime started = std::chrono::steady_clock::now();
  request.id = new_request_id();
  struct InFlight {
    Edge& edge;
    bool admitted;
    explicit InFlight(Edge& e) : edge(e), admitted(++e.in_flight_ <= e.limits_.requests_in_flight) { edge.in_flight_gauge_.add(1); }
    ~InFlight() {
      --edge.in_flight_;
      edge.in_flight_gauge_.add(-1);
    }
  };
  const InFlight in_flight(*this);
  if (in_flight.admitted) {
    co_await service_.handle(request, responder);
  } else {
    note_refusal("in_flight");
    Response busy{503, {{"content-type", "text/plain; charset=utf-8"}, {"retry-after", "1"}}, "Too busy; try again in a second.\n"};
    co_await responder.send(std::move(busy));
  }
  if (!responder.started()) {
    Response none{500, {{"content-type", "text/plain; charset=utf-8"}, {"cache-control", "no-store"}}, "The request could not be answered.\n"};
    co_await responder.send(std::move(none));
  }
  const auto& counted = static_cast<CountingResponder&>(responder);
  const int status = counted.status();
  if (status >= 100 && status < 600) by_class_[status / 100 - 1]->add();
  seconds_.observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count());
  log_request(request, status, counted.bytes(), started);
}

// The query is left out: it may hold codes and tokens.
void Edge::log_request(const Request& request, int status, std::uint64_t bytes, MonoTime started) const {
  const auto took = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - started).count();
  log::debug("request", {{"server", name_},
                        {"request", request.id},
                        {"method", request.method},
                        {"path", request.path},
                        {"status", status},
                        {"bytes", bytes},
                        {"duration_ms", took},
                        {"address", request.peer.ip},
                        {"user_agent", request.headers.get("user-agent").value_or("").substr(0, kMaxLoggedAgent)}});
}

}  // namespace openunison::http
