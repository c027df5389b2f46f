// SPDX-License-Identifier: Apache-2.0
//
// map_identity and Principal as tables: what arrives, what is passed on, who is kept out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "identity/error.h"
#include "identity/identity.h"
#include "identity/names.h"

namespace openunison::identity {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using text::Json;

Identity identity_with(std::string_view claims) {
  Identity identity;
  identity.provider = "oidc";
  identity.subject = "00u1";
  auto parsed = Json::parse(claims);
  EXPECT_TRUE(parsed) << claims;
  if (parsed) identity.claims = *parsed;
  return identity;
}

struct Fixture {
  config::IdentityProvider provider;
  config::Values values;
  Fixture() {
    provider.name = "oidc";
    provider.claims.sub = "preferred_username";
  }
  Result<Principal> map(std::string_view claims) const {
    return map_identity(identity_with(claims), provider, values);
  }
  // With the user name alice.
  Result<Principal> map_more(const std::string& more) const {
    return map(R"({"preferred_username":"alice",)" + more + "}");
  }
};

TEST(ClaimMapping, TakesClaimsByTheNamesInValues) {
  Fixture f;
  f.provider.claims = {"login", "mail", "first", "last", "full", "roles"};
  const auto principal = f.map(
      R"({"login":"alice","mail":"a@x.io","first":"Al","last":"Ice","full":"Al Ice","roles":["b","a","b"],
    "email_verified":true,"groups":["no"],"name":"no"})");
  ASSERT_TRUE(principal) << principal.error().message();
  EXPECT_EQ(principal->user, "alice");
  EXPECT_EQ(principal->subject, "00u1");
  EXPECT_EQ(principal->email, "a@x.io");
  EXPECT_EQ(principal->given_name, "Al");
  EXPECT_EQ(principal->family_name, "Ice");
  EXPECT_EQ(principal->display_name, "Al Ice");
  EXPECT_EQ(principal->email_verified, true);
  EXPECT_THAT(principal->groups, ElementsAre("a", "b"));
  EXPECT_THAT(principal->dropped, IsEmpty());
}

TEST(ClaimMapping, DisplayNameFallsBackToGivenAndFamilyNameThenUser) {
  Fixture f;
  EXPECT_EQ(f.map_more(R"("given_name":"Al","family_name":"Ice")")->display_name, "Al Ice");
  EXPECT_EQ(f.map_more(R"("family_name":"Ice")")->display_name, "Ice");
  EXPECT_EQ(f.map_more(R"("name":"bad\nname")")->display_name, "alice");
}

// A role binding for the one must not be the other's.
TEST(ClaimMapping, APersonCanNotHaveTheNameOfAProgram) {
  Fixture f;
  config::Workload job;
  job.username_prefix = "job:";
  f.values.workloads = {job};
  for (const auto& [prefix, name] :
       {std::pair{"", "job:system:serviceaccount:ci:builder"}, std::pair{"", "job:"},
        std::pair{"job:", "alice"}, std::pair{"jo", "b:alice"}}) {
    f.provider.username_prefix = prefix;
    const auto refused = f.map(R"({"preferred_username":")" + std::string(name) + "\"}");
    ASSERT_FALSE(refused) << name;
    EXPECT_TRUE(refused.error().is(Errc::bad_name));
    EXPECT_THAT(refused.error().message(), HasSubstr("those of programs"));
  }
  f.provider.username_prefix = "";
  for (const char* name : {"job", "jobs:alice", "Job:alice", "my-job:alice"})
    EXPECT_TRUE(f.map(R"({"preferred_username":")" + std::string(name) + "\"}")) << name;
}

TEST(ClaimMapping, UserNames) {
  struct Case {
    std::string claims, prefix, user, error;
  };
  const Case cases[] = {
      {R"({"preferred_username":"alice"})", "", "alice", ""},
      {R"({"preferred_username":"alice"})", "okta:", "okta:alice", ""},
      {R"({"preferred_username":"Alice Ice"})", "", "Alice Ice", ""},
      {R"({"preferred_username":"é@x.io"})", "", "é@x.io", ""},
      {R"({"preferred_username":"my-system:x"})", "", "my-system:x", ""},
      {R"({"preferred_username":"system"})", "", "system", ""},
      {R"({"sub":"alice"})", "", "", "\"preferred_username\" is missing"},
      {R"({"preferred_username":7})", "", "", "is no text"},
      {R"({"preferred_username":""})", "", "", "it is empty"},
      {R"({"preferred_username":""})", "okta:", "", "it is empty"},
      {R"({"preferred_username":"a\nb"})", "", "", "control"},
      {R"({"preferred_username":"a\u0000b"})", "", "", "control"},
      {R"({"preferred_username":"a\u007fb"})", "", "", "control"},
      {R"({"preferred_username":"a\u0085b"})", "", "", "control"},
      {R"({"preferred_username":"a\u2028b"})", "", "", "control"},
      {R"({"preferred_username":"a\u202eb"})", "", "", "invisible"},
      {R"({"preferred_username":"a\u200b"})", "", "", "invisible"},
      {R"({"preferred_username":" alice"})", "", "", "starts with white space"},
      {R"({"preferred_username":"\u00a0alice"})", "x:", "", "starts with white space"},
      {R"({"preferred_username":"alice "})", "", "", "ends with white space"},
      {R"({"preferred_username":"system:admin"})", "", "", "system:"},
      {R"({"preferred_username":"SYSTEM:admin"})", "", "", "system:"},
      {R"({"preferred_username":"ｓystem:admin"})", "", "", "system:"},
      {R"({"preferred_username":"system："})", "", "", "system:"},
      {R"({"preferred_username":"admin"})", "system:", "", "system:"},
      {R"({"preferred_username":"tem:admin"})", "sys", "", "system:"},
      {R"({"preferred_username":"system:admin"})", "okta:", "okta:system:admin", ""},
  };
  for (const Case& c : cases) {
    Fixture f;
    f.provider.username_prefix = c.prefix;
    const auto principal = f.map(c.claims);
    if (c.error.empty()) {
      ASSERT_TRUE(principal) << c.claims << principal.error().message();
      EXPECT_EQ(principal->user, c.user);
    } else {
      ASSERT_FALSE(principal) << c.claims;
      EXPECT_TRUE(principal.error().is(Errc::bad_name)) << c.claims;
      EXPECT_THAT(principal.error().message(), HasSubstr(c.error)) << c.claims;
    }
  }
}

TEST(ClaimMapping, AllowedSystemNamesAreExact) {
  Fixture f;
  f.values.authentication.allowed_system_names = {"system:admin"};
  EXPECT_TRUE(f.map(R"({"preferred_username":"system:admin"})"));
  EXPECT_FALSE(f.map(R"({"preferred_username":"System:admin"})"));
  EXPECT_FALSE(f.map(R"({"preferred_username":"system:admins"})"));
}

TEST(ClaimMapping, LengthIsCountedInCharacters) {
  Fixture f;
  std::string name;
  for (int i = 0; i < 256; ++i) name += "é";
  EXPECT_TRUE(f.map(R"({"preferred_username":")" + name + "\"}"));
  const auto longer = f.map(R"({"preferred_username":")" + name + "x\"}");
  ASSERT_FALSE(longer);
  EXPECT_THAT(longer.error().message(), HasSubstr("longer than 256"));
  f.provider.username_prefix = "x";  // the prefix counts
  EXPECT_FALSE(f.map(R"({"preferred_username":")" + name + "\"}"));
}

TEST(ClaimMapping, SubjectIsBounded) {
  Fixture f;
  for (const std::string& subject :
       {std::string(), std::string(256, 'x'), std::string("a\x01"), std::string("\xff")}) {
    Identity identity = identity_with(R"({"preferred_username":"alice"})");
    identity.subject = subject;
    const auto principal = map_identity(identity, f.provider, f.values);
    ASSERT_FALSE(principal);
    EXPECT_TRUE(principal.error().is(Errc::bad_name));
  }
  Identity identity = identity_with(R"({"preferred_username":"alice"})");
  identity.subject = std::string(255, 'x');
  EXPECT_TRUE(map_identity(identity, f.provider, f.values));
}

TEST(ClaimMapping, Groups) {
  struct Case {
    std::string groups;
    std::vector<std::string> passed;
    std::vector<std::string> dropped;  // "name|part of the reason"
  };
  const Case cases[] = {
      {"null", {}, {}},
      {"\"\"", {}, {}},
      {"[]", {}, {}},
      {"\"ops\"", {"ops"}, {}},
      {"\"a,b\"", {"a,b"}, {}},
      {R"(["b","a","b"])", {"a", "b"}, {}},
      {R"(["/a/b","cn=x,ou=y"])", {"/a/b", "cn=x,ou=y"}, {}},
      {R"(["a",7,null,true,["x"]])",
       {"a"},
       {"7|no text", "null|no text", "true|no text", "[\"x\"]|no text"}},
      {R"([{"name":"ops"}])", {}, {R"({"name":"ops"}|no text)"}},
      {R"({"ops":true})", {}, {"groups|neither"}},
      {"7", {}, {"groups|neither"}},
      {R"(["a",""])", {"a"}, {"|empty"}},
      {R"(["a\nb"])", {}, {"a?b|control"}},
      {R"(["system:masters","ops"])", {"ops"}, {"system:masters|system: names"}},
      {R"(["System:Masters"])", {}, {"System:Masters|system: names"}},
      {R"([" system:masters"])", {}, {" system:masters|white space"}},
      {R"(["\u200bsystem:masters"])", {}, {"?system:masters|invisible"}},
      {"\"system:masters\"", {}, {"system:masters|system: names"}},
  };
  for (const Case& c : cases) {
    const auto principal = Fixture().map_more("\"groups\":" + c.groups);
    ASSERT_TRUE(principal) << c.groups << principal.error().message();
    EXPECT_EQ(principal->groups, c.passed) << c.groups;
    ASSERT_EQ(principal->dropped.size(), c.dropped.size()) << c.groups;
    for (std::size_t i = 0; i < c.dropped.size(); ++i) {
      const std::size_t bar = c.dropped[i].rfind('|');
      EXPECT_EQ(principal->dropped[i].name, c.dropped[i].substr(0, bar)) << c.groups;
      EXPECT_THAT(principal->dropped[i].reason, HasSubstr(c.dropped[i].substr(bar + 1)))
          << c.groups;
    }
  }
}

TEST(ClaimMapping, SystemIsTestedAfterThePrefix) {
  Fixture f;
  f.provider.groups_prefix = "okta:";
  EXPECT_THAT(f.map_more(R"("groups":["system:masters"])")->groups,
              ElementsAre("okta:system:masters"));
  f.provider.groups_prefix = "system:";
  const auto principal = f.map_more(R"("groups":["masters"])");
  EXPECT_THAT(principal->groups, IsEmpty());
  ASSERT_EQ(principal->dropped.size(), 1u);
  EXPECT_EQ(principal->dropped[0].name, "system:masters");
}

TEST(ClaimMapping, LongGroupIsDroppedAndShownShort) {
  const auto principal = Fixture().map_more("\"groups\":[\"" + std::string(300, 'g') + "\"]");
  ASSERT_TRUE(principal);
  EXPECT_THAT(principal->groups, IsEmpty());
  ASSERT_EQ(principal->dropped.size(), 1u);
  EXPECT_LT(principal->dropped[0].name.size(), 270u);
}

TEST(ClaimMapping, FilterChoosesWhatIsPassedOn) {
  Fixture f;
  f.values.groups_filter = {{"k8s-*", "ops"}, {"*-secret"}};
  const auto principal = f.map_more(R"("groups":["k8s-dev","k8s-secret","ops","sales"])");
  ASSERT_TRUE(principal);
  EXPECT_THAT(principal->groups, ElementsAre("k8s-dev", "ops"));
  EXPECT_THAT(principal->dropped, ElementsAre(DroppedGroup{"k8s-secret", "the filter in values"},
                                              DroppedGroup{"sales", "the filter in values"}));
}

TEST(ClaimMapping, FilterSeesThePrefix) {
  Fixture f;
  f.provider.groups_prefix = "okta:";
  f.values.groups_filter.include = {"okta:a*"};
  EXPECT_THAT(f.map_more(R"("groups":["a1","b1"])")->groups, ElementsAre("okta:a1"));
}

TEST(ClaimMapping, AzGroupsSayWhoMaySignIn) {
  Fixture f;
  f.provider.groups_prefix = "okta:";
  f.values.az_groups = {"okta:k8s-users", "okta:admins"};
  EXPECT_TRUE(f.map_more(R"("groups":["k8s-users"])"));
  for (const char* groups : {R"("groups":["other"])", R"("groups":[])", R"("x":1)",
                             R"("groups":["K8s-Users"])", R"("groups":["okta:k8s-users"])"}) {
    const auto refused = f.map_more(groups);
    ASSERT_FALSE(refused) << groups;
    EXPECT_TRUE(refused.error().is(Errc::not_allowed));
    EXPECT_THAT(refused.error().message(), HasSubstr("okta:k8s-users, okta:admins"));
  }
}

TEST(ClaimMapping, AzGroupsAreAskedBeforeTheFilter) {
  Fixture f;
  f.values.az_groups = {"may-sign-in"};
  f.values.groups_filter.exclude = {"may-*"};
  const auto principal = f.map_more(R"("groups":["may-sign-in","ops"])");
  ASSERT_TRUE(principal);
  EXPECT_THAT(principal->groups, ElementsAre("ops"));
}

TEST(ClaimMapping, DroppedSystemGroupNeverLetsIn) {
  Fixture f;
  f.values.az_groups = {"system:masters"};
  EXPECT_FALSE(f.map_more(R"("groups":["system:masters"])"));
}

TEST(ClaimMapping, Domain) {
  struct Case {
    config::ProviderProfile profile;
    std::string claims;
    bool allowed;
  };
  using enum config::ProviderProfile;
  const Case cases[] = {
      {generic, R"("email":"a@example.com","email_verified":true)", true},
      {generic, R"("email":"a@EXAMPLE.com","email_verified":true)", true},
      {generic, R"("email":"a@example.com","email_verified":"true")", true},
      {generic, R"("email":"a@example.com","email_verified":false)", false},
      {generic, R"("email":"a@example.com")", false},
      {generic, R"("email":"a@example.com","email_verified":1)", false},
      {generic, R"("email":"a@sub.example.com","email_verified":true)", false},
      {generic, R"("email":"a@evilexample.com","email_verified":true)", false},
      {generic, R"("email":"a@example.com@evil.com","email_verified":true)", false},
      {generic, R"("email":"a@evil.com@example.com","email_verified":true)", false},
      {generic, R"("email":"@example.com","email_verified":true)", false},
      {generic, R"("email":"example.com","email_verified":true)", false},
      {generic, R"("email_verified":true)", false},
      {generic, R"("hd":"example.com")", true},
      {generic, R"("hd":"evil.com","email":"a@example.com","email_verified":true)", false},
      {google, R"("hd":"example.com","email":"a@example.com")", true},
      {google, R"("hd":["example.com"])", false},
      // A Google account of a person's own, opened with a company's address.
      {google, R"("email":"a@example.com","email_verified":true)", false},
  };
  for (const Case& c : cases) {
    Fixture f;
    f.provider.profile = c.profile;
    f.provider.domain = "Example.com";
    const auto principal = f.map_more(c.claims);
    EXPECT_EQ(principal.has_value(), c.allowed) << c.claims;
    if (!principal) {
      EXPECT_TRUE(principal.error().is(Errc::not_allowed));
      EXPECT_THAT(principal.error().message(), HasSubstr("example.com"));
    }
  }
}

TEST(ClaimMapping, Tenants) {
  Fixture f;
  f.provider.tenants = {"11111111-aaaa", "2222"};
  EXPECT_TRUE(f.map_more(R"("tid":"11111111-AAAA")"));
  for (const char* claims : {R"("tid":"3333")", R"("tid":7)", R"("x":1)", R"("tid":"")"}) {
    const auto refused = f.map_more(claims);
    ASSERT_FALSE(refused) << claims;
    EXPECT_TRUE(refused.error().is(Errc::not_allowed));
  }
}

TEST(ClaimMapping, Bounds) {
  const auto many = [](int count) {
    std::string groups = "\"groups\":[\"g\"";
    for (int i = 1; i < count; ++i) groups += ",\"g" + std::to_string(i) + "\"";
    return groups + "]";
  };
  EXPECT_EQ(Fixture().map_more(many(2000))->groups.size(), 2000u);
  const auto groups = Fixture().map_more(many(2001));
  ASSERT_FALSE(groups);
  EXPECT_TRUE(groups.error().is(Errc::too_big));
  EXPECT_THAT(groups.error().message(), HasSubstr("2001 groups"));

  const auto bytes = Fixture().map_more("\"x\":\"" + std::string(256 * 1024, 'x') + "\"");
  ASSERT_FALSE(bytes);
  EXPECT_TRUE(bytes.error().is(Errc::too_big));
}

TEST(ClaimMapping, DeepClaimsAreRefusedSinceTheyCouldNotBeReadBack) {
  const auto nested = [](int depth) {
    return "\"x\":" + std::string(static_cast<std::size_t>(depth), '[') +
           std::string(static_cast<std::size_t>(depth), ']');
  };
  const auto deepest = Fixture().map_more(nested(24));
  ASSERT_TRUE(deepest);
  const auto back = Principal::from_text(deepest->to_text());
  ASSERT_TRUE(back);
  EXPECT_TRUE(Json::parse(back->claims));
  const auto deeper = Fixture().map_more(nested(28));
  ASSERT_FALSE(deeper);
  EXPECT_TRUE(deeper.error().is(Errc::too_big));
}

TEST(ClaimMapping, ManyClaimsAreRefusedSinceTheyCouldNotBeReadBack) {
  Identity identity = identity_with(R"({"preferred_username":"alice"})");
  const auto with = [&](std::size_t count) {
    while (identity.claims.object()->size() < count)
      identity.claims.set("claim-" + std::to_string(identity.claims.object()->size()), 1);
    Fixture f;
    return map_identity(identity, f.provider, f.values);
  };
  const auto most = with(1'000);
  ASSERT_TRUE(most);
  const auto back = Principal::from_text(most->to_text());
  ASSERT_TRUE(back);
  EXPECT_TRUE(Json::parse(back->claims));
  const auto more = with(1'001);
  ASSERT_FALSE(more);
  EXPECT_TRUE(more.error().is(Errc::too_big));
}

TEST(ClaimMapping, IsAFunctionOfTheIdentity) {
  Identity identity = identity_with(R"({"preferred_username":"alice"})");
  identity.amr = {"pwd", "otp"};
  identity.acr = "2";
  identity.authenticated_at = WallTime(Seconds(5));
  Fixture f;
  const auto principal = map_identity(identity, f.provider, f.values);
  ASSERT_TRUE(principal);
  EXPECT_EQ(principal->amr, identity.amr);
  EXPECT_EQ(principal->acr, "2");
  EXPECT_EQ(principal->authenticated_at, identity.authenticated_at);
  EXPECT_EQ(principal->claims, identity.claims.dump());
  EXPECT_EQ(principal->provider, "oidc");
}

// --- Principal and Grant ---

TEST(PrincipalText, ReadsBackWhatItWrote) {
  Fixture f;
  f.values.groups_filter.exclude = {"x"};
  auto principal = f.map_more(
      R"("groups":["a","x","système"],"email":"a@x","email_verified":false,"n":{"deep":[1,2.5,null]})");
  ASSERT_TRUE(principal);
  principal->amr = {"pwd"};
  principal->acr = "1";
  principal->authenticated_at = WallTime(Millis(1'700'000'000'123));
  const auto back = Principal::from_text(principal->to_text());
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(back->to_text(), principal->to_text());
  EXPECT_EQ(back->groups, principal->groups);
  EXPECT_EQ(back->dropped, principal->dropped);
  EXPECT_EQ(back->email_verified, false);
  EXPECT_EQ(back->claims, principal->claims);
  EXPECT_EQ(back->authenticated_at, principal->authenticated_at);
}

TEST(PrincipalText, RefusesWhatItDidNotWrite) {
  for (const char* bad :
       {"", "[]", "{}", R"({"user":"a"})", R"({"subject":"s"})", R"({"user":1,"subject":"s"})",
        R"({"user":"a","subject":"s","groups":"g"})", R"({"user":"a","subject":"s","groups":[1]})",
        R"({"user":"a","subject":"s","dropped":[{"name":"x"}]})",
        R"({"user":"a","subject":"s","email_verified":"yes"})",
        R"({"user":"a","subject":"s","authenticated_at":"now"})"}) {
    EXPECT_FALSE(Principal::from_text(bad)) << bad;
  }
  const auto shortest = Principal::from_text(R"({"user":"a","subject":"s"})");
  ASSERT_TRUE(shortest);
  EXPECT_EQ(shortest->claims, "");
}

TEST(Principal, InAny) {
  Principal principal;
  principal.groups = {"a", "b", "c"};
  EXPECT_TRUE(principal.in_any({}));
  EXPECT_TRUE(principal.in_any({"x", "b"}));
  EXPECT_FALSE(principal.in_any({"x"}));
  principal.groups.clear();
  EXPECT_TRUE(principal.in_any({}));
  EXPECT_FALSE(principal.in_any({"a"}));
}

TEST(GrantJson, ReadsBackWhatItWrote) {
  Grant grant;
  grant.refresh_token = Secret("r");
  grant.access_token = Secret("a");
  grant.id_token = Secret("i");
  grant.access_expires_at = WallTime(Millis(12'345));
  const auto back = Grant::from_json(grant.to_json());
  ASSERT_TRUE(back);
  EXPECT_EQ(back->refresh_token.reveal(), "r");
  EXPECT_EQ(back->access_token.reveal(), "a");
  EXPECT_EQ(back->id_token.reveal(), "i");
  EXPECT_EQ(back->access_expires_at, grant.access_expires_at);

  const auto empty = Grant::from_json(Grant().to_json());
  ASSERT_TRUE(empty);
  EXPECT_TRUE(empty->refresh_token.empty());
  EXPECT_EQ(empty->access_expires_at, WallTime{});
  EXPECT_FALSE(Grant::from_json(Json("x")));
  EXPECT_FALSE(Grant::from_json(*Json::parse(R"({"refresh_token":7})")));
}

// --- Names ---

TEST(Names, LooksLikeSystem) {
  for (const char* name :
       {"system:", "system:masters", "SyStEm:x", " system:x", "\u00a0\u3000system:x",
        "\u200bsystem:x", "sys\u00adtem:x", "\tsystem:x", "\uff53\uff59stem\uff1ax"}) {
    EXPECT_TRUE(looks_like_system(name)) << name;
  }
  for (const char* name : {"", "system", "systems:x", "sys tem:x", "my-system:x", "x system:",
                           "\xff"
                           "system:"}) {
    EXPECT_FALSE(looks_like_system(name)) << name;
  }
}

TEST(Names, Globs) {
  struct Case {
    const char *pattern, *name;
    bool matches;
  };
  const Case cases[] = {{"", "", true},        {"", "a", false},           {"*", "", true},
                        {"*", "abc", true},    {"a*", "abc", true},        {"a*", "bac", false},
                        {"*c", "abc", true},   {"*c", "abcd", false},      {"a*c", "abbc", true},
                        {"a*c", "ac", true},   {"a*b*c", "axbxbxc", true}, {"a*b*c", "acb", false},
                        {"a**c", "abc", true}, {"abc", "abc", true},       {"abc", "ABC", false},
                        {"a.c", "abc", false}, {"*ab*ab", "abab", true},   {"*ab", "aab", true}};
  for (const Case& c : cases)
    EXPECT_EQ(glob_match(c.pattern, c.name), c.matches) << c.pattern << " " << c.name;
}

TEST(Names, GlobsStayLinearEnough) {
  const std::string name(20'000, 'a');
  EXPECT_FALSE(glob_match("*a*a*a*a*a*a*a*a*a*b", name));
}

TEST(Names, PrintableBoundsAndCleans) {
  EXPECT_EQ(printable("plain é", 100), "plain é");
  EXPECT_EQ(printable("a\x1b[31m\n", 100), "a?[31m?");
  EXPECT_EQ(printable("\xff\xfe", 100), "??");
  EXPECT_EQ(printable("é\xc3", 100), "é?");
  EXPECT_EQ(printable("\xe2\x80\xae", 100), "?");
  EXPECT_EQ(printable("abcdef", 3), "abc...");
  EXPECT_EQ(printable("aé", 2), "a...");
}

}  // namespace
}  // namespace openunison::identity
