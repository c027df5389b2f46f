// SPDX-License-Identifier: Apache-2.0
//
// Device authorization (RFC 8628): a program without a browser gets a code that a person types at
// the portal, and asks at the token endpoint until that has happened.
#include "base/log.h"
#include "identity/names.h"
#include "oidc/provider_impl.h"
#include "text/json.h"
#include "text/words.h"

namespace openunison::oidc {

std::expected<std::string, OAuthError> device_name_of(const text::Form& form) {
  const std::string_view name = form.value("device_name");
  if (name.empty()) return std::string();
  if (name.size() > kMaxDeviceName)
    return std::unexpected(OAuthError{"invalid_request", "device_name has at most 64 bytes", 400});
  // A person reads it before they decide: it must be what it looks like.
  const std::string_view problem = identity::name_problem(name);
  if (problem.empty()) return std::string(name);
  return std::unexpected(
      OAuthError{"invalid_request", "device_name can't be used: " + std::string(problem), 400});
}

Task<http::Response> Provider::Impl::authorize_device(http::Request& request) {
  const session::Caller caller = session::caller_of(request);
  auto call = co_await client_call(request, "device");
  if (!call) co_return std::move(call.error());
  if (!call->client.may_wait_for_device)
    co_return to_response(
        {"unauthorized_client", "this client may not use device authorization", 400});
  auto device_name = device_name_of(call->form);
  if (!device_name) co_return to_response(device_name.error());

  DeviceRequests::Asked asked;
  asked.client_id = call->client.id;
  asked.scope = call->client.grant_scope(call->form.value("scope"));
  // What is given out in the end is an ID token.
  if (!text::has_word(asked.scope, "openid"))
    co_return to_response({"invalid_scope", "the scope openid is missing", 400});
  asked.device_name = std::move(*device_name);
  asked.address = caller.address;
  asked.is_public = call->client.is_public;
  asked.user_agent = caller.user_agent;
  asked.at = now();
  const auto made = devices.ask(std::move(asked), sessions.random(), sessions.clock().mono());
  if (!made)
    co_return turned_away(*call, "a device authorization was refused", made.error(), kDeviceLife,
                          caller);
  http::Response response;
  response.headers = {{"content-type", "application/json"}, {"cache-control", "no-store"}};
  text::JsonWriter(response.body)
      .begin_object()
      .member("device_code", made->device)
      .member("user_code", made->user)
      .member("verification_uri", options.device_page)
      .member("verification_uri_complete", options.device_page + "?user_code=" + made->user)
      .member("expires_in", std::int64_t{kDeviceLife.count()})
      .member("interval", std::int64_t{kDeviceInterval.count()})
      .end_object();
  co_return response;
}

namespace {

void note_decision(const DeviceRequests::Asked& asked, const session::Current& current,
                   std::string_view answer, const session::Caller& caller) {
  log::audit("device_authorization", {{"user", current.principal.user},
                                      {"provider", current.principal.provider},
                                      {"client", asked.client_id},
                                      {"answer", answer},
                                      {"sign_in", current.live.sign_in.id.text()},
                                      {"device_address", asked.address},
                                      {"device_name", asked.device_name},
                                      {"address", caller.address},
                                      {"request", caller.request_id},
                                      {"trace", caller.trace.trace_id()}});
}

}  // namespace

std::optional<session::DeviceQuestion> Provider::find_device(std::string_view user_code) const {
  const auto asked = impl_->devices.look(user_code, impl_->sessions.clock().mono());
  const Client* client = asked ? impl_->clients.find(asked->client_id) : nullptr;
  if (client == nullptr) return std::nullopt;
  return session::DeviceQuestion{*parse_user_code(user_code), client->label,
                                 asked->device_name,          asked->address,
                                 asked->user_agent,           asked->at};
}

Result<bool> Provider::decide_device(std::string_view user_code, const session::Current& current,
                                     bool allow, const session::Caller& caller) const {
  const MonoTime now = impl_->sessions.clock().mono();
  const auto asked = impl_->devices.look(user_code, now);
  const Client* client = asked ? impl_->clients.find(asked->client_id) : nullptr;
  if (client == nullptr) return false;
  if (allow) {
    if (auto allowed = impl_->check_access(*client, current.principal); !allowed) {
      note_decision(*asked, current, "not_allowed", caller);
      return std::unexpected(allowed.error());
    }
  }
  const auto sign_in = allow ? std::optional(current.live.sign_in.id) : std::nullopt;
  const bool decided = impl_->devices.decide(user_code, sign_in, now);
  if (!decided) return false;
  note_decision(*asked, current, allow ? "allow" : "deny", caller);
  return true;
}

bool Provider::take_back_device(std::string_view user_code, const session::Current& current,
                                const session::Caller& caller) const {
  const auto asked =
      impl_->devices.take_back(user_code, current.live.sign_in.id, impl_->sessions.clock().mono());
  if (asked) note_decision(*asked, current, "take_back", caller);
  return asked.has_value();
}

void Provider::take_back_devices(const session::Current& current,
                                 const session::Caller& caller) const {
  for (const auto& asked : impl_->devices.take_back_all(current.live.sign_in.id))
    note_decision(asked, current, "take_back", caller);
}

}  // namespace openunison::oidc
