// SPDX-License-Identifier: Apache-2.0
#include "cmd/openunison/admin_service.h"

#include <algorithm>

#include "base/base64.h"
#include "base/log.h"
#include "crypto/error.h"
#include "jose/eviction_token.h"
#include "text/form.h"
#include "text/json.h"
#include "text/utf8.h"

namespace openunison::cmd {
namespace {

constexpr std::size_t kMaxBody = 256 * 1024, kMaxListed = 100'000;
const session::Caller kCaller{"admin socket", "openunison", ""};

http::Response json_response(const text::Json& json, int status = 200) {
  return {
      status, {{"content-type", "application/json"}, {"cache-control", "no-store"}}, json.dump()};
}

http::Response failed(const std::string& why) {
  text::Json json;
  json.set("error", why);
  return json_response(json, 400);
}

text::Json keys_json(const jose::KeyRing& keys) {
  text::Json::Array list;
  for (const jose::KeyInfo& key : keys.list()) {
    text::Json entry;
    entry.set("kid", key.kid);
    entry.set("alg", crypto::name(key.algorithm));
    entry.set("state", jose::name(key.state));
    entry.set("created", rfc3339(key.created));
    entry.set("activates", rfc3339(key.activates));
    if (key.leaves != WallTime{}) entry.set("leaves", rfc3339(key.leaves));
    list.push_back(std::move(entry));
  }
  text::Json json;
  json.set("keys", text::Json(std::move(list)));
  return json;
}

http::Response keys_response(const jose::KeyRing& keys) {
  return json_response(keys_json(keys));
}

// The kid of the key that waits to sign.
std::optional<std::string> pending(const jose::KeyRing& keys) {
  for (const jose::KeyInfo& key : keys.list()) {
    if (key.state == jose::KeyState::pending) return key.kid;
  }
  return std::nullopt;
}

text::Json session_json(const store::Live& live) {
  text::Json json;
  json.set("id", live.session.id.text());
  json.set("sign_in", live.sign_in.id.text());
  json.set("user", live.sign_in.user);
  json.set("provider", live.sign_in.provider);
  json.set("kind", live.session.kind == store::SessionKind::web ? "web" : "client");
  json.set("client", live.session.client_id);
  json.set("cluster", live.session.cluster);
  json.set("label", live.session.label);
  json.set("address", live.session.address);
  json.set("since", rfc3339(live.session.created_at));
  json.set("last_used", rfc3339(live.session.last_used_at));
  json.set("ends", rfc3339(store::ends_at(live.session, live.sign_in)));
  return json;
}

class Admin {
 public:
  Admin(session::Sessions& sessions, jose::KeyRing& keys) : sessions_(sessions), keys_(keys) {}

  Task<http::Response> list_keys(http::Request&) { co_return keys_response(keys_); }

  Task<http::Response> rotate(http::Request& request) {
    const auto form = co_await read(request);
    if (!form) co_return failed(form.error().message());
    const bool now = form->value("now") == "1", was_pending = pending(keys_).has_value();
    auto rotated = keys_.rotate(now);
    if (!rotated) co_return failed(rotated.error().message());
    if (was_pending && !now) {
      text::Json json = keys_json(keys_);
      json.set("already_pending", rotated->kid);
      co_return json_response(json);
    }
    log::audit("key_changed", {{"kid", rotated->kid},
                               {"state", jose::name(rotated->state)},
                               {"address", kCaller.address}});
    co_return keys_response(keys_);
  }

  Task<http::Response> retire(http::Request& request) {
    const auto form = co_await read(request);
    if (!form) co_return failed(form.error().message());
    auto retired = keys_.retire(form->value("kid"));
    if (!retired) co_return failed(retired.error().message());
    log::audit("key_changed",
               {{"kid", form->value("kid")}, {"state", "retired"}, {"address", kCaller.address}});
    text::Json json = keys_json(keys_);
    json.set("evict_after", rfc3339(sessions_.clock().now() + sessions_.values().jwks_max_age));
    co_return json_response(json);
  }

  Task<http::Response> eviction_token(http::Request& request) {
    const auto form = co_await read(request);
    if (!form) co_return failed(form.error().message());
    const config::Values& values = sessions_.values();
    const std::string_view wanted = form->value("cluster");
    const auto cluster = std::ranges::find_if(values.clusters, [&](const config::Cluster& each) {
      return wanted.empty() || each.name == wanted;
    });
    if (cluster == values.clusters.end())
      co_return failed("there is no cluster named " + text::shortened(wanted, 128) + " in values");
    const jose::EvictionToken made = jose::make_eviction_token(
        values.issuer(*cluster), cluster->client_id, keys_.snapshot()->signer->algorithm(),
        sessions_.random(), sessions_.clock().now());
    log::audit("eviction_token",
               {{"kid", made.kid}, {"cluster", cluster->name}, {"address", kCaller.address}});
    text::Json json;
    json.set("token", made.token);
    json.set("kid", made.kid);
    json.set("cluster", cluster->name);
    json.set("expires", rfc3339(made.expires_at));
    co_return json_response(json);
  }

  Task<http::Response> import(http::Request& request) {
    const auto form = co_await read(request);
    if (!form) co_return failed(form.error().message());
    const auto file = base64_decode(form->value("file"));
    if (!file) co_return failed("the file did not arrive whole");
    const Secret passphrase{std::string(form->value("passphrase"))};
    const bool pem = file->find("-----BEGIN") != std::string::npos;
    auto key = pem ? crypto::PrivateKey::from_pem(*file, passphrase)
                   : crypto::PrivateKey::from_pkcs12(*file, passphrase);
    if (!key && !pem && key.error().is(crypto::Errc::bad_key))
      co_return failed("no key in PEM form was found in it, and " + key.error().message());
    if (!key) co_return failed(key.error().message());
    const auto former = pending(keys_);
    auto imported = keys_.import(std::move(*key), std::string(form->value("kid")));
    if (!imported) co_return failed(imported.error().message());
    text::Json json = keys_json(keys_);
    if (former) {
      log::audit("key_changed",
                 {{"kid", *former}, {"state", "replaced"}, {"address", kCaller.address}});
      json.set("replaced", *former);
    }
    log::audit("key_changed",
               {{"kid", imported->kid}, {"state", "pending"}, {"address", kCaller.address}});
    co_return json_response(json);
  }

  Task<http::Response> list_sessions(http::Request& request) {
    const auto form = co_await read(request);
    if (!form) co_return failed(form.error().message());
    auto listed = co_await sessions_.list(selector_of(*form, true), kMaxListed);
    if (!listed) co_return failed(listed.error().message());
    text::Json::Array list;
    for (const session::Current& each : *listed) list.push_back(session_json(each.live));
    text::Json json;
    json.set("sessions", text::Json(std::move(list)));
    co_return json_response(json);
  }

  Task<http::Response> end_sessions(http::Request& request) {
    const auto form = co_await read(request);
    if (!form) co_return failed(form.error().message());
    const auto session = form->get("session");
    const bool named = session || form->get("user") || form->value("all") == "1";
    if (!named) co_return failed("say which sessions: session, user or all");
    if (session && !store::SessionId::parse(*session))
      co_return failed("that is no session's id; `openunison sessions list` prints them");
    auto ended = co_await sessions_.end(selector_of(*form, false), "admin", kCaller);
    if (!ended) co_return failed(ended.error().message());
    text::Json json;
    json.set("ended", ended->size());
    co_return json_response(json);
  }

 private:
  static Task<Result<text::Form>> read(http::Request& request) {
    auto body = co_await http::read_all(*request.body, kMaxBody);
    if (!body) co_return std::unexpected(body.error());
    co_return text::Form::parse(*body);
  }

  static store::Selector selector_of(const text::Form& form, bool everyone_by_default) {
    store::Selector selector;
    if (const auto session = form.get("session")) {
      selector.session = store::SessionId::parse(*session);
    } else if (const auto user = form.get("user")) {
      selector.user = std::string(*user);
    } else {
      selector.all = everyone_by_default || form.value("all") == "1";
    }
    return selector;
  }

  session::Sessions& sessions_;
  jose::KeyRing& keys_;
};

}  // namespace

std::shared_ptr<http::Service> admin_service(session::Sessions& sessions, jose::KeyRing& keys) {
  auto admin = std::make_shared<Admin>(sessions, keys);
  auto router = std::make_shared<http::Router>();
  const auto post = [&](const char* path, Task<http::Response> (Admin::*endpoint)(http::Request&)) {
    router->route({"POST"}, path, http::Handler([admin, endpoint](http::Request& request) {
                    return (*admin.*endpoint)(request);
                  }));
  };
  post("/v1/keys/list", &Admin::list_keys);
  post("/v1/keys/rotate", &Admin::rotate);
  post("/v1/keys/retire", &Admin::retire);
  post("/v1/keys/import", &Admin::import);
  post("/v1/keys/eviction-token", &Admin::eviction_token);
  post("/v1/sessions/list", &Admin::list_sessions);
  post("/v1/sessions/end", &Admin::end_sessions);
  return router;
}

}  // namespace openunison::cmd
