// SPDX-License-Identifier: Apache-2.0
//
// grant_type=password: who may send one, what comes of it, and that its refusals tell no more than
// the sign-in page's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixture.h"

namespace openunison::oidc {
namespace {

using testing::Answer;
using testing::Desk;
using Fields = Desk::Fields;
using ::testing::HasSubstr;
using ::testing::Not;

// Knows alice's password, "right".
class Users final : public identity::Connector, public identity::PasswordConnector {
 public:
  using Connector::Connector;
  identity::PasswordConnector* password() override { return this; }
  Task<Result<identity::Identity>> reread(std::string, identity::Grant, identity::Call) override {
    co_return alice();
  }
  Task<Health> health(net::Deadline) override { co_return Health(); }
  Task<Result<identity::Identity>> check(std::string user, Secret password,
                                         std::string address) override {
    ++checks;
    asked_from = std::move(address);
    if (refusal) co_return std::unexpected(*refusal);
    if (user != "alice" || password.reveal() != "right")
      co_return fail(identity::Errc::wrong_password, "user name or password is wrong");
    co_return alice();
  }

  std::optional<Error> refusal;
  std::string asked_from;
  int checks = 0;

 private:
  identity::Identity alice() {
    identity::Identity who = session::testing::person();
    who.provider = name();
    return who;
  }
};

class PasswordGrant : public ::testing::Test, protected Desk {
 protected:
  PasswordGrant() {
    passwords = true;
    config::IdentityProvider local;
    local.name = "local";
    local.kind = config::ProviderKind::local;
    local.claims.sub = "preferred_username";
    values->identity_providers.push_back(local);
    auto connector = std::make_unique<Users>(local);
    users_ = connector.get();
    std::vector<std::unique_ptr<identity::Connector>> all;
    all.push_back(std::make_unique<session::testing::FakeProvider>(values->identity_providers[0]));
    all.push_back(std::move(connector));
    connectors = std::make_unique<session::Connectors>(std::move(all));
  }
  Answer send(const Fields& changes = {}, std::vector<http::Field> headers = {},
              std::string_view path = kPath) {
    Fields all{{"grant_type", "password"},
               {"client_id", "kubectl-oulogin"},
               {"scope", "openid offline_access"},
               {"username", "alice"},
               {"password", "right"},
               {"device_name", "build-7"}};
    for (const auto& [name, value] : changes) {
      std::erase_if(all, [&](const auto& field) { return field.first == name; });
      if (value != "-") all.emplace_back(name, value);
    }
    return post(std::string(path) + "/token", form(all), std::move(headers));
  }
  static std::string error_of(const Answer& answer) { return member(answer, "error"); }
  std::vector<session::Current> stored() {
    store::Selector everything;
    everything.all = true;
    return *run(sessions().list(everything, 100));
  }

  Users* users_ = nullptr;
};

TEST_F(PasswordGrant, OpensTheSessionOfAnyOtherSignIn) {
  const Answer given = send();
  ASSERT_EQ(given.status, 200) << given.body;
  EXPECT_EQ(given.header("cache-control"), "no-store");
  EXPECT_TRUE(given.header("set-cookie").empty());
  const text::Json id_token = claims(member(given, "id_token"));
  EXPECT_EQ(*id_token.find_string("aud"), "kubectl-oulogin");
  EXPECT_EQ(*id_token.find_string("sub"), "alice");
  EXPECT_EQ(users_->asked_from, "192.0.2.7") << "for the limits by address";
  // No browser's session is left, and the family is called as it always is.
  const auto all = stored();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].live.session.kind, store::SessionKind::client);
  EXPECT_EQ(all[0].live.session.label, "kubectl oulogin on build-7");
  const Answer again = refresh(member(given, "refresh_token"), "kubectl-oulogin");
  EXPECT_EQ(again.status, 200) << again.body;
  const Answer exchanged =
      post(std::string(kPath) + "/token",
           form({{"grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"},
                 {"client_id", "kubernetes"},
                 {"subject_token", member(again, "access_token")},
                 {"subject_token_type", "urn:ietf:params:oauth:token-type:access_token"}}));
  EXPECT_EQ(exchanged.status, 200) << exchanged.body;
}

TEST_F(PasswordGrant, UnknownUsersAndWrongPasswordsAreToldTheSame) {
  const Answer wrong = send({{"password", "wrong"}});
  const Answer unknown = send({{"username", "mallory"}});
  EXPECT_EQ(wrong.status, 400);
  EXPECT_EQ(error_of(wrong), "invalid_grant");
  EXPECT_EQ(wrong.body, unknown.body);
  EXPECT_EQ(wrong.status, unknown.status);
  EXPECT_THAT(wrong.body, Not(HasSubstr("mallory")));
  EXPECT_TRUE(stored().empty());
}

TEST_F(PasswordGrant, WhatTheConnectorRefusesIsRefusedHere) {
  struct Case {
    identity::Errc code;
    int status;
    const char* error;
  };
  for (const Case& each : {Case{identity::Errc::throttled, 429, "temporarily_unavailable"},
                           Case{identity::Errc::busy, 503, "temporarily_unavailable"},
                           Case{identity::Errc::not_allowed, 403, "access_denied"}}) {
    users_->refusal = Error(each.code, "why");
    const Answer refused = send();
    EXPECT_EQ(refused.status, each.status) << each.error;
    EXPECT_EQ(error_of(refused), each.error);
  }
  EXPECT_TRUE(stored().empty());
}

TEST_F(PasswordGrant, OnlyWhereValuesAllowItAndForItsOwnClient) {
  EXPECT_EQ(error_of(send({{"client_id", "kubernetes"}})), "unauthorized_client");
  EXPECT_EQ(error_of(send({{"client_id", "spa"}})), "unauthorized_client");
  EXPECT_EQ(error_of(send({{"client_id", "app"}, {"client_secret", "s3cret"}})),
            "unauthorized_client");
  EXPECT_EQ(error_of(send({{"client_id", "kubernetes"}}, {}, "/auth/idp/prod")),
            "unauthorized_client");
  EXPECT_EQ(error_of(send({}, {}, "/auth/idp/prod")), "invalid_client");
  EXPECT_EQ(error_of(send({{"username", "-"}})), "invalid_request");
  EXPECT_EQ(error_of(send({{"password", "-"}})), "invalid_request");
  EXPECT_EQ(users_->checks, 0) << "nobody's password is looked at";
  EXPECT_THAT(get(std::string(kPath) + "/.well-known/openid-configuration").body,
              HasSubstr("\"password\""));
}

TEST_F(PasswordGrant, ByDefaultNoPasswordIsTaken) {
  passwords = false;
  const Answer refused = send();
  EXPECT_EQ(error_of(refused), "unauthorized_client");
  EXPECT_THAT(refused.body, HasSubstr("password_from_command_line"));
  EXPECT_EQ(users_->checks, 0);
  EXPECT_THAT(get(std::string(kPath) + "/.well-known/openid-configuration").body,
              Not(HasSubstr("\"password\"")));
}

TEST_F(PasswordGrant, PagesCanNotTryPasswordsByTheirVisitorsBrowsers) {
  for (const http::Field& field :
       {http::Field{"origin", "https://evil.example"}, http::Field{"origin", "null"},
        http::Field{"sec-fetch-site", "cross-site"}}) {
    EXPECT_EQ(error_of(send({}, {field})), "invalid_request") << field.value;
  }
  EXPECT_EQ(users_->checks, 0);
}

TEST_F(PasswordGrant, WithoutBuiltInUsersItSaysSo) {
  std::vector<std::unique_ptr<identity::Connector>> all;
  all.push_back(std::make_unique<session::testing::FakeProvider>(values->identity_providers[0]));
  connectors = std::make_unique<session::Connectors>(std::move(all));
  const Answer refused = send();
  EXPECT_EQ(error_of(refused), "unauthorized_client");
  EXPECT_THAT(refused.body, HasSubstr("no built-in users"));
}

}  // namespace
}  // namespace openunison::oidc
