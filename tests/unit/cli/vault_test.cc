// SPDX-License-Identifier: Apache-2.0
#include "cli/vault.h"

#include <gtest/gtest.h>

#include "scripted_keyring.h"

namespace openunison::cli {
namespace {

const Host kHost{"k8sou.example.com", 443};
const Secret kToken("family-1-of-alice");

class VaultTest : public testing::Test {
 protected:
  Vault vault() { return Vault(std::make_unique<ScriptedKeyring>(keyring_), "/state"); }
  KeyringScript keyring_;
};

TEST_F(VaultTest, WhatIsSealedOpensWithTheKeyOfTheKeyringAndInItsPlaceAlone) {
  Vault first = vault();
  ASSERT_TRUE(first.ensure_key(kHost));
  const KeptToken kept = first.close(kHost, "cluster prod", kToken, true).value();
  EXPECT_TRUE(kept.plain.empty());
  EXPECT_EQ(kept.sealed.find("family"), std::string::npos);
  // As another process reads it.
  EXPECT_EQ(vault().open(kHost, "cluster prod", kept).value().reveal(), kToken.reveal());
  for (const auto& [host, name] : {std::pair(kHost, "cluster staging"), std::pair(kHost, "sign-in"),
                                   std::pair(Host{"other.example.com", 443}, "cluster prod")}) {
    keyring_.keys[host.text() + " /state"] = keyring_.keys[kHost.text() + " /state"];
    const auto opened = vault().open(host, name, kept);
    ASSERT_FALSE(opened) << name;
    EXPECT_TRUE(opened.error().is(Errc::sign_in_needed));
  }
}

TEST_F(VaultTest, AFileNeedsNoKeyring) {
  keyring_.broken = Errc::keyring;
  Vault one = vault();
  const KeptToken kept = one.close(kHost, "sign-in", kToken, false).value();
  EXPECT_EQ(one.open(kHost, "sign-in", kept).value().reveal(), kToken.reveal());
  EXPECT_EQ(keyring_.finds, 0);
  EXPECT_TRUE(one.close(kHost, "sign-in", Secret(), true).value().empty());
}

TEST_F(VaultTest, TheKeyIsReadOnceAProcess) {
  Vault one = vault();
  ASSERT_TRUE(one.ensure_key(kHost));
  const KeptToken kept = one.close(kHost, "sign-in", kToken, true).value();
  Vault other = vault();
  const int before = keyring_.finds;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(other.open(kHost, "sign-in", kept));
  // The successor finds its place even if the keyring goes away meanwhile.
  keyring_.broken = Errc::keyring;
  EXPECT_TRUE(other.close(kHost, "sign-in", kToken, true));
  EXPECT_EQ(keyring_.finds, before + 1);
}

TEST_F(VaultTest, AKeyThatIsGoneOrReplacedTakesANewSignInAndALockedOneDoesNot) {
  Vault one = vault();
  ASSERT_TRUE(one.ensure_key(kHost));
  const KeptToken kept = one.close(kHost, "sign-in", kToken, true).value();
  keyring_.locked = true;
  EXPECT_TRUE(vault().open(kHost, "sign-in", kept).error().is(Errc::keyring_locked));
  EXPECT_EQ(keyring_.asked, 0) << "nobody is asked where nobody waits";
  keyring_.locked = false;
  keyring_.broken = Errc::keyring;
  EXPECT_TRUE(vault().open(kHost, "sign-in", kept).error().is(Errc::keyring));
  keyring_.broken.reset();
  for (const char* other : {"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "no key", ""}) {
    keyring_.keys.begin()->second = other;
    EXPECT_TRUE(vault().open(kHost, "sign-in", kept).error().is(Errc::sign_in_needed)) << other;
  }
  keyring_.keys.clear();
  EXPECT_TRUE(vault().open(kHost, "sign-in", kept).error().is(Errc::sign_in_needed));
}

TEST_F(VaultTest, AKeyThatWorksIsNeverReplaced) {
  ASSERT_TRUE(vault().ensure_key(kHost));
  const std::string key = keyring_.keys.begin()->second;
  ASSERT_TRUE(vault().ensure_key(kHost));
  EXPECT_TRUE(vault().choose(kHost, Storage::keyring, true, {}).value());
  EXPECT_EQ(keyring_.keys.begin()->second, key);
  EXPECT_EQ(keyring_.stores, 1);
}

// Two sign-ins at once: what is in the keyring in the end is what both seal with.
TEST_F(VaultTest, WhatIsInTheKeyringCountsAndNotWhatWasPutThere) {
  Vault one = vault();
  int looks = 0;
  keyring_.before_find = [&] {
    if (++looks == 2)
      keyring_.keys.begin()->second = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
  };
  ASSERT_TRUE(one.ensure_key(kHost));
  const KeptToken kept = one.close(kHost, "sign-in", kToken, true).value();
  EXPECT_TRUE(vault().open(kHost, "sign-in", kept));
}

TEST_F(VaultTest, ForgetsTheKey) {
  Vault one = vault();
  ASSERT_TRUE(one.ensure_key(kHost));
  const KeptToken kept = one.close(kHost, "sign-in", kToken, true).value();
  ASSERT_TRUE(one.forget(kHost));
  EXPECT_TRUE(keyring_.keys.empty());
  EXPECT_FALSE(one.open(kHost, "sign-in", kept));
}

TEST(VaultChoice, FollowsTheWishAndAutoMakesNoFuss) {
  struct Case {
    const char* what;
    Storage wish;
    bool desktop;
    std::function<void(KeyringScript&)> script;
    std::optional<bool> in_keyring;  // nullopt: an error
    int asked;
  };
  const auto well = [](KeyringScript&) {};
  const auto broken = [](KeyringScript& k) { k.broken = Errc::keyring; };
  const auto locked = [](KeyringScript& k) { k.locked = true; };
  const auto opens = [](KeyringScript& k) { k.locked = k.password = true; };
  const auto asks = [](KeyringScript& k) { k.asks_to_store = true; };
  const auto forgets = [](KeyringScript& k) { k.forgetful = true; };
  const Case cases[] = {
      {"auto, well", Storage::automatic, true, well, true, 0},
      {"auto, no desktop", Storage::automatic, false, well, false, 0},
      {"auto, broken", Storage::automatic, true, broken, false, 0},
      {"auto, locked", Storage::automatic, true, opens, false, 0},
      {"auto, would ask to store", Storage::automatic, true, asks, false, 0},
      {"auto, forgetful", Storage::automatic, true, forgets, false, 0},
      {"file, well", Storage::file, true, well, false, 0},
      {"keyring, no desktop", Storage::keyring, false, well, true, 0},
      {"keyring, broken", Storage::keyring, true, broken, std::nullopt, 0},
      {"keyring, locked for good", Storage::keyring, true, locked, std::nullopt, 1},
      {"keyring, opened", Storage::keyring, true, opens, true, 1},
      {"keyring, would ask to store", Storage::keyring, true, asks, true, 1},
      {"keyring, forgetful", Storage::keyring, true, forgets, std::nullopt, 0},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(each.what);
    KeyringScript script;
    each.script(script);
    Vault vault(std::make_unique<ScriptedKeyring>(script), "/state");
    const auto chosen = vault.choose(kHost, each.wish, each.desktop, {});
    ASSERT_EQ(chosen.has_value(), each.in_keyring.has_value());
    if (chosen) {
      EXPECT_EQ(*chosen, *each.in_keyring);
    }
    EXPECT_EQ(script.asked, each.asked);
    if (each.wish == Storage::file || !each.desktop) {
      EXPECT_EQ(script.finds > 0, each.wish == Storage::keyring);
    }
  }
}

TEST(VaultChoice, ASystemWithoutAKeyringHasFiles) {
  Vault vault(nullptr, "/state");
  EXPECT_FALSE(vault.choose(kHost, Storage::automatic, true, {}).value());
  EXPECT_TRUE(vault.choose(kHost, Storage::keyring, true, {}).error().is(Errc::keyring));
  EXPECT_TRUE(vault.forget(kHost));
}

TEST(Storage, HasNames) {
  for (const Storage storage : {Storage::automatic, Storage::file, Storage::keyring})
    EXPECT_EQ(parse_storage(name_of(storage)), storage);
  EXPECT_EQ(parse_storage(""), std::nullopt);
  EXPECT_EQ(parse_storage("disk"), std::nullopt);
}

}  // namespace
}  // namespace openunison::cli
