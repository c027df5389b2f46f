// SPDX-License-Identifier: Apache-2.0
#include "cli/loopback.h"

#include <algorithm>
#include <list>
#include <optional>

#include "base/check.h"
#include "cli/peer_owner.h"
#include "cli/result_page.h"
#include "crypto/hash.h"
#include "http/server.h"
#include "net/listener.h"
#include "net/signal.h"
#include "text/form.h"
#include "text/url.h"
#include "text/utf8.h"

namespace openunison::cli {
namespace {

constexpr std::string_view kPath = "/callback";
constexpr std::string_view kFour = "127.0.0.1", kSix = "::1";
constexpr std::size_t kMaxCode = 4096;
constexpr std::size_t kMaxError = 128;
constexpr std::size_t kMaxDescription = 1024;
// More would be a flood: the oldest that brought nothing yet makes room, so that silent connections
// can't keep the browser out.
constexpr std::size_t kMaxConnections = 64;

http::Limits limits() {
  http::Limits small;
  small.target_bytes = 8 * 1024;
  small.header_bytes = 32 * 1024;  // cookies of all that ever ran on this machine's ports come too
  small.body_bytes = 0;
  small.first_byte_timeout = Millis(30'000);  // browsers connect ahead of time
  small.header_timeout = Millis(5'000);
  small.write_min_bytes_per_second = 16 * 1024;
  small.rate_grace = Millis(2'000);
  small.requests_per_connection = 1;
  return small;
}

http::Response plain(int status, const char* text) {
  return {
      status, {{"content-type", "text/plain; charset=utf-8"}, {"cache-control", "no-store"}}, text};
}

// RFC 6749 appendices A.11 and A.7: VSCHAR.
bool is_visible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

// A callback that means something: a code or an error, and only once each of what it has.
std::optional<Callback> read_callback(const text::Form& form) {
  Callback callback{std::string(form.value("code")), std::string(form.value("error")),
                    text::shortened(form.value("error_description"), kMaxDescription)};
  if (callback.code.empty() == callback.error.empty()) return std::nullopt;
  if (callback.code.size() > kMaxCode || !is_visible(callback.code)) return std::nullopt;
  if (callback.error.size() > kMaxError || !is_visible(callback.error)) return std::nullopt;
  return callback;
}

std::string https_address(const std::string& portal) {
  const auto url = text::Url::parse(portal);
  return url && url->is_https() ? url->text() : std::string();
}

}  // namespace

// Shared with every connection, so that it outlives them all.
struct Loopback::Impl final : http::Service {
  class Visit;

  explicit Impl(LoopbackOptions given)
      : options(std::move(given)), pages(options.product, https_address(options.portal)) {}

  const LoopbackOptions options;
  const ResultPages pages;
  const http::Limits connection_limits = limits();
  std::uint16_t port = 0;
  std::string redirect_uri;
  std::vector<std::unique_ptr<net::Listener>> listeners;
  std::list<Visit*> visits;  // the oldest first
  std::optional<Callback> callback;
  std::optional<Outcome> outcome;
  bool over = false;    // nobody waits any more
  bool closed = false;  // and nobody comes in any more
  net::Signal changed;

  Task<void> handle(http::Request& request, http::Responder& responder) override;
  static Task<void> serve(std::shared_ptr<Impl> impl, std::unique_ptr<net::Stream> stream);

  // The answer to what changes nothing; nullopt: it is the callback, and it counts.
  std::optional<http::Response> judge(const http::Request& request);
  bool is_for_us(const http::Authority& authority) const;
  Task<http::Response> outcome_page();
  void make_room();
  // No more connections; those that there are go on.
  void close();
  void close_visits();
  bool shows_result() const;
};

// One connection, known to the listener for as long as it is there.
class Loopback::Impl::Visit final : public net::Stream {
 public:
  Visit(std::shared_ptr<Impl> impl, std::unique_ptr<net::Stream> inner)
      : impl_(std::move(impl)), inner_(std::move(inner)) {
    place_ = impl_->visits.insert(impl_->visits.end(), this);
  }
  Visit(const Visit&) = delete;
  ~Visit() override {
    impl_->visits.erase(place_);
    impl_->changed.notify();
  }

  Task<Result<std::size_t>> read_some(std::span<char> into, net::Deadline deadline) override {
    return inner_->read_some(into, deadline);
  }
  std::size_t try_read(std::span<char> into) override { return inner_->try_read(into); }
  Task<Result<void>> write(std::string_view data, net::Deadline deadline) override {
    return inner_->write(data, deadline);
  }
  Task<Result<void>> write(std::string_view first, std::string_view second,
                           net::Deadline deadline) override {
    return inner_->write(first, second, deadline);
  }
  Task<void> shutdown_write(net::Deadline deadline) override {
    return inner_->shutdown_write(deadline);
  }
  void close() override {
    leaves = true;
    inner_->close();
  }
  const net::PeerAddress& peer() const override { return inner_->peer(); }
  const net::TlsInfo& tls() const override { return inner_->tls(); }

  bool has_result = false;  // the page that tells how the sign-in ended goes here
  bool leaves = false;      // closed, and gone as soon as its coroutine has its turn

 private:
  std::shared_ptr<Impl> impl_;
  std::unique_ptr<net::Stream> inner_;
  std::list<Visit*>::iterator place_;
};

Task<void> Loopback::Impl::serve(std::shared_ptr<Impl> impl, std::unique_ptr<net::Stream> stream) {
  if (!impl || impl->closed) co_return;
  impl->make_room();
  auto visit = std::make_unique<Visit>(impl, std::move(stream));
  co_await http::serve_connection(std::move(visit), *impl, impl->connection_limits);
}

void Loopback::Impl::make_room() {
  const auto stays = [](const Visit* visit) { return !visit->leaves; };
  if (static_cast<std::size_t>(std::count_if(visits.begin(), visits.end(), stays)) <
      kMaxConnections)
    return;
  const auto oldest = std::find_if(visits.begin(), visits.end(), [](const Visit* visit) {
    return !visit->leaves && !visit->has_result;
  });
  if (oldest != visits.end()) (*oldest)->close();
}

void Loopback::Impl::close() {
  over = closed = true;
  listeners.clear();
  changed.notify();
}

void Loopback::Impl::close_visits() {
  for (Visit* visit : visits) visit->close();
}

bool Loopback::Impl::shows_result() const {
  return std::any_of(visits.begin(), visits.end(), [](const Visit* v) { return v->has_result; });
}

// A name that was made to point at this machine (DNS rebinding) shows in Host.
bool Loopback::Impl::is_for_us(const http::Authority& authority) const {
  return (authority.host == kFour || authority.host == kSix) && authority.port == port;
}

std::optional<http::Response> Loopback::Impl::judge(const http::Request& request) {
  if (!is_for_us(request.authority)) return plain(421, "There is no such host here.\n");
  if (request.path != kPath) return plain(404, "There is nothing here.\n");
  if (request.method != "GET") {
    http::Response response = plain(405, "Only GET is taken here.\n");
    response.headers.add("allow", "GET");
    return response;
  }
  const auto form = text::Form::parse(request.query);
  if (!form || form->repeated()) return pages.unexpected(400);
  if (!crypto::constant_time_equal(form->value("state"), options.state) ||
      form->value("iss") != options.issuer)
    return pages.unexpected(400);
  if (!may_call_back(peer_owner(request.peer, port))) return pages.unexpected(403);
  if (over || callback) return pages.late();
  callback = read_callback(*form);
  if (!callback) return pages.unexpected(400);
  return std::nullopt;
}

Task<void> Loopback::Impl::handle(http::Request& request, http::Responder& responder) {
  auto refused = judge(request);
  if (refused) {
    co_await responder.send(std::move(*refused));
    co_return;
  }
  for (Visit* visit : visits) {
    const net::PeerAddress& peer = visit->peer();
    visit->has_result = peer.port == request.peer.port && peer.ip == request.peer.ip;
  }
  changed.notify();
  if (callback->refused()) {
    co_await responder.send(pages.refused(callback->error, callback->error_description));
    co_return;
  }
  http::Response page = co_await outcome_page();
  co_await responder.send(std::move(page));
}

Task<http::Response> Loopback::Impl::outcome_page() {
  const net::Deadline patience = net::in(options.hold);
  while (!outcome) {
    const bool in_time = co_await changed.wait(patience);
    if (!outcome && (closed || !in_time)) co_return pages.received();
  }
  if (outcome->signed_in) co_return pages.signed_in(outcome->user);
  co_return pages.failed(outcome->problem);
}

Loopback::Loopback(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Loopback::~Loopback() {
  impl_->close();
  impl_->close_visits();
}

Result<std::unique_ptr<Loopback>> Loopback::open(net::Runtime& runtime, LoopbackOptions options) {
  CHECK(runtime.size() == 1);
  CHECK(!options.state.empty() && !options.issuer.empty());
  auto impl = std::make_shared<Impl>(std::move(options));
  // Weak: the listener is the Impl's and must not keep it alive.
  const net::AcceptHandler accept = [weak =
                                         std::weak_ptr(impl)](std::unique_ptr<net::Stream> stream) {
    return Impl::serve(weak.lock(), std::move(stream));
  };
  auto four = net::Listener::open(runtime, "127.0.0.1:0", accept);
  const std::string wanted = four ? std::to_string((*four)->port()) : "0";
  auto six = net::Listener::open(runtime, "[::1]:" + wanted, accept);
  if (!four && !six) return std::unexpected(four.error());
  impl->port = four ? (*four)->port() : (*six)->port();
  impl->redirect_uri = (four ? "http://127.0.0.1:" : "http://[::1]:") + std::to_string(impl->port) +
                       std::string(kPath);
  if (four) impl->listeners.push_back(std::move(*four));
  if (six) impl->listeners.push_back(std::move(*six));
  return std::unique_ptr<Loopback>(new Loopback(std::move(impl)));
}

const std::string& Loopback::redirect_uri() const {
  return impl_->redirect_uri;
}

bool Loopback::has_callback() const {
  return impl_->callback.has_value();
}

Task<Result<Callback>> Loopback::wait(net::Deadline deadline) {
  const std::shared_ptr<Impl> impl = impl_;
  while (!impl->callback) {
    const bool in_time = co_await impl->changed.wait(deadline);
    if (in_time || impl->callback) continue;
    impl->over = true;
    co_return fail(net::Errc::timed_out, "the browser didn't come back in time");
  }
  co_return *impl->callback;
}

Task<void> Loopback::finish(Outcome outcome, net::Deadline deadline) {
  const std::shared_ptr<Impl> impl = impl_;
  impl->outcome = std::move(outcome);
  impl->close();
  // A connection ends when the browser has what was written, and closes it.
  while (impl->shows_result()) {
    const bool in_time = co_await impl->changed.wait(deadline);
    if (!in_time) break;
  }
  impl->close_visits();
}

}  // namespace openunison::cli
