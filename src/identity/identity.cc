// SPDX-License-Identifier: Apache-2.0
#include "identity/identity.h"

#include <algorithm>
#include <utility>

#include "identity/error.h"

namespace openunison::identity {
namespace {

using text::Json;

// Of a stored principal without its claims: far above their bound, for it is made of them.
constexpr std::size_t kMaxBytes = 1 << 22;

std::int64_t millis(WallTime time) {
  return time.time_since_epoch().count();
}
WallTime from_millis(std::int64_t value) {
  return WallTime(Millis(value));
}

// Takes the members out of a stored object and remembers the first that isn't of its kind.
class Reader {
 public:
  Reader(Json json, std::string_view what) : json_(std::move(json)), what_(what) {
    if (json_.object() == nullptr) note("it is no object");
  }
  Json* find(std::string_view name) { return const_cast<Json*>(std::as_const(json_).find(name)); }
  void string(std::string_view name, std::string& into) {
    Json* member = find(name);
    if (member == nullptr) return;
    if (std::string* value = member->string()) {
      into = std::move(*value);
    } else {
      note(name);
    }
  }
  void secret(std::string_view name, Secret& into) {
    std::string value;
    string(name, value);
    into = Secret(std::move(value));
  }
  void time(std::string_view name, WallTime& into) {
    const Json* member = find(name);
    if (member == nullptr) return;
    if (const std::int64_t* value = member->integer()) {
      into = from_millis(*value);
    } else {
      note(name);
    }
  }
  void strings(std::string_view name, std::vector<std::string>& into) {
    Json* member = find(name);
    if (member == nullptr) return;
    Json::Array* items = member->array();
    if (items == nullptr) return note(name);
    into.reserve(items->size());
    for (Json& item : *items) {
      if (std::string* value = item.string()) {
        into.push_back(std::move(*value));
      } else {
        note(name);
      }
    }
  }
  void note(std::string_view problem) {
    if (problem_.empty()) problem_ = problem;
  }
  Result<void> done() const {
    if (problem_.empty()) return {};
    return fail(Errc::bad_response, std::string(what_) + " can't be read: " + problem_);
  }

 private:
  Json json_;
  std::string_view what_;
  std::string problem_;
};

}  // namespace

Json Grant::to_json() const {
  Json::Object out;
  const auto add = [&out](const char* name, const Secret& secret) {
    if (!secret.empty()) out.emplace_back(name, Json(secret.reveal()));
  };
  add("refresh_token", refresh_token);
  add("access_token", access_token);
  if (access_expires_at != WallTime{})
    out.emplace_back("access_expires_at", millis(access_expires_at));
  add("id_token", id_token);
  return Json(std::move(out));
}

Result<Grant> Grant::from_json(const Json& json) {
  Grant grant;
  Reader reader(json, "a stored grant");
  reader.secret("refresh_token", grant.refresh_token);
  reader.secret("access_token", grant.access_token);
  reader.time("access_expires_at", grant.access_expires_at);
  reader.secret("id_token", grant.id_token);
  TRY_VOID(reader.done());
  return grant;
}

std::string Principal::to_text() const {
  std::string out;
  text::JsonWriter writer(out);
  const auto strings = [&writer](std::string_view name, const std::vector<std::string>& values) {
    writer.key(name).begin_array();
    for (const std::string& value : values) writer.value(value);
    writer.end_array();
  };
  writer.begin_object()
      .member("provider", provider)
      .member("subject", subject)
      .member("user", user)
      .member("display_name", display_name)
      .member("given_name", given_name)
      .member("family_name", family_name)
      .member("email", email);
  if (email_verified) writer.member("email_verified", *email_verified);
  strings("groups", groups);
  writer.key("dropped").begin_array();
  for (const DroppedGroup& group : dropped) {
    writer.begin_object().member("name", group.name).member("reason", group.reason).end_object();
  }
  writer.end_array();
  strings("amr", amr);
  writer.member("acr", acr).member("authenticated_at", millis(authenticated_at)).end_object();
  return out + '\n' + claims;
}

Result<Principal> Principal::from_text(std::string_view text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  Json json = TRY(Json::parse(text.substr(0, end), kMaxBytes));
  Principal principal;
  principal.claims = text.substr(std::min(end + 1, text.size()));
  Reader reader(std::move(json), "a stored principal");
  reader.string("provider", principal.provider);
  reader.string("subject", principal.subject);
  reader.string("user", principal.user);
  reader.string("display_name", principal.display_name);
  reader.string("given_name", principal.given_name);
  reader.string("family_name", principal.family_name);
  reader.string("email", principal.email);
  if (const Json* verified = reader.find("email_verified")) {
    if (const bool* value = verified->boolean()) {
      principal.email_verified = *value;
    } else {
      reader.note("email_verified");
    }
  }
  reader.strings("groups", principal.groups);
  if (const Json* dropped = reader.find("dropped")) {
    if (dropped->array() == nullptr) reader.note("dropped");
    for (const Json& item : dropped->array() ? *dropped->array() : Json::Array()) {
      const std::string* name = item.find_string("name");
      const std::string* reason = item.find_string("reason");
      if (name == nullptr || reason == nullptr) {
        reader.note("dropped");
        break;
      }
      principal.dropped.push_back({*name, *reason});
    }
  }
  reader.strings("amr", principal.amr);
  reader.string("acr", principal.acr);
  reader.time("authenticated_at", principal.authenticated_at);
  if (principal.user.empty()) reader.note("user");
  if (principal.subject.empty()) reader.note("subject");
  TRY_VOID(reader.done());
  return principal;
}

bool Principal::in_any(const std::vector<std::string>& wanted) const {
  return wanted.empty() || std::ranges::any_of(wanted, [this](const std::string& name) {
           return std::ranges::binary_search(groups, name);
         });
}

}  // namespace openunison::identity
