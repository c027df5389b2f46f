// SPDX-License-Identifier: Apache-2.0
#include "identity/issuer_keys.h"

#include "base/log.h"
#include "identity/error.h"
#include "identity/oidc_metadata.h"
#include "text/url.h"

namespace openunison::identity {
namespace {

constexpr Millis kRequestTimeout{10'000};
constexpr Millis kRefetchInterval{30'000};
constexpr Seconds kClockLeeway{60};
constexpr std::size_t kMaxDocumentBytes = 256 * 1024;

metrics::Counter& fetches(const std::string& workload, const char* outcome) {
  return metrics::counter("openunison_workload_key_fetches_total",
                          "Times that the keys of a workload's issuer were asked for.",
                          {{"workload", workload}, {"outcome", outcome}});
}

std::unexpected<Error> unreachable(const std::string& why) {
  return fail(Errc::unreachable, "the keys of the token's issuer can't be had: " + why);
}

Millis time_left(net::Deadline deadline) {
  if (deadline == net::kNoDeadline) return kRequestTimeout;
  const auto left = std::chrono::floor<Millis>(deadline - std::chrono::steady_clock::now());
  return std::min(left, kRequestTimeout);
}

}  // namespace

IssuerKeys::IssuerKeys(std::string issuer, std::string jwks_uri, const std::string& label,
                       Fetcher fetch, const Clock* clock)
    : issuer_(std::move(issuer)),
      jwks_uri_(std::move(jwks_uri)),
      label_(label),
      fetch_(std::move(fetch)),
      clock_(clock),
      keys_([this](net::Deadline deadline) { return load(deadline); }, {}, clock),
      fetched_(fetches(label, "ok")),
      failed_(fetches(label, "failed")) {}

Task<Result<std::string>> IssuerKeys::get(std::string url, net::Deadline deadline) {
  auto parsed = text::Url::parse(url);
  if (!parsed || !parsed->is_https()) co_return unreachable("not an https address: " + url);
  http::ClientRequest request;
  request.url = std::move(*parsed);
  // An API server gives its keys to nobody who doesn't ask for their type (406).
  request.headers.add("accept", "application/json, application/jwk-set+json");
  request.max_response_bytes = kMaxDocumentBytes;
  request.timeout = time_left(deadline);
  if (request.timeout <= Millis(0)) co_return unreachable("it didn't answer in time");
  auto response = co_await fetch_(std::move(request));
  if (!response) co_return unreachable(response.error().message());
  // Nothing else than what values name is asked: no redirect is followed.
  if (response->status != 200)
    co_return unreachable(url + " answered with status " + std::to_string(response->status));
  co_return std::move(response->body);
}

Task<Result<jose::JwkSet>> IssuerKeys::fetch_keys(net::Deadline deadline) {
  std::string where = jwks_uri_;
  if (where.empty()) {
    const auto url = discovery_url(issuer_);
    if (!url) co_return unreachable(url.error().message());
    auto document = co_await get(url->text(), deadline);
    if (!document) co_return std::unexpected(document.error());
    const auto json = text::Json::parse(*document);
    const std::string* issuer = json ? json->find_string("issuer") : nullptr;
    const std::string* keys = json ? json->find_string("jwks_uri") : nullptr;
    if (issuer == nullptr || *issuer != issuer_)
      co_return unreachable("its discovery document is of another issuer");
    if (keys == nullptr) co_return unreachable("its discovery document names no keys");
    where = *keys;
  }
  auto body = co_await get(std::move(where), deadline);
  if (!body) co_return std::unexpected(body.error());
  auto keys = jose::JwkSet::parse(*body);
  if (!keys) co_return unreachable("its keys can't be used: " + keys.error().message());
  co_return keys;
}

Task<Result<jose::JwkSet>> IssuerKeys::load(net::Deadline deadline) {
  auto keys = co_await fetch_keys(deadline);
  (keys ? fetched_ : failed_).add();
  if (!keys) {
    log::warn("the keys of a workload's issuer can't be had",
              {{"issuer", issuer_}, {"reason", keys.error().message()}});
  }
  co_return keys;
}

Task<Result<IssuerKeys::Keys>> IssuerKeys::newer(Keys known, net::Deadline deadline) {
  if (keys_.known() == known) {
    // Whoever can reach us can send keys that nobody has: that must not become a flood of fetches.
    const MonoTime now = clock_->mono();
    const std::lock_guard lock(mutex_);
    if (last_refetch_ && now - *last_refetch_ < kRefetchInterval) co_return known;
    last_refetch_ = now;
  }
  auto keys = co_await keys_.newer(known, Millis(0), deadline);
  co_return keys;
}

Task<Result<void>> IssuerKeys::probe(net::Deadline deadline) {
  auto keys = co_await keys_.get(deadline);
  if (!keys) co_return std::unexpected(keys.error());
  co_return Result<void>();
}

Task<Result<jose::VerifiedJwt>> IssuerKeys::verify(jose::UnverifiedJwt token,
                                                   net::Deadline deadline) {
  jose::Expectations expected;
  expected.issuer = issuer_;
  expected.types = {"JWT", ""};  // not a logout token, nor an access token
  expected.leeway = kClockLeeway;
  auto keys = co_await keys_.get(deadline);
  if (!keys) co_return fail(Errc::unreachable, keys.error().message());
  auto verified = jose::Verifier::verify(token, **keys, expected, clock_->now());
  if (!verified && (verified.error().is(jose::Errc::unknown_key) ||
                    verified.error().is(jose::Errc::bad_signature))) {
    const Keys former = *keys;
    keys = co_await newer(former, deadline);
    if (!keys) co_return fail(Errc::unreachable, keys.error().message());
    if (*keys != former) verified = jose::Verifier::verify(token, **keys, expected, clock_->now());
  }
  if (!verified) co_return fail(Errc::bad_response, verified.error().message());
  co_return std::move(*verified);
}

}  // namespace openunison::identity
