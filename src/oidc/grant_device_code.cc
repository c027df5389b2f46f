// SPDX-License-Identifier: Apache-2.0
//
// grant_type=urn:ietf:params:oauth:grant-type:device_code (RFC 8628 §3.4): the program asks whether
// it was let in. That it must wait is no refusal, and isn't written down as one.
#include "oidc/provider_impl.h"

namespace openunison::oidc {

Task<http::Response> Provider::Impl::device_code_grant(const Client& client, const text::Form& form,
                                                       session::Caller caller) {
  const std::string device_code(form.value("device_code"));
  if (device_code.empty())
    co_return refused(&client, {"invalid_request", "device_code is missing", 400}, caller);
  const DeviceRequests::Polled polled =
      devices.poll(device_code, client.id, sessions.clock().mono());
  switch (polled.answer) {
    case DeviceRequests::Answer::pending:
      co_return to_response({"authorization_pending", "nobody has decided yet", 400});
    case DeviceRequests::Answer::slow_down:
      co_return to_response({"slow_down", "wait five seconds longer between two calls", 400});
    case DeviceRequests::Answer::denied:
      co_return refused(&client, {"access_denied", "it was denied", 400}, caller);
    case DeviceRequests::Answer::expired:
      co_return refused(&client, {"expired_token", "nobody decided within ten minutes", 400},
                        caller);
    case DeviceRequests::Answer::unknown:
      co_return refused(&client,
                        {"invalid_grant", "there is no such device code, or it has been used", 400},
                        caller);
    case DeviceRequests::Answer::allowed:
      break;
  }
  session::Sessions::FamilySpec spec;
  spec.holder = {options.issuer, client.id};
  spec.cluster = client.cluster != nullptr ? client.cluster->name : std::string();
  spec.scope = polled.asked.scope;
  spec.origin = store::Origin::device;
  spec.label = client.session_label(polled.asked.device_name);
  spec.lasting = !client.backchannel_logout_uri.empty();
  auto family =
      co_await sessions.open_family(polled.sign_in, std::move(spec), std::nullopt, caller);
  if (!family) {
    const OAuthError error = oauth_error(family.error());
    // Of what passes, the program may ask again.
    if (error.status == 503) {
      devices.give_back(device_code);
    } else {
      static_cast<void>(devices.finish(device_code));
    }
    co_return refused(&client, error, caller);
  }
  if (!devices.finish(device_code)) {
    store::Selector selector;
    selector.session = family->current.live.session.id;
    co_await sessions.end(std::move(selector), "ended_by_user", caller);
    co_return refused(&client, {"access_denied", "it was taken back", 400}, caller);
  }
  co_return co_await token_response(client, std::move(*family), polled.asked.scope, "",
                                    "device_code", std::move(caller));
}

}  // namespace openunison::oidc
