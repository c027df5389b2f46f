// SPDX-License-Identifier: Apache-2.0
#include "session/claims.h"

#include <gtest/gtest.h>

namespace openunison::session {
namespace {

text::Json written(std::string_view arrived, std::string_view granted, Place place) {
  identity::Principal principal;
  principal.user = "alice";
  principal.display_name = "Alice Liddell";
  principal.email = "alice@example.com";
  principal.email_verified = true;
  principal.groups = {"ops"};
  principal.claims = arrived;
  std::string out;
  text::JsonWriter writer(out);
  writer.begin_object();
  write_claims(writer, principal, granted, place);
  writer.end_object();
  const auto json = text::Json::parse(out);
  EXPECT_TRUE(json) << out;
  return json ? *json : text::Json();
}

bool has(const text::Json& json, std::string_view name) {
  return json.find(name) != nullptr;
}

constexpr std::string_view kEverything = R"({
  "middle_name": "P", "nickname": "Al", "profile": "https://a.example/p",
  "picture": "https://a.example/i.png", "website": "https://a.example/", "gender": "female",
  "birthdate": "1852-05-04", "zoneinfo": "Europe/London", "locale": "en-GB", "updated_at": 1700000000,
  "phone_number": "+44 20", "phone_number_verified": false,
  "address": {"formatted": "1 Road\nOxford", "country": "UK", "floor": 3, "secret": "x"},
  "employee_number": "7"})";

TEST(Claims, EachScopeGivesItsOwnAtUserinfo) {
  const auto profile = written(kEverything, "openid profile", Place::userinfo);
  for (const char* name :
       {"name", "preferred_username", "middle_name", "nickname", "profile", "picture", "website",
        "gender", "birthdate", "zoneinfo", "locale", "updated_at"})
    EXPECT_TRUE(has(profile, name)) << name;
  for (const char* name : {"email", "address", "phone_number", "groups", "employee_number"})
    EXPECT_FALSE(has(profile, name)) << name;
  const auto phone = written(kEverything, "openid phone", Place::userinfo);
  EXPECT_EQ(phone.dump(), R"({"phone_number":"+44 20","phone_number_verified":false})");
  EXPECT_EQ(written(kEverything, "openid address", Place::userinfo).find("address")->dump(),
            R"({"formatted":"1 Road\nOxford","country":"UK"})");
  EXPECT_EQ(written(kEverything, "openid", Place::userinfo).dump(), "{}");
}

TEST(Claims, AnIdTokenStaysSmallUnlessItIsAskedForMore) {
  const auto token =
      written(kEverything, "openid profile email groups address phone", Place::id_token);
  EXPECT_TRUE(has(token, "name"));
  EXPECT_TRUE(has(token, "email"));
  EXPECT_TRUE(has(token, "groups"));
  for (const char* name : {"picture", "address", "phone_number"}) EXPECT_FALSE(has(token, name));
  const auto more = written(kEverything, "openid id_token/picture id_token/groups userinfo/email",
                            Place::id_token);
  EXPECT_TRUE(has(more, "picture"));
  EXPECT_TRUE(has(more, "groups"));
  EXPECT_FALSE(has(more, "email")) << "asked for at userinfo only";
  EXPECT_FALSE(has(more, "name"));
}

// A client may hold us to the standard's types.
TEST(Claims, WhatHasAnotherFormThanTheStandardsIsLeftOut) {
  for (const char* arrived :
       {R"({"updated_at": "2024-01-01T00:00:00Z"})",
        R"json({"picture": "javascript:alert(1)"})json", R"({"website": "not a url"})",
        R"({"birthdate": "4 May"})", R"({"nickname": ["a"]})", R"({"nickname": ""})",
        R"({"address": "1 Road"})", R"({"address": {"floor": 3}})", R"({"phone_number": 44})",
        R"({"phone_number_verified": true})",
        R"({"phone_number_verified": "true", "phone_number": 1})"}) {
    EXPECT_EQ(written(arrived, "profile address phone", Place::userinfo).dump(),
              R"({"name":"Alice Liddell","preferred_username":"alice"})")
        << arrived;
  }
}

TEST(Claims, WhatIsGrantedByNameIsNoScope) {
  EXPECT_EQ(scopes_of("openid email id_token/groups userinfo/picture"), "openid email");
  EXPECT_EQ(scopes_of("openid email"), "openid email");
  EXPECT_EQ(claim_grant(Place::userinfo, "picture"), "userinfo/picture");
  EXPECT_EQ(claim_grant(Place::id_token, "email"), "id_token/email");
  for (const char* other : {"sub", "acr", "employee_number", "", "a b"})
    EXPECT_EQ(claim_grant(Place::id_token, other), "") << other;
}

}  // namespace
}  // namespace openunison::session
