// SPDX-License-Identifier: Apache-2.0
#include "jose/eviction_token.h"

#include <gtest/gtest.h>

#include "jose/jwt.h"
#include "jose/key_ring.h"

namespace openunison::jose {
namespace {

constexpr WallTime kNow{Seconds(1'700'000'000)};

TEST(EvictionToken, IsAJwtOfAKeyThatNobodyHasAndNamesNobody) {
  crypto::SystemRandom random;
  for (const auto algorithm : {crypto::Algorithm::rs256, crypto::Algorithm::es256}) {
    const auto key = *crypto::PrivateKey::generate(algorithm, 2048);
    const JwkSet published({{key.public_key(), "known", algorithm}});
    const EvictionToken made = make_eviction_token("https://portal.example.com/auth/idp/k8sIdp",
                                                   "kubernetes", algorithm, random, kNow);
    const auto token = UnverifiedJwt::parse(made.token);
    ASSERT_TRUE(token) << token.error().message();
    EXPECT_EQ(token->algorithm(), algorithm) << "an API server looks at it before it fetches keys";
    EXPECT_EQ(token->claimed_issuer(), "https://portal.example.com/auth/idp/k8sIdp");
    EXPECT_EQ(token->kid(), made.kid);
    Expectations expected;
    expected.issuer = token->claimed_issuer();
    expected.audience = "kubernetes";
    const auto verified = Verifier::verify(*token, published, expected, kNow);
    ASSERT_FALSE(verified);
    EXPECT_TRUE(verified.error().is(Errc::unknown_key)) << verified.error().message();

    // Nor is it one where a key of that id should turn up: the signature is nobody's.
    const JwkSet renamed({{key.public_key(), made.kid, algorithm}});
    EXPECT_FALSE(Verifier::verify(*token, renamed, expected, kNow));
  }
}

TEST(EvictionToken, EachHasAKeyIdOfItsOwn) {
  crypto::SystemRandom random;
  const auto make = [&] {
    return make_eviction_token("https://i", "a", crypto::Algorithm::rs256, random, kNow).kid;
  };
  EXPECT_NE(make(), make()) << "a second one must make the API server fetch again";
}

}  // namespace
}  // namespace openunison::jose
