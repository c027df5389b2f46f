// SPDX-License-Identifier: Apache-2.0
//
// What libsecret's program says, and where it is sent; the program itself is in
// tests/e2e/storage.test.ts.
#include "cli/secret_tool.h"

#include <gtest/gtest.h>

#include "cli/error.h"

namespace openunison::cli {
namespace {

TEST(SecretToolSearch, TellsNothingFromALockedItem) {
  struct Case {
    const char* output;
    bool there;
    const char* secret;  // null: none
  };
  const Case cases[] = {
      {"", false, nullptr},
      {"[/1]\nlabel = x\nsecret = a2V5=\ncreated = 2026-01-01 00:00:00\n", true, "a2V5="},
      {"[/1]\nlabel = x\nsecret = a\n[/2]\nsecret = b\n", true, "a"},
      {"[/1]\nlabel = x\ncreated = 2026-01-01 00:00:00\n", true, nullptr},
      {"[/1]\nlabel = secret = no\n", true, nullptr},
      {"secret = of nothing\n", false, nullptr},
      {"[/1]\nsecret = without an end", true, "without an end"},
      {"[/1]\nsecret = \n", true, ""},
      {"\n\n[/1]", true, nullptr},
  };
  for (const Case& each : cases) {
    const FoundItem found = parse_search(each.output);
    EXPECT_EQ(found.there, each.there) << each.output;
    ASSERT_EQ(found.secret.has_value(), each.secret != nullptr) << each.output;
    if (found.secret) {
      EXPECT_EQ(found.secret->reveal(), each.secret);
    }
  }
}

TEST(SecretToolService, ReadsWhatDbusSendPrints) {
  EXPECT_EQ(parse_path("   /org/freedesktop/secrets/collection/login\n"),
            "/org/freedesktop/secrets/collection/login");
  EXPECT_EQ(parse_path("   /org/freedesktop/secrets/collection/login"),
            "/org/freedesktop/secrets/collection/login");
  for (const char* none : {"   /\n", "/", "", "\n", "Error org.freedesktop.DBus.Error"})
    EXPECT_EQ(parse_path(none), "") << none;
  EXPECT_TRUE(parse_is_false("   variant       boolean false\n"));
  // All else is not to be relied on.
  for (const char* other :
       {"   variant       boolean true\n", "", "false", "   variant       string \"x\"\n"})
    EXPECT_FALSE(parse_is_false(other)) << other;
}

TEST(SessionBus, IsTheOneThatIsToldOrThePersonsOwn) {
  const auto bus = [](std::map<std::string, std::string, std::less<>> variables,
                      const std::string& socket) {
    return session_bus({.variables = std::move(variables)}, "1000",
                       [&](const std::string& path) { return path == socket; });
  };
  EXPECT_EQ(bus({{"DBUS_SESSION_BUS_ADDRESS", "unix:abstract=x"}}, "/run/user/1000/bus"),
            "unix:abstract=x");
  EXPECT_EQ(bus({{"XDG_RUNTIME_DIR", "/r"}}, "/r/bus"), "unix:path=/r/bus");
  // As of a program that a desktop or cron starts.
  EXPECT_EQ(bus({}, "/run/user/1000/bus"), "unix:path=/run/user/1000/bus");
  EXPECT_EQ(bus({{"XDG_RUNTIME_DIR", "/r"}}, "/run/user/1000/bus"), "unix:path=/run/user/1000/bus");
  EXPECT_EQ(bus({}, "/run/user/0/bus"), "");
  EXPECT_EQ(bus({{"XDG_RUNTIME_DIR", "relative"}}, "relative/bus"), "");
}

TEST(SecretTool, StartsNothingWithoutABus) {
  const Environment nothing{.variables = {{"DBUS_SESSION_BUS_ADDRESS", ""}}};
  if (!session_bus(nothing, std::to_string(::getuid()), [](const std::string& path) {
         return ::access(path.c_str(), F_OK) == 0;
       }).empty())
    GTEST_SKIP() << "this machine has a session bus";
  SecretTool tool(nothing, {});
  const auto found = tool.find({"h", "/f"}, {});
  ASSERT_FALSE(found);
  EXPECT_TRUE(found.error().is(Errc::keyring));
  EXPECT_NE(found.error().message().find("session bus"), std::string::npos);
}

}  // namespace
}  // namespace openunison::cli
