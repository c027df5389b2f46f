// SPDX-License-Identifier: Apache-2.0
//
// The pure parts of reading a provider's answers, as tables.
#include "identity/oidc_answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_provider.h"

namespace openunison::identity {
namespace {

using ::testing::HasSubstr;

config::IdentityProvider settings(bool user_in_id_token) {
  config::IdentityProvider result;
  result.claims.sub = "login";
  result.user_in_id_token = user_in_id_token;
  return result;
}

TEST(MergeClaims, WhoSaysWhat) {
  struct Case {
    const char* name;
    bool user_in_id_token;
    const char *id_token, *userinfo, *merged;
  };
  const Case cases[] = {
      {"userinfo fills gaps", true, R"({"sub":"u","login":"a"})",
       R"({"sub":"u","login":"b","groups":["g"]})", R"({"sub":"u","login":"a","groups":["g"]})"},
      {"attributes only from userinfo", false,
       R"({"sub":"u","login":"a","groups":["g"],"acr":"1"})", R"({"sub":"u","login":"b"})",
       R"({"sub":"u","acr":"1","login":"b"})"},
      {"what the token is about stays the token's", false, R"({"sub":"u","iss":"i"})",
       R"({"sub":"u","iss":"x","aud":"x","exp":9,"auth_time":9,"acr":"x","amr":["x"],"sid":"x","tid":"x","oid":"x","hd":"x"})",
       R"({"sub":"u","iss":"i"})"},
      {"userinfo alone", true, "null", R"({"sub":"u","hd":"x"})", R"({"sub":"u","hd":"x"})"},
      {"ID token alone", true, R"({"sub":"u","email":"a","email_verified":true})", "null",
       R"({"sub":"u","email":"a","email_verified":true})"},
      {"ID token alone, but only userinfo counts", false,
       R"({"sub":"u","email":"a","email_verified":true})", "null", R"({"sub":"u"})"},
      {"verified is about the address that was told", true, R"({"sub":"u","email":"a"})",
       R"({"sub":"u","email":"b","email_verified":true})", R"({"sub":"u","email":"a"})"},
      {"the same address may be verified by either", true, R"({"sub":"u","email":"a"})",
       R"({"sub":"u","email":"a","email_verified":true})",
       R"({"sub":"u","email":"a","email_verified":true})"},
      {"the ID token's word on its own address", true,
       R"({"sub":"u","email":"a","email_verified":false})",
       R"({"sub":"u","email":"a","email_verified":true})",
       R"({"sub":"u","email":"a","email_verified":false})"},
      {"verified without an address is nothing", true, R"({"sub":"u","email_verified":true})",
       R"({"sub":"u","email":"b"})", R"({"sub":"u","email":"b"})"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(merge_claims(json(c.id_token), json(c.userinfo), settings(c.user_in_id_token)).dump(),
              json(c.merged).dump())
        << c.name;
  }
}

TEST(MergeClaims, UserNameMayBeAClaimOfTheTokenItself) {
  config::IdentityProvider by_oid = settings(false);
  by_oid.claims.sub = "oid";
  EXPECT_EQ(*merge_claims(json(R"({"sub":"u"})"), json(R"({"sub":"u","oid":"o"})"), by_oid)
                 .find_string("oid"),
            "o");
  config::IdentityProvider by_sub = settings(false);
  by_sub.claims.sub = "sub";
  EXPECT_EQ(
      *merge_claims(json(R"({"sub":"u"})"), json(R"({"sub":"u"})"), by_sub).find_string("sub"),
      "u");
}

TEST(NeedsUserinfo, WhereSomethingIsMissing) {
  const char* whole = R"({"login":"a","email":"e","name":"n","groups":[]})";
  EXPECT_FALSE(needs_userinfo(json(whole), settings(true)));
  EXPECT_TRUE(needs_userinfo(json(whole), settings(false)));
  for (const char* part :
       {R"({"email":"e","name":"n","groups":[]})", R"({"login":"a","name":"n","groups":[]})",
        R"({"login":"a","email":"e","groups":[]})", R"({"login":"a","email":"e","name":"n"})"}) {
    EXPECT_TRUE(needs_userinfo(json(part), settings(true))) << part;
  }
}

TEST(TokenAnswers, LifeOfTheAccessToken) {
  struct Case {
    const char* expires_in;
    std::optional<Seconds> life;
  };
  const Case cases[] = {{"3600", Seconds(3600)},
                        {R"("3600")", Seconds(3600)},
                        {"3599.9", Seconds(3599)},
                        {"0", std::nullopt},
                        {"-5", std::nullopt},
                        {R"("soon")", std::nullopt},
                        {R"("-5")", std::nullopt},
                        {"null", std::nullopt},
                        {"1e300", Seconds(30 * 86'400)},
                        {R"("99999999999")", Seconds(30 * 86'400)}};
  for (const Case& c : cases) {
    const auto answer = parse_token_answer(
        reply(200, std::string(R"({"access_token":"a","expires_in":)") + c.expires_in + "}"));
    ASSERT_TRUE(answer) << c.expires_in;
    EXPECT_EQ(answer->expires_in, c.life) << c.expires_in;
  }
}

TEST(TokenAnswers, TokenTypeIsBearerInAnyCase) {
  EXPECT_TRUE(parse_token_answer(reply(200, R"({"access_token":"a","token_type":"bearer"})")));
  EXPECT_FALSE(parse_token_answer(reply(200, R"({"access_token":"a","token_type":"mac"})")));
  EXPECT_FALSE(
      parse_token_answer(reply(200, R"({"access_token":")" + std::string(70'000, 'x') + "\"}")));
}

TEST(Refusals, AreBoundedAndClean) {
  const Refusal told =
      parse_refusal(reply(400, R"({"error":"invalid_grant","error_description":"a\u001b[31m\n)" +
                                   std::string(9'000, 'x') + "\"}"));
  EXPECT_EQ(told.code, "invalid_grant");
  EXPECT_THAT(told.text, HasSubstr("it answered invalid_grant: a?[31m?xxx"));
  EXPECT_LT(told.text.size(), 400u);
  for (const char* body : {"", "<html>", "[]", R"({"error":7})", R"({"error":""})"}) {
    EXPECT_EQ(parse_refusal(reply(403, body)).code, "") << body;
    EXPECT_THAT(parse_refusal(reply(403, body)).text, HasSubstr("403")) << body;
  }
}

TEST(ReadIdentity, BoundsWhatGoesIntoTokens) {
  const WallTime now(Seconds(1'000));
  text::Json claims =
      json(R"({"sub":"u","amr":["pwd",7,"a\nb"],"acr":"x\ny","sid":7,"auth_time":2000})");
  auto identity = read_identity(claims, now);
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->amr, std::vector<std::string>{"pwd"});
  EXPECT_EQ(identity->acr, "");
  EXPECT_EQ(identity->upstream_sid, "");
  EXPECT_EQ(identity->authenticated_at, now) << "not in the future";
  text::Json::Array many(100, text::Json("m"));
  claims.set("amr", many);
  EXPECT_EQ(read_identity(claims, now)->amr.size(), 16u);
  EXPECT_FALSE(read_identity(json("{}"), now));
  EXPECT_FALSE(read_identity(json(R"({"sub":""})"), now));
}

}  // namespace
}  // namespace openunison::identity
