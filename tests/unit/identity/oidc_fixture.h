// SPDX-License-Identifier: Apache-2.0
//
// A connector before a FakeProvider, with the steps of a sign-in as functions.
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "failed_with.h"
#include "fake_provider.h"
#include "identity/oidc_connector.h"
#include "text/url.h"

namespace openunison::identity {

class OidcFixture : public ::testing::Test {
 protected:
  OidcFixture() {
    settings_.name = "oidc";
    settings_.issuer = "https://idp.example";
    settings_.client_id = "ou";
    settings_.claims.sub = "preferred_username";
  }

  // A new connector and a well-behaved provider; settings_ stay as they are.
  void restart() {
    connector_.reset();
    provider_ = FakeProvider(clock_);
  }
  Connector& connector() {
    if (!connector_) {
      OidcConnectorOptions options;
      options.settings = settings_;
      options.client_secret = Secret(client_secret_);
      options.client = nullptr;
      options.random = &random_;
      options.clock = &clock_;
      options.most_waiting = most_waiting_;
      connector_ = oidc_connector_with(std::move(options), provider_.fetcher());
    }
    return *connector_;
  }

  RedirectConnector::BeginRequest begin_request() const {
    RedirectConnector::BeginRequest request;
    request.redirect_uri = "https://portal.example/auth/oidc";
    request.state = "the-state";
    return request;
  }
  Result<RedirectConnector::Begun> begin(RedirectConnector::BeginRequest request) {
    auto begun = runtime_.block_on(connector().redirect()->begin(std::move(request)));
    if (begun) {
      attempt_ = begun->attempt;
      nonce_ = std::string(query_of(begun->url).value("nonce"));
    }
    return begun;
  }
  Result<RedirectConnector::Begun> begin() { return begin(begin_request()); }

  static text::Form callback() {
    text::Form form;
    form.add("state", "the-state");
    form.add("code", "the-code");
    return form;
  }
  Result<Identity> finish_raw(text::Form parameters) {
    RedirectConnector::FinishRequest request;
    request.parameters = std::move(parameters);
    request.attempt = attempt_;
    request.redirect_uri = "https://portal.example/auth/oidc";
    request.trace = trace_;
    return runtime_.block_on(connector().redirect()->finish(std::move(request)));
  }
  // begin(), and then what the browser brings back.
  Result<Identity> finish_with(text::Form parameters) {
    auto begun = begin();
    if (!begun) return std::unexpected(begun.error());
    provider_.nonce = nonce_;
    return finish_raw(std::move(parameters));
  }
  Result<Identity> sign_in() { return finish_with(callback()); }

  Result<Identity> reread(Grant grant, std::string subject = "u1") {
    return runtime_.block_on(
        connector().reread(std::move(subject), std::move(grant), {net::in(Seconds(10)), trace_}));
  }
  std::optional<std::string> logout_url(const Grant& grant, std::string_view return_to) {
    return connector().redirect()->logout_url(grant, return_to);
  }
  Result<RedirectConnector::LogoutNotice> logout_token(std::string token) {
    return runtime_.block_on(connector().redirect()->logout_token(std::move(token)));
  }
  Connector::Health health() { return runtime_.block_on(connector().health(net::in(Seconds(10)))); }

  static text::Form query_of(const std::string& url) {
    const auto parsed = text::Url::parse(url);
    if (!parsed || !parsed->query) return {};
    return *text::Form::parse(*parsed->query);
  }

  ManualClock clock_;
  crypto::SeededRandom random_{11};
  net::Runtime runtime_{1};
  FakeProvider provider_{clock_};
  config::IdentityProvider settings_;
  std::string client_secret_ = "secret";
  std::size_t most_waiting_ = 256;
  std::string attempt_, nonce_;
  http::TraceContext trace_;  // of the requests that make the calls
  std::unique_ptr<Connector> connector_;
};

}  // namespace openunison::identity
