// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "session/access_token.h"
#include "session/error.h"
#include "session/id_token.h"
#include "session/refresh_token.h"
#include "session/sign_in.h"
#include "text/json.h"

namespace openunison::session {
namespace {

const WallTime kNow = from_unix_seconds(1'700'000'000);
const Secret kFirst("a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="),
    kSecond("b3Rob3Rob3Rob3Rob3Rob3Rob3Rob3Rob3Rob3Rob28=");

TEST(RefreshTokens, ComeBackForTheirClientOnly) {
  crypto::SeededRandom random(7);
  const RefreshTokens tokens(*crypto::MasterKey::create(kFirst));
  const auto family = random.id<store::SessionTag>();
  const Secret token = tokens.make(family, 0x01020304, {"https://i", "kubernetes"});
  const auto parsed = tokens.parse(token.reveal(), {"https://i", "kubernetes"});
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->family, family);
  EXPECT_EQ(parsed->generation, 0x01020304u);
  EXPECT_FALSE(tokens.parse(token.reveal(), {"https://i", "kubernetes-second"}));
  EXPECT_FALSE(tokens.parse(token.reveal(), {"https://i", ""}));
  EXPECT_FALSE(tokens.parse(token.reveal(), {"https://j", "kubernetes"}))
      << "the same client id at another issuer";
  EXPECT_EQ(tokens.make(family, 0x01020304, {"https://i", "kubernetes"}).reveal(), token.reveal())
      << "a repeat gets the very same token";
}

TEST(RefreshTokens, EveryChangedCharacterIsFound) {
  crypto::SeededRandom random(7);
  const RefreshTokens tokens(*crypto::MasterKey::create(kFirst));
  const std::string good(
      tokens.make(random.id<store::SessionTag>(), 1, {"https://i", "c"}).reveal());
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = bad[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(tokens.parse(bad, {"https://i", "c"})) << i;
  }
  for (const std::string& bad : {std::string(), std::string("our_"), good + "A",
                                 good.substr(0, good.size() - 1), "oua_" + good.substr(4)})
    EXPECT_FALSE(tokens.parse(bad, {"https://i", "c"}));
}

TEST(RefreshTokens, SurviveANewMasterKeyWhileThePreviousIsThere) {
  crypto::SeededRandom random(7);
  const auto family = random.id<store::SessionTag>();
  const Secret old =
      RefreshTokens(*crypto::MasterKey::create(kFirst)).make(family, 1, {"https://i", "c"});
  EXPECT_TRUE(RefreshTokens(*crypto::MasterKey::create(kSecond, &kFirst))
                  .parse(old.reveal(), {"https://i", "c"}));
  EXPECT_FALSE(
      RefreshTokens(*crypto::MasterKey::create(kSecond)).parse(old.reveal(), {"https://i", "c"}));
}

TEST(AccessTokens, AreOpaqueBoundAndShortLived) {
  crypto::SeededRandom random(7);
  const AccessTokens tokens(*crypto::MasterKey::create(kFirst));
  const AccessToken token{random.id<store::SessionTag>(), "app", "openid email", "https://i",
                          kNow + Seconds(60)};
  const std::string sealed = tokens.seal(token, random);
  EXPECT_EQ(sealed.find('.'), std::string::npos) << "never a JWT";
  const auto opened = tokens.open(sealed, kNow);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->session, token.session);
  EXPECT_EQ(opened->scope, "openid email");
  EXPECT_EQ(opened->issuer, "https://i");
  EXPECT_FALSE(tokens.open(sealed, kNow + Seconds(60)));
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string bad = sealed;
    bad[i] = bad[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(tokens.open(bad, kNow)) << i;
  }
  const RefreshTokens refresh(*crypto::MasterKey::create(kFirst));
  EXPECT_FALSE(tokens.open(refresh.make(token.session, 1, {"https://i", "app"}).reveal(), kNow));
  EXPECT_FALSE(refresh.parse(sealed, {"https://i", "app"}));
}

class IdTokens : public testing::Test {
 protected:
  IdTokens() {
    principal_.user = "alice";
    principal_.display_name = "Alice";
    principal_.email = "a@example.com";
    principal_.email_verified = true;
    principal_.groups = {"admins", "dev"};
    principal_.amr = {"pwd"};
    live_.sign_in.authenticated_at = kNow - Seconds(100);
    request_ = {"https://i", "kubernetes", "", "openid profile email groups", "", Seconds(60)};
  }
  text::Json claims() const {
    return *text::Json::parse(
        id_token_claims(request_, principal_, live_, "the-jti", kNow, crypto::Algorithm::rs256));
  }
  identity::Principal principal_;
  store::Live live_;
  IdTokenRequest request_;
};

TEST_F(IdTokens, HoldWhatKubernetesAndClientsNeed) {
  const text::Json all = claims();
  EXPECT_EQ(*all.find("exp")->integer() - *all.find("iat")->integer(), 60);
  EXPECT_EQ(*all.find("iat")->integer() - *all.find("nbf")->integer(), 120);
  EXPECT_EQ(*all.find("auth_time")->integer(), unix_seconds(kNow) - 100);
  EXPECT_EQ(*all.find_string("sub"), "alice");
  EXPECT_EQ(*all.find_string("token_use"), "id");
  EXPECT_EQ(*all.find_string("jti"), "the-jti");
  EXPECT_EQ(all.find("groups")->dump(), R"(["admins","dev"])");
  EXPECT_EQ(all.find("nonce"), nullptr);
  EXPECT_EQ(all.find("at_hash"), nullptr);
}

TEST_F(IdTokens, ScopesChooseTheClaims) {
  request_.scope = "openid";
  for (const char* name : {"name", "preferred_username", "email", "email_verified", "groups"})
    EXPECT_EQ(claims().find(name), nullptr) << name;
  request_.scope = "openid email";
  EXPECT_NE(claims().find("email"), nullptr);
  EXPECT_EQ(claims().find("groups"), nullptr);
}

TEST_F(IdTokens, HostileNamesCannotAddClaims) {
  principal_.display_name = R"(x","sub":"admin)";
  principal_.groups = {"a\",\"system:masters"};
  const text::Json all = claims();
  EXPECT_EQ(*all.find_string("sub"), "alice");
  EXPECT_EQ(all.find("groups")->array()->size(), 1u);
}

TEST_F(IdTokens, OfTheSameRequestTheClaimsAreTheSame) {
  EXPECT_EQ(id_token_claims(request_, principal_, live_, "the-jti", kNow, crypto::Algorithm::rs256),
            R"({"iss":"https://i","sub":"alice","aud":"kubernetes","exp":)" +
                std::to_string(unix_seconds(kNow) + 60) + R"(,"iat":)" +
                std::to_string(unix_seconds(kNow)) + R"(,"nbf":)" +
                std::to_string(unix_seconds(kNow) - 120) +
                R"(,"jti":"the-jti","token_use":"id","auth_time":)" +
                std::to_string(unix_seconds(kNow) - 100) + R"(,"sid":")" + live_.session.id.text() +
                R"(","amr":["pwd"],"name":"Alice","preferred_username":"alice",)"
                R"("email":"a@example.com","email_verified":true,"groups":["admins","dev"]})");
}

TEST_F(IdTokens, OverEightKibibytesAreRefusedWithCountAndSizeNeverCut) {
  principal_.groups.clear();
  for (int i = 0; i < 400; ++i)
    principal_.groups.push_back("a-group-with-a-long-name-" + std::to_string(i));
  const auto refused = check_id_token_size(request_, principal_, live_, kNow);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(Errc::token_too_large));
  EXPECT_NE(refused.error().message().find("400 groups"), std::string::npos);
  principal_.groups.resize(50);
  EXPECT_TRUE(check_id_token_size(request_, principal_, live_, kNow));
}

TEST(SafeReturnTo, Table) {
  for (const char* good : {"/", "/k8s/demo", "/auth/idp/k8sIdp/auth?client_id=x&state=%2F%2F"})
    EXPECT_EQ(safe_return_to(good), good);
  for (const std::string& bad :
       {std::string(), std::string("//evil"), std::string("/\\evil"), std::string("https://evil/"),
        std::string("javascript:x"), std::string("k8s"), std::string("/a\r\nSet-Cookie: x"),
        std::string("/\xff"), "/" + std::string(1200, 'a')}) {
    EXPECT_EQ(safe_return_to(bad), "/") << bad;
  }
}

}  // namespace
}  // namespace openunison::session
