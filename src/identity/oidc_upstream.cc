// SPDX-License-Identifier: Apache-2.0
#include "identity/oidc_upstream.h"

#include <cstdlib>

#include "base/base64.h"
#include "base/log.h"
#include "base/metrics.h"
#include "identity/error.h"
#include "identity/http_date.h"
#include "identity/names.h"
#include "identity/oidc_answers.h"
#include "identity/redact.h"

namespace openunison::identity {
namespace {

constexpr Millis kRequestTimeout{10'000};
constexpr Millis kKeyRefetchInterval{30'000};
constexpr Millis kHoldWithoutTime{30'000};  // a 429 that doesn't say how long
constexpr Millis kLongestHold{900'000};
constexpr Millis kNotableClockDifference{5'000};
constexpr std::string_view kBasic = "Basic ";
constexpr std::size_t kMaxDocumentBytes = 256 * 1024;
constexpr std::size_t kMaxUserinfoBytes = 512 * 1024;
constexpr Seconds kAnyDistance{86'400 * 3'650};

// The request's own time: what is left until the deadline, at most kRequestTimeout.
Millis time_left(net::Deadline deadline) {
  if (deadline == net::kNoDeadline) return kRequestTimeout;
  const auto left = std::chrono::floor<Millis>(deadline - std::chrono::steady_clock::now());
  return std::min(left, kRequestTimeout);
}

http::ClientRequest get(const text::Url& url, std::size_t max_bytes) {
  http::ClientRequest request;
  request.url = url;
  request.headers.add("accept", "application/json");
  request.max_response_bytes = max_bytes;
  return request;
}

std::unexpected<Error> unreachable(const std::string& message) {
  return fail(Errc::unreachable, "the identity provider can't be reached: " + message);
}

std::string in_seconds(Millis difference) {
  return std::to_string(std::chrono::floor<Seconds>(difference).count()) + " seconds";
}

metrics::Counter& requests(const std::string& provider, const char* endpoint, const char* outcome) {
  return metrics::counter("openunison_identity_provider_requests_total",
                          "Requests to identity providers, by what came of them.",
                          {{"provider", provider}, {"endpoint", endpoint}, {"outcome", outcome}});
}

metrics::Histogram& request_seconds(const std::string& provider, const char* endpoint) {
  return metrics::latency("openunison_identity_provider_request_seconds",
                          "Time until an identity provider's answer was whole, or failed.",
                          {{"provider", provider}, {"endpoint", endpoint}});
}

// The first three are answers, by status.
constexpr const char* kOutcomes[] = {"ok",        "refused",    "broken",    "timed_out",
                                     "untrusted", "unresolved", "too_large", "failed"};

const char* outcome_of(const Result<http::Response>& response) {
  if (response)
    return response->status < 400 ? "ok" : response->status < 500 ? "refused" : "broken";
  const Error& error = response.error();
  if (error.is(net::Errc::timed_out) || error.is(http::Errc::timed_out)) return "timed_out";
  if (error.is(net::Errc::untrusted)) return "untrusted";
  if (error.is(net::Errc::unresolved)) return "unresolved";
  if (error.is(http::Errc::body_too_large)) return "too_large";
  return "failed";
}

bool may_be_cured_by_new_keys(const Error& error) {
  return error.is(jose::Errc::unknown_key) || error.is(jose::Errc::bad_signature);
}

}  // namespace

Upstream::Upstream(config::IdentityProvider settings, Secret client_secret, Fetcher fetch,
                   const Clock* clock)
    : settings_(std::move(settings)),
      client_secret_(std::move(client_secret)),
      fetch_(std::move(fetch)),
      clock_(clock),
      metadata_([this](net::Deadline deadline) { return load_metadata(deadline); }, {}, clock),
      keys_([this](net::Deadline deadline) { return load_keys(deadline); }, {}, clock) {
  // All series are there from the start, so that the first failure counts as one.
  for (const char* endpoint : {"discovery", "keys", "token", "userinfo"}) {
    request_seconds(settings_.name, endpoint);
    for (const char* outcome : kOutcomes) requests(settings_.name, endpoint, outcome);
  }
}

// --- One exchange ---

Task<Result<http::Response>> Upstream::send(const char* endpoint, http::ClientRequest request,
                                            Call call) {
  request.timeout = time_left(call.deadline);
  if (request.timeout <= Millis(0)) co_return unreachable("it didn't answer in time");
  if (call.trace.exists()) {
    request.headers.add("traceparent", call.trace.traceparent());
    if (!call.trace.tracestate().empty())
      request.headers.add("tracestate", call.trace.tracestate());
  }
  const WallTime sent = clock_->now();
  const MonoTime started = clock_->mono();
  auto response = co_await fetch_(std::move(request));
  request_seconds(settings_.name, endpoint)
      .observe(std::chrono::duration<double>(clock_->mono() - started).count());
  requests(settings_.name, endpoint, outcome_of(response)).add();
  if (!response) {
    {
      const std::lock_guard lock(mutex_);
      failing_ = true;
    }
    if (response.error().is(http::Errc::body_too_large)) {
      co_return fail(Errc::too_big,
                     std::string("the identity provider's answer (") + endpoint + ") is too large");
    }
    co_return unreachable(response.error().message());
  }
  note_answer(*response, sent);
  if (response->status >= 300 && response->status < 400) {
    co_return unreachable(std::string(endpoint) + " redirects; the address must be the final one");
  }
  co_return response;
}

void Upstream::note_answer(const http::Response& response, WallTime sent) {
  const WallTime now = clock_->now();
  const std::lock_guard lock(mutex_);
  failing_ = false;
  if (response.status == 429 || response.status == 503) {
    auto wait = retry_after(response.headers, now);
    if (!wait && response.status == 429) wait = kHoldWithoutTime;
    if (wait) hold_until_ = std::max(hold_until_, clock_->mono() + std::min(*wait, kLongestHold));
  }
  // A cache's Date says when it got the answer, not what time it is.
  const auto date = response.headers.get("date");
  if (!date || response.headers.contains("age")) return;
  const auto provider_now = parse_http_date(*date);
  if (!provider_now) return;
  // Date is cut to the second: half of one is added; it was written somewhere between sent and now.
  clock_ahead_ = *provider_now + Millis(500) - (sent + (now - sent) / 2);
  if (clock_gauge_ == nullptr) {
    clock_gauge_ = &metrics::gauge("openunison_identity_provider_clock_offset_seconds",
                                   "The provider's clock minus ours, by its last answer.",
                                   {{"provider", settings_.name}});
  }
  clock_gauge_->set(static_cast<double>(clock_ahead_->count()) / 1e3);
}

std::optional<Millis> Upstream::hold() const {
  const MonoTime now = clock_->mono();
  const std::lock_guard lock(mutex_);
  if (now >= hold_until_) return std::nullopt;
  return std::chrono::ceil<Millis>(hold_until_ - now);
}

std::optional<Millis> Upstream::clock_ahead() const {
  const std::lock_guard lock(mutex_);
  return clock_ahead_;
}

// --- Discovery and keys ---

Task<Result<Metadata>> Upstream::load_metadata(net::Deadline deadline) {
  if (settings_.issuer.empty()) {
    auto manual = manual_metadata(settings_);
    if (!manual) co_return manual;
    // There is no document to fetch; any answer of userinfo (401, as a rule) shows that someone is
    // there.
    auto there =
        co_await send("userinfo", get(*manual->userinfo_endpoint, kMaxUserinfoBytes), deadline);
    if (!there) co_return std::unexpected(there.error());
    co_return manual;
  }
  auto url = discovery_url(settings_.issuer);
  if (!url) co_return std::unexpected(url.error());
  auto response = co_await send("discovery", get(*url, kMaxDocumentBytes), deadline);
  if (!response) co_return std::unexpected(response.error());
  if (response->status != 200) {
    co_return unreachable("its discovery document " + url->text() + " answered with status " +
                          std::to_string(response->status));
  }
  const auto former = metadata_.known();
  co_return parse_metadata(response->body, settings_, former ? former->issuer : std::string_view());
}

Task<Result<std::shared_ptr<const Metadata>>> Upstream::metadata(net::Deadline deadline) {
  auto found = co_await metadata_.get(deadline);
  if (found || found.error().is(Errc::unreachable)) co_return found;
  co_return fail(Errc::unreachable, found.error().message());
}

Task<Result<void>> Upstream::probe(Millis max_age, net::Deadline deadline) {
  bool in_doubt = metadata_.problem().has_value();
  {
    const std::lock_guard lock(mutex_);
    in_doubt |= failing_;
  }
  if (in_doubt) max_age = Millis(1);
  auto found = co_await metadata_.newer(nullptr, max_age, deadline);
  if (!found) co_return std::unexpected(found.error());
  if (const auto problem = metadata_.problem()) co_return std::unexpected(*problem);
  co_return Result<void>();
}

Task<Result<jose::JwkSet>> Upstream::load_keys(net::Deadline deadline) {
  auto about = co_await metadata(deadline);
  if (!about) co_return std::unexpected(about.error());
  if (!(*about)->jwks_uri) co_return unreachable("it publishes no keys");
  auto response = co_await send("keys", get(*(*about)->jwks_uri, kMaxDocumentBytes), deadline);
  if (!response) co_return std::unexpected(response.error());
  if (response->status != 200) {
    co_return unreachable("its keys answered with status " + std::to_string(response->status));
  }
  auto keys = jose::JwkSet::parse(response->body);
  if (!keys) co_return unreachable("its keys can't be used: " + keys.error().message());
  co_return keys;
}

Task<Result<std::shared_ptr<const jose::JwkSet>>> Upstream::newer_keys(
    std::shared_ptr<const jose::JwkSet> known, net::Deadline deadline) {
  if (keys_.known() == known) {
    // Tokens with keys that nobody has must not become a flood of fetches.
    const MonoTime now = clock_->mono();
    const std::lock_guard lock(mutex_);
    if (last_refetch_ && now - *last_refetch_ < kKeyRefetchInterval) co_return known;
    last_refetch_ = now;
  }
  auto keys = co_await keys_.newer(known, Millis(0), deadline);
  co_return keys;
}

// --- Tokens ---

Error Upstream::explain(const Error& error, const jose::UnverifiedJwt& token,
                        const jose::JwkSet& keys, jose::Expectations expected) const {
  if (!error.is(jose::Errc::expired) && !error.is(jose::Errc::not_yet_valid)) {
    return Error(Errc::bad_response,
                 "the identity provider's token was refused: " + error.message());
  }
  std::string message = "a token of the identity provider is outside its time: " + error.message();
  // Read once more with the clock left out of it, to say by how much.
  const WallTime now = clock_->now();
  expected.leeway = kAnyDistance;
  expected.max_age_of_iat.reset();
  const auto timeless = jose::Verifier::verify(token, keys, expected, now);
  if (timeless) {
    const auto issued = timeless->time_claim("iat");
    const auto expires = timeless->time_claim("exp");
    if (issued && *issued > now) {
      message = "a token of the identity provider was issued " + in_seconds(*issued - now) +
                " in the future";
    } else if (expires && *expires < now) {
      message = "a token of the identity provider expired " + in_seconds(now - *expires) + " ago";
    }
  }
  const auto ahead = clock_ahead();
  if (ahead && *ahead > kNotableClockDifference)
    message += "; its clock is " + in_seconds(*ahead) + " ahead of ours";
  if (ahead && *ahead < -kNotableClockDifference)
    message += "; its clock is " + in_seconds(-*ahead) + " behind ours";
  return Error(Errc::clock, std::move(message));
}

Task<Result<Upstream::Verified>> Upstream::verify(std::string compact, jose::Expectations expected,
                                                  net::Deadline deadline) {
  auto token = jose::UnverifiedJwt::parse(compact);
  if (!token) {
    co_return fail(Errc::bad_response,
                   "the identity provider's token was refused: " + token.error().message());
  }
  auto about = co_await metadata(deadline);
  if (!about) co_return std::unexpected(about.error());
  auto keys = co_await keys_.get(deadline);
  if (!keys) co_return fail(Errc::unreachable, keys.error().message());

  auto issuer = expected_issuer(**about, settings_, token->claimed_issuer());
  if (!issuer)
    co_return fail(Errc::bad_response,
                   "the identity provider's token is of a tenant that may not sign in");
  expected.issuer = std::move(*issuer);
  expected.audience = settings_.client_id;
  expected.leeway = kLeeway;
  auto verified = jose::Verifier::verify(*token, **keys, expected, clock_->now());
  if (!verified && may_be_cured_by_new_keys(verified.error())) {
    const auto former = *keys;
    keys = co_await newer_keys(former, deadline);
    if (!keys) co_return fail(Errc::unreachable, keys.error().message());
    if (*keys != former) verified = jose::Verifier::verify(*token, **keys, expected, clock_->now());
  }
  if (!verified) co_return std::unexpected(explain(verified.error(), *token, **keys, expected));
  co_return Verified{std::move(*verified), token->algorithm()};
}

// --- Endpoints ---

void Upstream::authenticate(http::ClientRequest& request, text::Form& form,
                            bool secret_in_body) const {
  if (!client_secret_.empty() && !secret_in_body) {
    // RFC 6749 §2.3.1: both are form-encoded before they are joined.
    const std::string pair = text::percent_encode(settings_.client_id) + ':' +
                             text::percent_encode(client_secret_.reveal());
    request.headers.add("authorization", std::string(kBasic) + base64_encode(pair));
    return;
  }
  form.add("client_id", settings_.client_id);
  if (!client_secret_.empty()) form.add("client_secret", std::string(client_secret_.reveal()));
}

Task<Result<http::Response>> Upstream::token(text::Form form, Call call) {
  auto about = co_await metadata(call.deadline);
  if (!about) co_return std::unexpected(about.error());
  http::ClientRequest request = get((*about)->token_endpoint, kMaxDocumentBytes);
  request.method = "POST";
  request.headers.add("content-type", "application/x-www-form-urlencoded");
  // Collected before they are sent: a refusal may quote them.
  std::vector<std::string> secrets = {
      std::string(client_secret_.reveal()),
      settings_.client_id + ':' + std::string(client_secret_.reveal())};
  for (const char* name : {"code", "code_verifier", "refresh_token"})
    secrets.emplace_back(form.value(name));
  authenticate(request, form, (*about)->secret_in_body);
  const std::string authorization(request.headers.get("authorization").value_or(""));
  secrets.push_back(authorization.substr(std::min(kBasic.size(), authorization.size())));
  request.body = form.encode();
  auto response = co_await send("token", std::move(request), std::move(call));
  if (response && response->status != 200)
    response->body = redact(std::move(response->body), secrets);
  co_return response;
}

Task<Result<http::Response>> Upstream::userinfo(Secret access_token, Call call) {
  auto about = co_await metadata(call.deadline);
  if (!about) co_return std::unexpected(about.error());
  if (!(*about)->userinfo_endpoint)
    co_return fail(Errc::bad_response, "the identity provider has no userinfo");
  http::ClientRequest request = get(*(*about)->userinfo_endpoint, kMaxUserinfoBytes);
  request.headers.add("authorization", "Bearer " + std::string(access_token.reveal()));
  auto response = co_await send("userinfo", std::move(request), std::move(call));
  if (response && response->status != 200) {
    response->body =
        redact(std::move(response->body), std::vector{std::string(access_token.reveal())});
  }
  co_return response;
}

}  // namespace openunison::identity
