// SPDX-License-Identifier: Apache-2.0
//
// What a person reads when something fails: the right status, whose turn it is, a reference, and
// nothing of our insides.
#include <gtest/gtest.h>

#include "fixture.h"
#include "text/html.h"

namespace openunison::portal::testing {
namespace {

Answer page_of(Site& site, const Error& error) {
  http::Request request;
  request.id = "the-reference";
  request.path = "/somewhere";
  http::Response response = site.portal().error_page(request, error);
  return {response.status, std::move(response.headers), std::move(response.body)};
}

// Who follows a trace has its id in front of them; nobody else needs to read it out.
TEST(ErrorPage, NamesTheCallersTraceAndNoneOfOurs) {
  Site site;
  http::Request request;
  request.id = "the-reference";
  const Error error(identity::Errc::denied, "no");
  const std::string id = "4bf92f3577b34da6a3ce929d0e0e4736";
  request.trace = *http::TraceContext::join("00-" + id + "-00f067aa0ba902b7-01", "", 1);
  EXPECT_NE(site.portal().error_page(request, error).body.find("trace <code>" + id + "</code>"),
            std::string::npos);
  request.trace = http::TraceContext::begin(1, 2, 3);
  const std::string body = site.portal().error_page(request, error).body;
  EXPECT_EQ(body.find(request.trace.trace_id()), std::string::npos);
  EXPECT_NE(body.find("Reference <code>the-reference</code>"), std::string::npos);
}

TEST(ErrorPage, StatusAndWordsOfEachCode) {
  struct Case {
    Error error;
    int status;
    const char* title;
    const char* who;
  };
  constexpr const char* kYou = "This is something you can mend.";
  constexpr const char* kUs = "This is a fault on our side.";
  constexpr const char* kProvider = "This comes from your identity provider.";
  constexpr const char* kAdmin = "Somebody who administers access has to act.";
  using I = identity::Errc;
  using S = session::Errc;
  using H = http::Errc;
  const Case cases[] = {
      {{I::unreachable, "no route"}, 502, "The identity provider can’t be reached", kProvider},
      {{I::throttled, "wait"}, 429, "Too many attempts", kYou},
      {{I::denied, "no"}, 403, "The identity provider said no", kProvider},
      {{I::clock, "clock"}, 502, "The clocks don’t agree", kAdmin},
      {{I::not_allowed, "group x"}, 403, "You aren’t in a group that may use this", kAdmin},
      {{S::not_allowed, "group x"}, 403, "You aren’t in a group that may use this", kAdmin},
      {{I::groups_overage, "many"}, 502, "You are in too many groups to be told apart", kAdmin},
      {{I::bad_name, "name"}, 403, "Your account’s name can’t be used here", kAdmin},
      {{I::too_big, "big"}, 502, "The identity provider sent too much", kAdmin},
      {{I::bad_response, "bad"}, 502, "The identity provider’s answer didn’t add up", kProvider},
      {{I::interaction_required, "ask"},
       502,
       "The identity provider’s answer didn’t add up",
       kProvider},
      {{S::bad_attempt, "old"}, 400, "This sign-in can’t be finished", kYou},
      {{S::bad_csrf, "form"}, 403, "This page was made for another session", kYou},
      {{S::no_session, "over"}, 401, "Your session is over", kYou},
      {{S::gone, "over"}, 401, "Your session is over", kYou},
      {{S::token_too_large, "big"}, 403, "You are in too many groups for kubectl", kAdmin},
      {{S::unknown_provider, "none"}, 404, "There is no such identity provider", kYou},
      {{store::Errc::unavailable, "disk"}, 503, "Sessions can’t be read or written right now", kUs},
      {{store::Errc::full, "full"}, 503, "Sessions can’t be read or written right now", kUs},
      {{H::not_found, "none"}, 404, "There is nothing here", kYou},
      {{H::bad_request, "bad"}, 400, "That request can’t be answered", kYou},
      {{H::forbidden, "no"}, 403, "That request can’t be answered", kYou},
      {{H::unsupported_media, "form"}, 415, "That request can’t be answered", kYou},
      {{H::body_too_large, "big"}, 413, "That request is too large", kYou},
      {{H::unavailable, "busy"}, 503, "There is too much going on right now", kUs},
      {{H::internal, "bug"}, 500, "Something went wrong here", kUs},
      {{H::bad_gateway, "up"}, 500, "Something went wrong here", kUs},
      {{std::make_error_code(std::errc::io_error), "io"}, 500, "Something went wrong here", kUs},
  };
  Site site;
  for (const Case& each : cases) {
    const Answer answer = page_of(site, each.error);
    const auto where = ::testing::Message() << each.error.code() << " of " << each.title;
    EXPECT_EQ(answer.status, each.status) << where;
    EXPECT_NE(answer.body.find("<h1>" + std::string(each.title) + "</h1>"), std::string::npos)
        << where;
    EXPECT_NE(answer.body.find(each.who), std::string::npos) << where;
    EXPECT_NE(answer.body.find("Reference <code>the-reference</code>"), std::string::npos) << where;
    const bool later = each.status == 503 || each.status == 429;
    EXPECT_EQ(answer.header("retry-after"), later ? "30" : "") << where;
  }
}

TEST(ErrorPage, MessagesAreSentences) {
  Site site;
  for (const auto& [message, shown] :
       {std::pair("the form is old", "The form is old."),
        std::pair("The form is old.", "The form is old."), std::pair("x < y", "X &lt; y."),
        std::pair("“a” is none", "“a” is none.")}) {
    const Answer answer = page_of(site, Error(session::Errc::bad_csrf, message));
    EXPECT_NE(answer.body.find("<p class=\"lede\">" + std::string(shown) + "</p>"),
              std::string::npos)
        << message;
  }
}

TEST(ErrorPage, FaultsOfOursKeepTheirInsides) {
  Site site;
  const Answer answer =
      page_of(site, Error(http::Errc::internal, "table sessions: /var/lib/x broken"));
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.body.find("/var/lib"), std::string::npos);
  EXPECT_NE(answer.body.find("The request could not be answered."), std::string::npos);
}

// Messages of the store and of the way to a provider name files and addresses.
TEST(ErrorPage, FaultsOfTheStoreAndOfTheWayToAProviderAreOnlyLogged) {
  Site site;
  for (const Error& error :
       {Error(store::Errc::unavailable, "open /var/lib/x: disk I/O error"),
        Error(store::Errc::full, "/var/lib/x has no space left"),
        Error(identity::Errc::unreachable, "connect /var/lib/x or 10.0.0.7:443: refused")}) {
    const Answer answer = page_of(site, error);
    EXPECT_EQ(answer.body.find("/var/lib"), std::string::npos) << error.message();
    EXPECT_EQ(answer.body.find("10.0.0.7"), std::string::npos) << error.message();
    EXPECT_NE(answer.body.find("The request could not be answered."), std::string::npos);
  }
}

TEST(ErrorPage, NamesWhomToAskIfValuesDo) {
  Site site;
  EXPECT_EQ(page_of(site, Error(http::Errc::not_found, "x")).body.find("Whom to ask"),
            std::string::npos);
  Site other;
  other.values.branding.help_contact = "it@example.com";
  EXPECT_NE(
      page_of(other, Error(http::Errc::not_found, "x")).body.find("Whom to ask: it@example.com."),
      std::string::npos);
}

TEST(ErrorPage, ReferenceIsTheRequestsId) {
  Site site;
  Browser browser;
  const Answer answer = site.get(browser, "/nothing");
  EXPECT_EQ(answer.status, 404);
  ASSERT_NE(answer.header("x-request-id"), "");
  EXPECT_NE(answer.body.find("<code>" + answer.header("x-request-id") + "</code>"),
            std::string::npos);
}

TEST(ErrorPage, SomebodySignedInStaysSo) {
  Site site;
  Browser browser;
  EXPECT_EQ(site.get(browser, "/nothing").body.find("Sign out"), std::string::npos);
  site.sign_in(browser);
  EXPECT_NE(site.get(browser, "/nothing").body.find("Sign out"), std::string::npos);
}

// --- Sign-ins that fail ---

TEST(FailedSignIn, UpstreamCannotBeReached) {
  Site site;
  site.upstream().unreachable = Error(identity::Errc::unreachable, "idp.example doesn't answer");
  Browser browser;
  const Answer answer = site.get(browser, "/auth/login?provider=okta");
  EXPECT_EQ(answer.status, 502);
  EXPECT_EQ(answer.location(), "");
  EXPECT_TRUE(browser.cookies.empty());
}

TEST(FailedSignIn, AttemptIsUsedUp) {
  Site site;
  site.upstream().identity = fail(identity::Errc::denied, "access was denied");
  Browser browser;
  site.get(browser, "/auth/login?provider=okta");
  ASSERT_EQ(browser.cookies.size(), 1u);
  const std::string callback =
      "/auth/oidc?error=access_denied&state=" + site.upstream().begun.state;
  const Answer answer = site.get(browser, callback);
  EXPECT_EQ(answer.status, 403);
  EXPECT_NE(answer.body.find("Access was denied."), std::string::npos);
  EXPECT_TRUE(browser.cookies.empty()) << "the attempt's cookie goes";
  site.upstream().identity = person();
  EXPECT_EQ(site.get(browser, callback).status, 400);
  EXPECT_EQ(browser.session(), "");
}

TEST(FailedSignIn, CallbackNeedsThisBrowsersAttempt) {
  Site site;
  site.upstream().identity = person();
  Browser browser, other;
  site.get(browser, "/auth/login?provider=okta");
  const std::string callback = "/auth/oidc?code=c&state=" + site.upstream().begun.state;
  EXPECT_EQ(site.get(other, callback).status, 400);
  EXPECT_EQ(other.session(), "");
  EXPECT_EQ(site.get(browser, callback).status, 303);
  EXPECT_NE(browser.session(), "");
}

TEST(FailedSignIn, SomebodyOutsideTheGroupsReadsWhich) {
  Site site;
  site.values.az_groups = {"staff"};
  site.upstream().identity = person("eve", {"guests"});
  Browser browser;
  site.get(browser, "/auth/login?provider=okta");
  const Answer answer = site.get(browser, "/auth/oidc?code=c&state=" + site.upstream().begun.state);
  EXPECT_EQ(answer.status, 403);
  EXPECT_NE(answer.body.find("Signing in here needs the group staff."), std::string::npos);
  EXPECT_EQ(browser.session(), "");
}

TEST(FailedSignIn, PasswordFormAsksAgain) {
  Site site;
  struct Case {
    std::optional<Error> refusal;
    int status;
    const char* why;
  };
  const Case cases[] = {
      {std::nullopt, 401, "User name or password is wrong."},
      {Error(identity::Errc::throttled, "wait"), 429, "Too many attempts."},
      {Error(identity::Errc::busy, "wait"), 503, "Too many people are signing in."},
  };
  for (const Case& each : cases) {
    Browser browser;
    site.users().refusal = each.refusal;
    const Answer answer = site.submit(
        browser, "/auth/login", "/auth/login/local",
        form({{"username", "bob"}, {"password", "hunter22"}, {"return_to", "/profile"}}));
    EXPECT_EQ(answer.status, each.status);
    EXPECT_NE(answer.body.find(each.why), std::string::npos) << each.why;
    EXPECT_NE(answer.body.find("value=\"bob\""), std::string::npos) << "the name stays";
    EXPECT_EQ(answer.body.find("hunter22"), std::string::npos) << "the password doesn't";
    EXPECT_EQ(hidden(answer.body, "return_to"), "/profile");
    EXPECT_EQ(browser.session(), "");
    // The form that came back works.
    site.users().refusal.reset();
    const Answer done = site.ask(
        browser, post("/auth/login/local", form({{"csrf", hidden(answer.body, "csrf")},
                                                 {"return_to", hidden(answer.body, "return_to")},
                                                 {"username", "bob"},
                                                 {"password", "right"}})));
    EXPECT_EQ(done.location(), "/profile");
    EXPECT_NE(browser.session(), "");
  }
}

TEST(FailedSignIn, LocalAccountOutsideTheGroupsGetsAPage) {
  Site site;
  site.values.az_groups = {"staff"};
  Browser browser;
  const Answer answer = site.submit(browser, "/auth/login", "/auth/login/local",
                                    form({{"username", "bob"}, {"password", "right"}}));
  EXPECT_EQ(answer.status, 403);
  EXPECT_EQ(browser.session(), "");
}

TEST(BackchannelLogout, EndsTheAccountsSignIns) {
  Site site;
  Browser browser, other;
  site.sign_in(browser);
  site.sign_in(other, person("bob"));
  const Ask genuine = post("/auth/oidc/backchannel_logout", form({{"logout_token", "genuine"}}));
  EXPECT_EQ(site.ask(browser, genuine).status, 200);
  EXPECT_EQ(site.get(browser, "/profile").status, 303);
  EXPECT_EQ(site.get(other, "/profile").status, 200);
  const Answer repeated = site.ask(browser, genuine);
  EXPECT_EQ(repeated.status, 400);
  EXPECT_EQ(repeated.body, R"({"error":"invalid_request"})");
  EXPECT_EQ(repeated.header("content-type"), "application/json");
}

// The provider would take a 400 for final, and the person would stay signed in.
TEST(BackchannelLogout, ThatCannotBeCheckedNowIsAskedForAgain) {
  for (const auto code : {identity::Errc::unreachable, identity::Errc::throttled}) {
    Site site;
    Browser browser;
    site.sign_in(browser);
    site.upstream().logout_refusal = Error(code, "not now");
    const Ask genuine = post("/auth/oidc/backchannel_logout", form({{"logout_token", "genuine"}}));
    const Answer answer = site.ask(browser, genuine);
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(answer.header("retry-after"), "30");
    EXPECT_EQ(answer.body, R"({"error":"temporarily_unavailable"})");
    site.upstream().logout_refusal.reset();
    EXPECT_EQ(site.ask(browser, genuine).status, 200);
    EXPECT_EQ(site.get(browser, "/profile").status, 303);
  }
}

}  // namespace
}  // namespace openunison::portal::testing
