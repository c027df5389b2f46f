// SPDX-License-Identifier: Apache-2.0
#include "http/edge.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <random>

#include "base/id.h"
#include "base/log.h"
#include "http/syntax.h"
#include "text/ip.h"

namespace openunison::http {
namespace {

constexpr std::size_t kMaxLoggedAgent = 200;
constexpr std::size_t kMaxLoggedPath = 256;
constexpr std::size_t kRequestIdLength = 16;

constexpr const char* kRefusals[] = {"malformed",
                                     "not_implemented",
                                     "version",
                                     "target_size",
                                     "header_size",
                                     "header_time",
                                     "body_size",
                                     "body_time",
                                     "write_time",
                                     "in_flight",
                                     "in_flight_per_address",
                                     "requests",
                                     "requests_per_address",
                                     "connections",
                                     "connections_per_address",
                                     "handshake",
                                     "handshakes",
                                     "handshakes_per_address",
                                     "held_body_bytes",
                                     "held_body_bytes_per_address",
                                     "open_files",
                                     "proxy_header",
                                     "misdirected",
                                     "h2_resets",
                                     "h2_settings",
                                     "h2_continuations",
                                     "h2_pings",
                                     "h2_empty_frames",
                                     "h2_control_frames",
                                     "h2_header_bomb",
                                     "h2_streams",
                                     "h2_waiting_bytes"};
static_assert(std::size(kRefusals) == static_cast<std::size_t>(Refusal::h2_waiting_bytes) + 1);

// For what must be unique and is no secret.
std::uint64_t random_word() {
  thread_local std::mt19937_64 generator = [] {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device(), device(), device()};
    return std::mt19937_64(seed);
  }();
  return generator();
}

// For logs and error pages.
std::string new_request_id() {
  const std::array<std::uint64_t, 2> halves{random_word(), random_word()};
  std::array<std::uint8_t, 16> bytes;
  std::memcpy(bytes.data(), halves.data(), bytes.size());
  std::string id = id_to_text(bytes);
  id.resize(kRequestIdLength);
  return id;
}

// W3C Trace Context §4.3: what is malformed, or there more than once, is as good as none.
TraceContext trace_of(const Headers& headers) {
  const auto parent = headers.unique("traceparent");
  if (parent && *parent) {
    auto joined = TraceContext::join(**parent, headers.joined("tracestate"), random_word());
    if (joined) return std::move(*joined);
  }
  const std::uint64_t high = random_word(), low = random_word();
  return TraceContext::begin(high, low, random_word());
}

const std::array<metrics::Counter*, std::size(kRefusals)>& refusal_counters() {
  static const auto kCounters = [] {
    std::array<metrics::Counter*, std::size(kRefusals)> counters{};
    for (std::size_t i = 0; i < counters.size(); ++i) {
      counters[i] = &metrics::counter("openunison_http_refused_total",
                                      "Requests and connections refused at the edge, by reason.",
                                      {{"reason", kRefusals[i]}});
    }
    return counters;
  }();
  return kCounters;
}

}  // namespace

void count_refusal(Refusal refusal) {
  refusal_counters()[static_cast<std::size_t>(refusal)]->add();
}

Refusal refusal_of(const Error& error) {
  if (error.is(Errc::timed_out)) return Refusal::header_time;
  if (error.is(Errc::body_too_large)) return Refusal::body_size;
  if (error.is(Errc::target_too_long)) return Refusal::target_size;
  if (error.is(Errc::header_too_large)) return Refusal::header_size;
  if (error.is(Errc::not_implemented)) return Refusal::not_implemented;
  if (error.is(Errc::version_not_supported)) return Refusal::version;
  return Refusal::malformed;
}

net::Deadline rate_deadline(const Limits& limits, std::uint64_t bytes,
                            std::uint64_t bytes_per_second) {
  const std::uint64_t seconds = bytes / std::max<std::uint64_t>(bytes_per_second, 1);
  return net::in(limits.rate_grace) + Seconds(static_cast<std::int64_t>(seconds));
}

Response plain_response(int status, std::string text) {
  return {status,
          {{"content-type", "text/plain; charset=utf-8"}, {"cache-control", "no-store"}},
          std::move(text)};
}

// --- EdgeResponder ---

Result<void> EdgeResponder::complete(ResponseHead& head) {
  if (on_begin_) std::exchange(on_begin_, nullptr)();
  bool has_nosniff = false, has_transport_security = false;
  for (const Field& field : head.headers.fields()) {
    if (!is_token(field.name) || !is_field_value(field.value)) {
      return fail(Errc::internal, "the answer has a field that can't be sent");
    }
    has_nosniff = has_nosniff || field.name == "x-content-type-options";
    has_transport_security = has_transport_security || field.name == "strict-transport-security";
  }
  // The codec writes these itself.
  head.headers.remove_if([](const Field& field) {
    constexpr std::string_view kOwn[] = {"connection", "content-length",    "date",
                                         "keep-alive", "transfer-encoding", "x-request-id"};
    return std::find(std::begin(kOwn), std::end(kOwn), field.name) != std::end(kOwn);
  });
  if (!has_nosniff) head.headers.add("x-content-type-options", "nosniff");
  if (secure_ && hsts_ && !has_transport_security)
    head.headers.add("strict-transport-security", "max-age=31536000");
  if (!request_id_.empty()) head.headers.add("x-request-id", request_id_);
  return {};
}

// --- Edge ---

// One request that was admitted. Its body tells when the client is waited for, its responder when
// the answer begins; neither is used after handle().
class Edge::Guest {
 public:
  Guest(Edge& edge, std::shared_ptr<Admission::Share> share, Admission::Place request,
        Admission::Place in_flight)
      : edge_(edge),
        share_(std::move(share)),
        request_(std::move(request)),
        held_(edge.admission_, *share_) {
    in_flight_.emplace(std::move(in_flight));
    edge_.in_flight_gauge_.add(1);
  }
  Guest(const Guest&) = delete;
  ~Guest() {
    wait_for_client();
    if (held_.held() > 0) edge_.held_gauge_.add(-static_cast<double>(held_.held()));
  }

  void wait_for_client() {
    if (!in_flight_) return;
    in_flight_.reset();
    edge_.in_flight_gauge_.add(-1);
  }
  // False: too much is being worked on.
  bool go_on() {
    if (in_flight_ || answers_) return true;
    auto again = edge_.admission_.in_flight_again(share_);
    if (!again) return false;
    in_flight_.emplace(std::move(*again));
    edge_.in_flight_gauge_.add(1);
    return true;
  }
  void begin_answer() {
    answers_ = true;
    wait_for_client();
  }
  bool hold(std::size_t bytes) {
    const bool held = held_.add(bytes);
    if (held) edge_.held_gauge_.add(static_cast<double>(bytes));
    return held;
  }

  // What the service reads the body through.
  class Body final : public BodyReader {
   public:
    Body(Guest& guest, std::unique_ptr<BodyReader> inner)
        : guest_(guest), inner_(std::move(inner)) {}
    Task<Result<std::size_t>> read(std::span<char> into) override {
      guest_.wait_for_client();
      auto got = co_await inner_->read(into);
      if (!guest_.go_on())
        co_return fail(Errc::unavailable, "too many requests are running; try again");
      co_return got;
    }
    std::optional<std::uint64_t> length() const override { return inner_->length(); }
    bool hold(std::size_t bytes) override { return guest_.hold(bytes); }

   private:
    Guest& guest_;
    std::unique_ptr<BodyReader> inner_;
  };

 private:
  Edge& edge_;
  std::shared_ptr<Admission::Share> share_;
  Admission::Place request_;
  std::optional<Admission::Place> in_flight_;
  Admission::HeldBytes held_;
  bool answers_ = false;
};

Edge::Edge(std::string name, Limits limits, Service& service, bool hsts, Proxies proxies)
    : name_(std::move(name)),
      limits_(limits),
      service_(service),
      hsts_(hsts),
      proxies_(std::move(proxies)),
      admission_(limits_),
      in_flight_gauge_(metrics::gauge("openunison_http_requests_in_flight",
                                      "Requests that the server works on.", {{"server", name_}})),
      connections_gauge_(
          metrics::gauge("openunison_http_connections", "Open connections.", {{"server", name_}})),
      held_gauge_(metrics::gauge("openunison_http_held_body_bytes",
                                 "Bytes of requests' bodies that are kept in memory.",
                                 {{"server", name_}})),
      unsaid_clients_(
          metrics::counter("openunison_http_proxied_without_client_total",
                           "Requests that a trusted proxy passed on without saying for whom.",
                           {{"server", name_}})) {
  refusal_counters();  // all reasons are there from the start, at 0
  const auto limit = [this](const char* name, const char* help, std::size_t value) {
    metrics::gauge(name, help, {{"server", name_}}).set(static_cast<double>(value));
  };
  limit("openunison_http_connections_limit", "Most connections that may be open at once.",
        limits_.connections);
  limit("openunison_http_requests_in_flight_limit", "Most requests that are worked on at once.",
        limits_.requests_in_flight);
}

const Edge::RouteMetrics& Edge::metrics_of(std::string_view route) {
  {
    const std::shared_lock lock(routes_mutex_);
    if (const auto found = routes_.find(route); found != routes_.end()) return found->second;
  }
  RouteMetrics made{};
  const std::string label(route);
  for (std::size_t i = 0; i < made.by_class.size(); ++i) {
    made.by_class[i] = &metrics::counter(
        "openunison_http_requests_total", "Requests answered, by route and class of status.",
        {{"server", name_}, {"route", label}, {"status_class", fmt::format("{}xx", i + 1)}});
  }
  made.seconds = &metrics::latency("openunison_http_request_seconds",
                                   "Time from a request's head to its answer's end, by route.",
                                   {{"server", name_}, {"route", label}});
  const std::unique_lock lock(routes_mutex_);
  return routes_.emplace(label, made).first->second;  // a map's elements stay where they are
}

void Edge::add(const std::shared_ptr<Connection>& connection) {
  const std::lock_guard lock(mutex_);
  open_.insert(connection);
}

void Edge::remove(const std::shared_ptr<Connection>& connection) {
  const std::lock_guard lock(mutex_);
  open_.erase(connection);
  if (draining() && open_.empty()) drained_.complete();
}

void Edge::close_connections(bool only_idle) {
  for (const auto& connection : open_) {
    net::Runtime::post(connection->executor, [connection, only_idle] {
      if (connection->stream == nullptr) return;
      if (only_idle && connection->drain) {
        connection->drain();
      } else if (connection->idle || !only_idle) {
        connection->stream->close();
      }
    });
  }
}

Task<void> Edge::drain(net::Deadline deadline) {
  {
    const std::lock_guard lock(mutex_);
    draining_ = true;
    close_connections(true);
    if (open_.empty()) drained_.complete();
  }
  co_await drained_.wait(deadline);
}

void Edge::close_all() {
  const std::lock_guard lock(mutex_);
  draining_ = true;
  close_connections(false);
}

Task<void> Edge::handle(Request& request, EdgeResponder& responder) {
  const MonoTime started = std::chrono::steady_clock::now();
  request.id = new_request_id();
  request.trace = trace_of(request.headers);
  responder.set_request_id(request.id);
  co_await admit_and_serve(request, responder);
  if (!responder.started()) {
    log::error("a request was left without an answer",
               {{"request", request.id},
                {"path", std::string_view(request.path).substr(0, kMaxLoggedPath)}});
    co_await responder.send(plain_response(500, "The request could not be answered.\n"));
  }
  const double took =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  const RouteMetrics& counted = metrics_of(request.route);
  counted.count(responder.status());
  counted.seconds->observe(took);
  log_request(request, responder, took);
}

// A refusal may wait for a client that doesn't read, and has no place meanwhile: a small compressed
// head must not be large in memory for so long. What is logged stays.
void keep_what_is_logged(Request& request, EdgeResponder& responder) {
  responder.drop_body();
  request.path = request.path.substr(0, kMaxLoggedPath);
  request.query = std::string();
  Headers kept;
  if (const auto agent = request.headers.get("user-agent"))
    kept.add("user-agent", std::string(agent->substr(0, kMaxLoggedAgent)));
  request.headers = std::move(kept);
}

void Edge::set_certificates(std::shared_ptr<const net::TlsServerContext> certificates) {
  const std::lock_guard lock(mutex_);
  several_certificates_ = certificates && certificates->has_several();
  certificates_ = std::move(certificates);
}

// RFC 9110 §15.5.20, RFC 9113 §9.1.1. A proxy that encrypts anew connects by a name of its own, and
// has seen to it that the client came by the right one.
bool Edge::is_misdirected(const Request& request) {
  if (!request.tls.active || !several_certificates_) return false;
  std::shared_ptr<const net::TlsServerContext> certificates;
  {
    const std::lock_guard lock(mutex_);
    certificates = certificates_;
  }
  return certificates &&
         certificates->misdirects(request.tls.server_name, request.authority.host) &&
         !proxies_.trusts(request.peer.ip);
}

bool is_per_address(Refusal refusal) {
  switch (refusal) {
    case Refusal::in_flight_per_address:
    case Refusal::requests_per_address:
    case Refusal::connections_per_address:
    case Refusal::handshakes_per_address:
    case Refusal::held_body_bytes_per_address:
      return true;
    default:
      return false;
  }
}

// Whoever comes from a private network is rarely an attacker, and often many people.
void Edge::turned_away(std::string_view ip, Refusal refusal) {
  if (!is_per_address(refusal)) return;
  const auto address = text::IpAddress::parse(ip);
  if (!address || !address->is_private()) return;
  const auto left_out = turned_away_warning_.now();
  if (!left_out) return;
  const char* const message =
      proxies_.trusts(ip)
          ? "a trusted proxy is over the share of one address, since it doesn't say for whom it "
            "passes requests on; see server.forwarded_field"
          : "an address of a private network is over its share; if it is a proxy or a NAT in front "
            "of this server, name the proxy in server.trusted_proxies or raise the limit";
  log::warn(message, {{"server", name_},
                      {"address", ip},
                      {"limit", kRefusals[static_cast<std::size_t>(refusal)]},
                      {"left_out", *left_out}});
}

// Health checks of a proxy's own have no client, but neither forms nor cookies.
void Edge::note_unsaid_client(const Request& request) {
  unsaid_clients_.add();
  if (request.method != "POST" && !request.headers.contains("cookie")) return;
  const auto left_out = unsaid_client_warning_.now();
  if (!left_out) return;
  log::warn(
      "a trusted proxy doesn't say for whom it passes requests on, so that all people behind "
      "it are one address; see server.forwarded_field",
      {{"server", name_}, {"address", request.peer.ip}, {"left_out", *left_out}});
}

// Both, or none: what is refused holds nothing while its answer waits.
std::expected<std::pair<Admission::Place, Admission::Place>, Refusal> take_places(
    Admission& admission, const std::shared_ptr<Admission::Share>& share) {
  auto request = admission.request(share);
  if (!request) return std::unexpected(request.error());
  auto in_flight = admission.in_flight(share);
  if (!in_flight) return std::unexpected(in_flight.error());
  return std::pair(std::move(*request), std::move(*in_flight));
}

Task<void> Edge::admit_and_serve(Request& request, EdgeResponder& responder) {
  if (is_misdirected(request)) {
    keep_what_is_logged(request, responder);
    count_refusal(Refusal::misdirected);
    co_await responder.send(plain_response(
        421, "This connection's certificate isn't for that host name; connect by it.\n"));
    co_return;
  }
  auto revealed = proxies_.reveal(request);
  if (!revealed) {
    keep_what_is_logged(request, responder);
    count_refusal(Refusal::malformed);
    co_await responder.send(plain_response(400, revealed.error().message() + "\n"));
    co_return;
  }
  if (*revealed == Proxies::Client::unsaid) note_unsaid_client(request);
  std::shared_ptr<Admission::Share> share = admission_.share(request.peer.ip);
  auto places = take_places(admission_, share);
  if (!places) {
    keep_what_is_logged(request, responder);
    turned_away(request.peer.ip, places.error());
    const bool own = is_per_address(places.error());
    Response busy = plain_response(
        own ? 429 : 503, own ? "Too many requests of your address are running; try again in a "
                               "second.\n"
                             : "Too many requests are running; try again in a second.\n");
    busy.headers.add("retry-after", "1");
    co_await responder.send(std::move(busy));
    co_return;
  }
  Guest guest(*this, std::move(share), std::move(places->first), std::move(places->second));
  responder.on_begin([&guest] { guest.begin_answer(); });
  if (request.body->length() != 0)
    request.body = std::make_unique<Guest::Body>(guest, std::move(request.body));
  co_await service_.handle(request, responder);
  responder.on_begin(nullptr);
}

void Edge::RouteMetrics::count(int status) const {
  if (status >= 100 && status < 600) by_class[static_cast<std::size_t>(status / 100 - 1)]->add();
}

// The query is left out: it may hold codes and tokens.
void Edge::log_request(const Request& request, const EdgeResponder& responder,
                       double seconds) const {
  log::info(
      "request",
      {{"server", name_},
       {"request", request.id},
       {"trace", request.trace.trace_id()},
       {"span", request.trace.span_id()},
       {"method", request.method},
       {"path", std::string_view(request.path).substr(0, kMaxLoggedPath)},
       {"status", responder.status()},
       {"bytes", responder.bytes()},
       {"duration_ms", std::round(seconds * 1e6) / 1e3},
       {"address", request.peer.ip},
       {"user_agent", request.headers.get("user-agent").value_or("").substr(0, kMaxLoggedAgent)}});
}

void Edge::log_refused(const net::PeerAddress& peer, const Error& error, int status) {
  metrics_of("unread").count(status);
  log::info(
      "request refused",
      {{"server", name_}, {"status", status}, {"reason", error.message()}, {"address", peer.ip}});
}

Task<void> serve(std::unique_ptr<net::Stream> stream, std::shared_ptr<Edge> edge) {
  // Only what is offered can have been chosen (net/tls.h); without ALPN it is HTTP/1.1.
  const std::string& protocol = stream->tls().alpn;
  if (protocol == "h2") {
    co_await h2::serve(std::move(stream), std::move(edge));
  } else if (protocol.empty() || protocol == "http/1.1") {
    co_await h1::serve(std::move(stream), std::move(edge));
  }
}

}  // namespace openunison::http
