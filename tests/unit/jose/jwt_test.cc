// SPDX-License-Identifier: Apache-2.0
#include "jose/jwt.h"

#include <gtest/gtest.h>

#include "base/base64.h"
#include "crypto/hash.h"

namespace openunison::jose {
namespace {

const WallTime kNow = from_unix_seconds(1'700'000'000);

class Jwt : public testing::Test {
 protected:
  static const crypto::PrivateKey& key(crypto::Algorithm algorithm) {
    static const crypto::PrivateKey rsa = *crypto::PrivateKey::generate(crypto::Algorithm::rs256);
    static const crypto::PrivateKey ec = *crypto::PrivateKey::generate(crypto::Algorithm::es256);
    return algorithm == crypto::Algorithm::es256 ? ec : rsa;
  }
  static JwkSet keys() {
    return JwkSet({{key(crypto::Algorithm::rs256).public_key(), "rsa", std::nullopt},
                   {key(crypto::Algorithm::es256).public_key(), "ec", crypto::Algorithm::es256}});
  }
  static std::string claims(std::string extra = {}) {
    return R"({"iss":"https://i","aud":"me","exp":1700000060,"iat":1700000000,"sub":"u")" + extra +
           "}";
  }
  static std::string token(std::string header, std::string payload,
                           crypto::Algorithm algorithm = crypto::Algorithm::rs256) {
    const std::string input = base64url_encode(header) + "." + base64url_encode(payload);
    return input + "." + base64url_encode(key(algorithm).sign(algorithm, input));
  }
  static Expectations expected() {
    Expectations e;
    e.issuer = "https://i";
    e.audience = "me";
    return e;
  }
  static Result<VerifiedJwt> verify(const std::string& compact, Expectations e = expected(),
                                    WallTime now = kNow) {
    const auto parsed = UnverifiedJwt::parse(compact);
    if (!parsed) return std::unexpected(parsed.error());
    return Verifier::verify(*parsed, keys(), e, now);
  }
  static void expect_refused(const std::string& compact, Errc code, Expectations e = expected(),
                             WallTime now = kNow) {
    const auto result = verify(compact, e, now);
    ASSERT_FALSE(result) << compact;
    EXPECT_TRUE(result.error().is(code)) << result.error().code().message();
  }
};

TEST_F(Jwt, SignerAndVerifierAgree) {
  for (const auto algorithm :
       {crypto::Algorithm::rs256, crypto::Algorithm::ps384, crypto::Algorithm::es256}) {
    const auto kind = algorithm == crypto::Algorithm::es256 ? algorithm : crypto::Algorithm::rs256;
    const Signer signer(key(kind), algorithm, kind == crypto::Algorithm::es256 ? "ec" : "rsa");
    const auto verified = verify(signer.sign(claims()));
    ASSERT_TRUE(verified) << verified.error().message();
    EXPECT_EQ(*verified->string_claim("sub"), "u");
    EXPECT_EQ(verified->audience(), std::vector<std::string>{"me"});
  }
}

// RFC 7515 appendix A.2, with its key and signature.
TEST_F(Jwt, VectorOfRfc7515A2) {
  const auto set = JwkSet::parse(
      R"({"keys":[{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}]})");
  ASSERT_TRUE(set);
  const auto parsed = UnverifiedJwt::parse(
      "eyJhbGciOiJSUzI1NiJ9."
      "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl"
      "fQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"
      "O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_"
      "nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-"
      "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5"
      "AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw");
  ASSERT_TRUE(parsed);
  Expectations e;
  e.issuer = "joe";
  EXPECT_TRUE(Verifier::verify(*parsed, *set, e, from_unix_seconds(1'300'819'379)));
  const auto late = Verifier::verify(*parsed, *set, e, from_unix_seconds(1'300'819'380));
  ASSERT_FALSE(late);
  EXPECT_TRUE(late.error().is(Errc::expired));
}

// RFC 7638 §3.1.
TEST_F(Jwt, ThumbprintOfRfc7638) {
  const auto json = text::Json::parse(
      R"({"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"})");
  const auto jwk = parse_jwk(*json);
  ASSERT_TRUE(jwk);
  EXPECT_EQ(thumbprint(jwk->key), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

TEST_F(Jwt, Item1_NoneInAnySpelling) {
  for (const char* name : {"none", "None", "nOnE", "NONE", ""}) {
    const std::string unsigned_token = base64url_encode(std::string(R"({"alg":")") + name + "\"}") +
                                       "." + base64url_encode(claims()) + ".";
    expect_refused(unsigned_token, Errc::bad_algorithm);
    expect_refused(unsigned_token + base64url_encode("x"), Errc::bad_algorithm);
  }
}

TEST_F(Jwt, Item2_Hs256WithThePublicKeyAsSecret) {
  const std::string input =
      base64url_encode(R"({"alg":"HS256","kid":"rsa"})") + "." + base64url_encode(claims());
  const std::string n = key(crypto::Algorithm::rs256).public_key().numbers().n;
  expect_refused(input + "." + base64url_encode(crypto::view(crypto::hmac_sha256(n, input))),
                 Errc::bad_algorithm);
}

TEST_F(Jwt, Item3_HostileKeyIds) {
  for (const std::string& kid :
       {std::string("../../dev/null"), std::string("' OR 1=1 --"), std::string("unknown")}) {
    expect_refused(token(R"({"alg":"RS256","kid":")" + kid + "\"}", claims()), Errc::unknown_key);
  }
  expect_refused(token(R"({"alg":"RS256","kid":")" + std::string(10'000, 'k') + "\"}", claims()),
                 Errc::malformed);
  expect_refused(token(R"({"alg":"RS256","kid":7})", claims()), Errc::malformed);
}

TEST_F(Jwt, Item4_KeysInTheHeaderAreIgnoredAndCritRefused) {
  const auto attacker = *crypto::PrivateKey::generate(crypto::Algorithm::es256);
  const std::string jwk = to_json({attacker.public_key(), "ec", std::nullopt}).dump();
  for (const std::string& extra :
       {std::string(R"(,"jwk":)") + jwk, std::string(R"(,"jku":"https://evil/keys")"),
        std::string(R"(,"x5u":"https://evil/c")")}) {
    const std::string input = base64url_encode(R"({"alg":"ES256","kid":"ec")" + extra + "}") + "." +
                              base64url_encode(claims());
    expect_refused(input + "." + base64url_encode(attacker.sign(crypto::Algorithm::es256, input)),
                   Errc::bad_signature);
  }
  expect_refused(token(R"({"alg":"RS256","kid":"rsa","crit":["exp"]})", claims()),
                 Errc::critical_header);
  expect_refused(token(R"({"alg":"RS256","kid":"rsa","b64":false})", claims()),
                 Errc::critical_header);
}

TEST_F(Jwt, Item5_DuplicateClaims) {
  expect_refused(token(R"({"alg":"RS256","kid":"rsa"})", claims(R"(,"sub":"admin")")),
                 Errc::malformed);
  expect_refused(token(R"({"alg":"RS256","alg":"ES256","kid":"rsa"})", claims()), Errc::malformed);
}

TEST_F(Jwt, Item6_EcdsaZeroAndDer) {
  const std::string input =
      base64url_encode(R"({"alg":"ES256","kid":"ec"})") + "." + base64url_encode(claims());
  expect_refused(input + "." + base64url_encode(std::string(64, '\0')), Errc::bad_signature);
  const std::string raw = key(crypto::Algorithm::es256).sign(crypto::Algorithm::es256, input);
  std::string der = "\x30\x46\x02\x21";
  der += '\0' + raw.substr(0, 32) + "\x02\x21";
  der += '\0' + raw.substr(32);
  expect_refused(input + "." + base64url_encode(der), Errc::bad_signature);
  expect_refused(input + "." + base64url_encode(raw + '\0'), Errc::bad_signature);
  EXPECT_TRUE(verify(input + "." + base64url_encode(raw)));
}

TEST_F(Jwt, Item7_ExpiryOfWrongForms) {
  const std::string header = R"({"alg":"RS256","kid":"rsa"})";
  for (const char* exp : {"\"1700000060\"", "null", "true", "[1700000060]", "-1"}) {
    expect_refused(
        token(header, std::string(R"({"iss":"https://i","aud":"me","exp":)") + exp + "}"),
        Errc::bad_claim);
  }
  expect_refused(token(header, R"({"iss":"https://i","aud":"me","exp":1e400})"), Errc::malformed);
  expect_refused(token(header, R"({"iss":"https://i","aud":"me","exp":1e300})"), Errc::bad_claim);
  expect_refused(token(header, R"({"iss":"https://i","aud":"me"})"), Errc::bad_claim);
  EXPECT_TRUE(verify(token(header, R"({"iss":"https://i","aud":"me","exp":1700000060.5})")));
}

TEST_F(Jwt, ClaimsOneByOne) {
  const std::string header = R"({"alg":"RS256","kid":"rsa","typ":"JWT"})";
  Expectations e = expected();
  expect_refused(token(header, claims()), Errc::expired, e, from_unix_seconds(1'700'000'060));
  EXPECT_TRUE(verify(token(header, claims()), e, from_unix_seconds(1'700'000'059)));
  e.leeway = Seconds(60);
  EXPECT_TRUE(verify(token(header, claims()), e, from_unix_seconds(1'700'000'119)));
  e = expected();
  e.allow_expired = true;
  EXPECT_TRUE(verify(token(header, claims()), e, from_unix_seconds(1'800'000'000)));
  expect_refused(token(header, claims()), Errc::not_yet_valid, expected(),
                 from_unix_seconds(1'699'999'999));
  expect_refused(token(header, claims(R"(,"nbf":1700000001)")), Errc::not_yet_valid);
  e = expected();
  e.issuer = "https://i/";
  expect_refused(token(header, claims()), Errc::wrong_issuer, e);
  e = expected();
  e.audience = "m";
  expect_refused(token(header, claims()), Errc::wrong_audience, e);
  e = expected();
  e.types = {"logout+jwt"};
  expect_refused(token(header, claims()), Errc::wrong_type, e);
  EXPECT_TRUE(
      verify(token(R"({"alg":"RS256","kid":"rsa","typ":"application/LOGOUT+jwt"})", claims()), e));
  e = expected();
  e.nonce = "n";
  expect_refused(token(header, claims()), Errc::bad_nonce, e);
  expect_refused(token(header, claims(R"(,"nonce":"m")")), Errc::bad_nonce, e);
  EXPECT_TRUE(verify(token(header, claims(R"(,"nonce":"n")")), e));
  e = expected();
  e.algorithms = {crypto::Algorithm::es256};
  expect_refused(token(header, claims()), Errc::bad_algorithm, e);
}

TEST_F(Jwt, EveryFlippedBitOfTheSignatureIsFound) {
  const std::string good =
      token(R"({"alg":"ES256","kid":"ec"})", claims(), crypto::Algorithm::es256);
  const std::size_t dot = good.rfind('.');
  const std::string raw = *base64url_decode(good.substr(dot + 1));
  for (std::size_t i = 0; i < raw.size(); ++i) {
    std::string bad = raw;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    expect_refused(good.substr(0, dot + 1) + base64url_encode(bad), Errc::bad_signature);
  }
}

TEST_F(Jwt, ShapesThatAreNoToken) {
  for (const char* shape : {"", ".", "..", "a.b", "a.b.c.d", "a.b.c.d.e", "e30.e30.", "!.e30.e30",
                            "e30=.e30.e30", "W10.e30.e30"}) {
    const auto parsed = UnverifiedJwt::parse(shape);
    ASSERT_FALSE(parsed) << shape;
  }
  EXPECT_FALSE(UnverifiedJwt::parse(std::string(70'000, 'a')));
}

TEST_F(Jwt, KeySetsSkipWhatTheyCantUseAndRefuseWhatIsWrong) {
  const std::string good =
      to_json({key(crypto::Algorithm::es256).public_key(), "ec", std::nullopt}).dump();
  const auto mixed = JwkSet::parse(
      R"({"keys":[{"kty":"oct","k":"c2VjcmV0"},{"kty":"OKP","crv":"Ed25519","x":"AA"},{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},)" +
      good + "]}");
  ASSERT_TRUE(mixed);
  EXPECT_EQ(mixed->keys().size(), 1u);
  EXPECT_FALSE(JwkSet::parse("{\"keys\":[" + good + "," + good + "]}"));
  EXPECT_FALSE(JwkSet::parse("{}"));
  EXPECT_FALSE(JwkSet::parse("[]"));
  std::string encryption = good;
  encryption.replace(encryption.find("\"sig\""), 5, "\"enc\"");
  EXPECT_EQ(JwkSet::parse("{\"keys\":[" + encryption + "]}")->keys().size(), 0u);
  EXPECT_EQ(keys().dump().find("\"d\""), std::string::npos);
}

}  // namespace
}  // namespace openunison::jose
