// SPDX-License-Identifier: Apache-2.0
#include "cli/sign_in.h"

#include <algorithm>

#include "base/base64.h"
#include "cli/browser.h"
#include "cli/loopback.h"
#include "cli/qr.h"
#include "crypto/hash.h"
#include "crypto/random.h"
#include "text/url.h"

namespace openunison::cli {
namespace {

// As long as a portal's cookie of a sign-in that was begun.
constexpr Millis kBrowserPatience{600'000};
constexpr Millis kOpenPatience{10'000};
constexpr Millis kLastPage{3'000};
constexpr Seconds kSlowDown{5};
constexpr Millis kTick{1'000};

// What a browser's callback is worth: tokens, or why there are none.
Task<Result<Tokens>> finish_browser(SignInTools tools, Portal portal, Loopback& loopback,
                                    std::string verifier, std::string nonce) {
  auto callback = co_await loopback.wait(net::in(kBrowserPatience));
  if (!callback)
    co_return fail(Errc::expired, "nobody signed in within ten minutes; the page may be closed");
  if (callback->refused())
    co_return fail(
        Errc::access_denied,
        "the portal refused: " +
            (callback->error_description.empty() ? callback->error : callback->error_description));
  auto tokens = co_await tools.client.redeem(std::move(portal), std::move(callback->code),
                                             loopback.redirect_uri(), std::move(verifier));
  if (tokens && tokens->nonce != nonce)
    co_return fail(Errc::bad_answer, "the ID token is of another sign-in (its nonce is wrong)");
  co_return tokens;
}

Task<Result<Tokens>> by_browser(SignInTools tools, Portal portal, Loopback& loopback,
                                std::string verifier, std::string nonce, std::string url) {
  tools.terminal.line("Sign in with your browser. If none opens, use this address:");
  tools.terminal.line(url, Ink::strong);
  if (tools.opens) tools.opens(url);
  const std::function<bool()> back = [&loopback] { return loopback.has_callback(); };
  auto opened =
      co_await open_browser(tools.environment, std::move(url), net::in(kOpenPatience), back);
  tools.trace.say("browser: " + (opened ? "opened with " + *opened : opened.error().message()));
  if (!opened) tools.terminal.line("No browser could be opened here.", Ink::soft);
  tools.terminal.progress("browser", "Waiting for the browser ...");
  auto tokens = co_await finish_browser(tools, std::move(portal), loopback, std::move(verifier),
                                        std::move(nonce));
  tools.terminal.clear_progress();
  Outcome outcome;
  outcome.signed_in = tokens.has_value();
  if (!tokens) outcome.problem = tokens.error().message();
  co_await loopback.finish(std::move(outcome), net::in(kLastPage));
  co_return tokens;
}

Task<Result<Tokens>> by_code(SignInTools tools, Portal portal) {
  auto code = co_await tools.client.ask_for_code(portal);
  if (!code) co_return std::unexpected(code.error());
  Terminal& terminal = tools.terminal;
  if (const auto picture = qr_code(code->verification_uri_complete, terminal.look()))
    terminal.own_text(*picture);
  terminal.line("On any device, open " + code->verification_uri + " and enter the code");
  terminal.line("    " + code->user_code, Ink::strong);
  const auto ends = std::chrono::steady_clock::now() + code->expires_in;
  Seconds interval = code->interval;
  auto next = std::chrono::steady_clock::now() + interval;
  for (;;) {
    const auto now = std::chrono::steady_clock::now();
    const auto left = std::chrono::ceil<Seconds>(ends - now);
    if (left <= Seconds(0)) break;
    terminal.progress("code", "Waiting until the code is confirmed; it is good for " +
                                  minutes_and_seconds(left) + " ...");
    if (now < next) {
      co_await net::sleep_until(std::min(next, now + kTick));
      continue;
    }
    auto tokens = co_await tools.client.poll(portal, code->device_code);
    const bool wait = !tokens && (tokens.error().is(Errc::authorization_pending) ||
                                  tokens.error().is(Errc::unreachable));
    if (!tokens && tokens.error().is(Errc::slow_down)) {
      interval += kSlowDown;
    } else if (!wait) {
      terminal.clear_progress();
      co_return tokens;
    }
    next = std::chrono::steady_clock::now() + interval;
  }
  terminal.clear_progress();
  co_return fail(Errc::expired, "the code wasn't confirmed in time; run the command again");
}

}  // namespace

std::string minutes_and_seconds(Seconds left) {
  const auto seconds = left.count() % 60;
  return std::to_string(left.count() / 60) + (seconds < 10 ? ":0" : ":") + std::to_string(seconds);
}

std::string authorization_url(const Portal& portal, std::string_view redirect_uri,
                              std::string_view state, std::string_view nonce,
                              std::string_view challenge) {
  std::string url = text::add_query(portal.issuer + "/auth", "response_type", "code");
  url = text::add_query(std::move(url), "client_id", portal.client_id);
  url = text::add_query(std::move(url), "redirect_uri", redirect_uri);
  url = text::add_query(std::move(url), "scope", "openid offline_access");
  url = text::add_query(std::move(url), "state", state);
  url = text::add_query(std::move(url), "nonce", nonce);
  url = text::add_query(std::move(url), "code_challenge", challenge);
  return text::add_query(std::move(url), "code_challenge_method", "S256");
}

Result<Tokens> sign_in_by_browser(SignInTools tools, const Portal& portal) {
  crypto::SystemRandom random;
  const std::string state = random.token();
  const std::string nonce = random.token();
  const std::string verifier = random.token();
  const std::string challenge = base64url_encode(crypto::view(crypto::sha256(verifier)));
  const std::unique_ptr<Loopback> loopback =
      TRY(Loopback::open(tools.runtime, {state, portal.issuer, portal.name, portal.origin}));
  tools.trace.say("waiting at " + loopback->redirect_uri());
  std::string url = authorization_url(portal, loopback->redirect_uri(), state, nonce, challenge);
  return tools.runtime.block_on(
      by_browser(tools, portal, *loopback, verifier, nonce, std::move(url)));
}

Result<Tokens> sign_in_by_code(SignInTools tools, const Portal& portal) {
  return tools.runtime.block_on(by_code(tools, portal));
}

}  // namespace openunison::cli
