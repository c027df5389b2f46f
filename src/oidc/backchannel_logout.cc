// SPDX-License-Identifier: Apache-2.0
#include "oidc/backchannel_logout.h"

#include <deque>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include "base/log.h"
#include "base/metrics.h"
#include "text/form.h"
#include "text/json.h"
#include "text/url.h"

namespace openunison::oidc {
namespace {

constexpr unsigned kDeliveriesOfClient = 4;
constexpr std::size_t kMaxAnswerBytes = 16 * 1024;
constexpr std::int64_t kTokenSeconds = 120;
constexpr const char* kEvent = "http://schemas.openid.net/event/backchannel-logout";

metrics::Counter& notices(const char* outcome) {
  return metrics::counter("openunison_logout_notices_total",
                          "Logout tokens for clients, by what became of them.",
                          {{"outcome", outcome}});
}

struct Notice {
  std::string client_id;
  text::Url url;
  std::string subject, sid;  // sid: empty where the client doesn't want it
  std::string session;       // for the log
  std::string sign_in;
  std::size_t tries = 0;
  MonoTime give_up_at{};
  bool names_person_alone() const { return sid.empty(); }
};

enum class Outcome { delivered, refused, retry };

// §2.8: 200. Some clients' frameworks make 204 of an empty answer.
Outcome outcome_of(const Result<http::Response>& answer) {
  if (!answer) return Outcome::retry;
  const int status = answer->status;
  if (status >= 200 && status < 300) return Outcome::delivered;
  const bool later = status >= 500 || status == 408 || status == 429;
  return later ? Outcome::retry : Outcome::refused;
}

std::string reason_of(const Result<http::Response>& answer) {
  return answer ? "status " + std::to_string(answer->status) : answer.error().message();
}

}  // namespace

struct BackchannelLogout::State : std::enable_shared_from_this<State> {
  State(BackchannelLogoutOptions o, identity::Fetcher f, jose::KeyRing& k, crypto::Random& r,
        const Clock& c)
      : options(std::move(o)), fetch(std::move(f)), keys(k), random(r), clock(c) {}

  // A client's notices.
  struct Line {
    std::deque<Notice> next;
    // Of those next that name a person alone: their sign-ins. One tells of all sessions.
    std::unordered_set<std::string> persons;
    unsigned deliveries = 0;  // coroutines
    std::size_t pending = 0;  // next, being delivered, or waiting for another try
  };

  // Whether there is room for another notice of this client, which is then counted as pending.
  bool take_place(Line& line) {
    if (line.pending >= options.share || pending >= options.limit) return false;
    ++line.pending;
    ++pending;
    waiting.add(1);
    return true;
  }

  // `is_new`: not yet counted as pending.
  void enqueue(Notice notice, const net::Executor& executor, bool is_new) {
    const std::string client_id = notice.client_id;
    {
      const std::lock_guard lock(mutex);
      Line& line = lines[client_id];
      if (is_new && notice.names_person_alone() && line.persons.contains(notice.sign_in)) return;
      if (is_new && !take_place(line)) {
        forget_if_idle(client_id, line);
        dropped.add();
        log::warn("a client isn't told of a sign-out: too many such notices wait",
                  {{"client", client_id}, {"session", notice.session}});
        return;
      }
      // One that is tried again may be near its end: a new one doesn't rely on it.
      if (is_new && notice.names_person_alone()) line.persons.insert(notice.sign_in);
      line.next.push_back(std::move(notice));
      if (line.deliveries >= kDeliveriesOfClient) return;
      ++line.deliveries;
    }
    // Posted: else it would begin here, and sign a token before the next session is told of.
    net::Runtime::post(executor, [self = shared_from_this(), executor, client_id] {
      net::Runtime::spawn_on(executor, deliver_all(self, client_id));
    });
  }

  std::optional<Notice> take(const std::string& client_id) {
    const std::lock_guard lock(mutex);
    Line& line = lines[client_id];
    if (line.next.empty()) {
      --line.deliveries;
      forget_if_idle(client_id, line);
      return std::nullopt;
    }
    Notice notice = std::move(line.next.front());
    line.next.pop_front();
    if (notice.tries == 0) line.persons.erase(notice.sign_in);
    return notice;
  }

  void finished(const std::string& client_id) {
    const std::lock_guard lock(mutex);
    --pending;
    waiting.add(-1);
    Line& line = lines[client_id];
    --line.pending;
    forget_if_idle(client_id, line);
  }

  void forget_if_idle(const std::string& client_id, const Line& line) {
    if (line.deliveries == 0 && line.pending == 0) lines.erase(client_id);
  }

  static Task<void> deliver_all(std::shared_ptr<State> self, std::string client_id) {
    const net::Executor executor = co_await net::current_executor();
    while (auto notice = self->take(client_id))
      co_await deliver(self, std::move(*notice), executor);
  }

  http::ClientRequest request_of(const Notice& notice, std::string_view jti) {
    const std::string claims = BackchannelLogout::claims(
        options.issuer, notice.client_id, notice.subject, notice.sid, jti, clock.now());
    text::Form form;
    form.add("logout_token", keys.snapshot()->signer->sign(claims, "logout+jwt"));
    http::ClientRequest request;
    request.method = "POST";
    request.url = notice.url;
    request.headers = {{"content-type", "application/x-www-form-urlencoded"},
                       {"accept", "application/json"}};
    request.body = form.encode();
    request.timeout = options.timeout;
    request.max_response_bytes = kMaxAnswerBytes;
    return request;
  }

  static Task<void> deliver(std::shared_ptr<State> self, Notice notice, net::Executor executor) {
    const std::string jti = self->random.token(16);
    if (self->clock.mono() >= notice.give_up_at) {
      self->end(notice, jti, Outcome::retry, "it waited too long for earlier ones");
      co_return;
    }
    const auto answer = co_await self->fetch(self->request_of(notice, jti));

    const Outcome outcome = outcome_of(answer);
    if (outcome == Outcome::retry && notice.tries < self->options.delays.size()) {
      self->retried.add();
      const Millis delay = self->options.delays[notice.tries++];
      log::info("a client could not be told of a sign-out and is told again later",
                {{"client", notice.client_id},
                 {"reason", reason_of(answer)},
                 {"milliseconds", delay.count()}});
      net::Runtime::spawn_on(executor, again(self, std::move(notice), delay));
      co_return;
    }
    self->end(notice, jti, outcome, outcome == Outcome::delivered ? "" : reason_of(answer));
  }

  // `retry`: given up.
  void end(const Notice& notice, const std::string& jti, Outcome outcome,
           const std::string& reason) {
    finished(notice.client_id);
    (outcome == Outcome::delivered ? delivered
     : outcome == Outcome::refused ? refused
                                   : failed)
        .add();
    log::audit("logout_notice", {{"client", notice.client_id},
                                 {"user", notice.subject},
                                 {"session", notice.session},
                                 {"jti", jti},
                                 {"outcome", outcome == Outcome::delivered ? "delivered"
                                             : outcome == Outcome::refused ? "refused"
                                                                           : "failed"},
                                 {"reason", reason}});
  }

  static Task<void> again(std::shared_ptr<State> self, Notice notice, Millis delay) {
    const net::Executor executor = co_await net::current_executor();
    co_await net::sleep_until(net::in(delay));
    self->enqueue(std::move(notice), executor, false);
  }

  const BackchannelLogoutOptions options;
  const identity::Fetcher fetch;
  jose::KeyRing& keys;
  crypto::Random& random;
  const Clock& clock;
  metrics::Counter& delivered = notices("delivered");
  metrics::Counter& refused = notices("refused");
  metrics::Counter& retried = notices("retried");
  metrics::Counter& failed = notices("failed");
  metrics::Counter& dropped = notices("dropped");
  metrics::Gauge& waiting = metrics::gauge("openunison_logout_notices_waiting",
                                           "Logout tokens that wait to be delivered.");
  mutable std::mutex mutex;
  std::unordered_map<std::string, Line> lines;
  std::size_t pending = 0;  // of all lines
};

BackchannelLogout::BackchannelLogout(BackchannelLogoutOptions options, identity::Fetcher fetch,
                                     jose::KeyRing& keys, crypto::Random& random,
                                     const Clock& clock)
    : state_(std::make_shared<State>(std::move(options), std::move(fetch), keys, random, clock)) {}
BackchannelLogout::~BackchannelLogout() = default;

void BackchannelLogout::notify(const Client& client, const store::Live& ended,
                               const net::Executor& executor) {
  // A session of a cluster, too: values may have given its name to another client meanwhile.
  if (client.cluster != nullptr || !ended.session.cluster.empty() ||
      client.backchannel_logout_uri.empty() || !state_->fetch)
    return;
  auto url = text::Url::parse(client.backchannel_logout_uri);
  if (!url) return;  // values are checked when they are read
  Notice notice;
  notice.client_id = client.id;
  notice.url = std::move(*url);
  notice.subject = ended.sign_in.user;
  notice.session = ended.session.id.text();
  notice.sign_in = ended.sign_in.id.text();
  if (client.logout_names_session) notice.sid = notice.session;
  notice.give_up_at = state_->clock.mono() + state_->options.give_up_after;
  state_->enqueue(std::move(notice), executor, true);
}

std::size_t BackchannelLogout::in_hand() const {
  const std::lock_guard lock(state_->mutex);
  std::size_t count = 0;
  for (const auto& [client, line] : state_->lines) count += line.next.size() + line.deliveries;
  return count;
}

std::string BackchannelLogout::claims(std::string_view issuer, std::string_view client_id,
                                      std::string_view subject, std::string_view sid,
                                      std::string_view jti, WallTime now) {
  const std::int64_t issued = unix_seconds(now);
  std::string out;
  text::JsonWriter writer(out);
  writer.begin_object()
      .member("iss", issuer)
      .member("sub", subject)
      .member("aud", client_id)
      .member("iat", issued)
      .member("exp", issued + kTokenSeconds)
      .member("jti", jti);
  if (!sid.empty()) writer.member("sid", sid);
  writer.key("events").begin_object().key(kEvent).begin_object().end_object().end_object();
  writer.end_object();
  return out;
}

}  // namespace openunison::oidc
