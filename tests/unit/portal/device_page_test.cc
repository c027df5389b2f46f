// SPDX-License-Identifier: Apache-2.0
//
// Letting a device in: what a person sees before deciding, and that nothing but the button decides.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixture.h"
#include "portal/code_guesses.h"
#include "text/utf8.h"

namespace openunison::portal {
namespace {

using testing::Answer;
using testing::Browser;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::Site;

constexpr const char* kCode = "WDJB-MJHT";

class FakeApprovals final : public session::DeviceApprovals {
 public:
  std::optional<session::DeviceQuestion> find_device(std::string_view user_code) const override {
    if (user_code != kCode && user_code != "wdjbmjht") return std::nullopt;
    return question;
  }
  Result<bool> decide_device(std::string_view user_code, const session::Current& current,
                             bool allow, const session::Caller&) const override {
    if (refusal) return std::unexpected(*refusal);
    decisions.push_back(std::string(user_code) + ' ' + current.principal.user +
                        (allow ? " allows" : " denies"));
    return still_there;
  }
  session::DeviceQuestion question{
      kCode, "kubectl for demo", "laptop", "203.0.113.9", "kubectl-oulogin/1.0 (linux/amd64)", {}};
  bool take_back_device(std::string_view user_code, const session::Current& current,
                        const session::Caller&) const override {
    if (!allowed) return false;
    decisions.push_back(std::string(user_code) + ' ' + current.principal.user + " takes back");
    return true;
  }
  void take_back_devices(const session::Current& current, const session::Caller&) const override {
    decisions.push_back(current.principal.user + " takes all back");
  }
  std::optional<Error> refusal;
  bool still_there = true;
  bool allowed = false;
  mutable std::vector<std::string> decisions;
};

class DevicePage : public ::testing::Test {
 protected:
  DevicePage() {
    site.device_approvals = {&none, &approvals};
    approvals.question.asked = site.clock.now();
  }
  // Of a second provider, which has nothing waiting with this code.
  class NoApprovals final : public session::DeviceApprovals {
   public:
    std::optional<session::DeviceQuestion> find_device(std::string_view) const override {
      return {};
    }
    Result<bool> decide_device(std::string_view, const session::Current&, bool,
                               const session::Caller&) const override {
      return false;
    }
    bool take_back_device(std::string_view, const session::Current&,
                          const session::Caller&) const override {
      return false;
    }
    void take_back_devices(const session::Current&, const session::Caller&) const override {}
  };
  Answer decide(std::string answer, std::string code = kCode) {
    return site.submit(
        browser, "/device", "/device",
        testing::form({{"user_code", std::move(code)}, {"answer", std::move(answer)}}));
  }

  Site site;
  Browser browser;
  FakeApprovals approvals;
  NoApprovals none;
};

TEST_F(DevicePage, WhoIsNotSignedInSignsInFirstAndComesBackWithTheCode) {
  const Answer answer = site.get(browser, "/device?user_code=WDJB-MJHT");
  EXPECT_EQ(answer.status, 303);
  EXPECT_THAT(answer.location(), HasSubstr("user_code"));
  EXPECT_THAT(answer.location(), HasSubstr("WDJB-MJHT"));
}

TEST_F(DevicePage, AsksForTheCode) {
  site.sign_in(browser);
  const Answer page = site.get(browser, "/device");
  EXPECT_EQ(page.status, 200);
  EXPECT_THAT(page.body, HasSubstr("Type the code that it shows"));
  EXPECT_THAT(page.body, Not(HasSubstr("role=\"alert\"")));
}

// The code stays out of the address.
TEST_F(DevicePage, WhatIsTypedIsAskedAbout) {
  site.sign_in(browser);
  const Answer page = decide("look");
  EXPECT_EQ(page.status, 200);
  EXPECT_THAT(page.body, HasSubstr("Let this device in?"));
  EXPECT_EQ(decide("look", "BBBB-BBBB").status, 404);
  EXPECT_THAT(approvals.decisions, IsEmpty());
}

// A link only spares the typing: any page could have a browser follow many of them.
TEST_F(DevicePage, ALinkFillsTheFieldInAndIsNoTry) {
  site.sign_in(browser);
  for (int i = 0; i <= kMaxCodeGuesses; ++i) {
    const Answer page = site.get(browser, "/device?user_code=BBBB-BBBB");
    EXPECT_EQ(page.status, 200);
    EXPECT_THAT(page.body, HasSubstr("value=\"BBBB-BBBB\""));
  }
  EXPECT_THAT(site.get(browser, "/device?user_code=WDJB-MJHT").body, Not(HasSubstr("laptop")));
  EXPECT_EQ(decide("look").status, 200);
  EXPECT_THAT(site.get(browser, "/device?user_code=%22%3E%3Cscript%3E").body,
              Not(HasSubstr("<script>\"")));
}

// What once cut a character in two, so that the page was no UTF-8 any more.
TEST_F(DevicePage, ALongTextInALinkIsCutBetweenCharacters) {
  site.sign_in(browser);
  const std::string letters(19, 'B');
  const Answer page = site.get(browser, "/device?user_code=" + letters + "%C3%A9");
  EXPECT_TRUE(text::valid_utf8(page.body));
  EXPECT_THAT(page.body, HasSubstr("value=\"" + letters + "\""));
}

TEST_F(DevicePage, SaysWhoAsksAndDecidesNothingByItself) {
  site.sign_in(browser);
  for (const char* typed : {"WDJB-MJHT", "wdjbmjht"}) {
    const Answer page = decide("look", typed);
    EXPECT_EQ(page.status, 200);
    for (const char* fact : {"WDJB-MJHT", "kubectl for demo", "laptop", "203.0.113.9",
                             "kubectl-oulogin", "alice", "just now"})
      EXPECT_THAT(page.body, HasSubstr(fact));
  }
  EXPECT_THAT(approvals.decisions, IsEmpty());
}

TEST_F(DevicePage, WhatADeviceCallsItselfIsText) {
  approvals.question.device_name = "<script>alert(1)</script>";
  site.sign_in(browser);
  const Answer page = decide("look");
  EXPECT_THAT(page.body, Not(HasSubstr("<script>alert")));
  EXPECT_THAT(page.body, HasSubstr("&lt;script&gt;alert(1)"));
}

TEST_F(DevicePage, TheButtonDecides) {
  site.sign_in(browser);
  EXPECT_THAT(decide("allow").body, HasSubstr("It is let in"));
  EXPECT_THAT(decide("deny").body, HasSubstr("Denied"));
  EXPECT_THAT(approvals.decisions, ElementsAre("WDJB-MJHT alice allows", "WDJB-MJHT alice denies"));
}

// Nothing on the page may make a stranger's request look like one's own.
TEST_F(DevicePage, DoesntVouchForWhoAsks) {
  site.sign_in(browser);
  approvals.question.address = "127.0.0.1";
  approvals.question.user_agent = "Go-http-client/2.0";
  const std::string page = decide("look").body;
  EXPECT_THAT(page, Not(HasSubstr("your own address")));
  EXPECT_THAT(page, HasSubstr("<dd>Go-http-client</dd>"));
}

TEST_F(DevicePage, WhatWasAllowedCanBeTakenBack) {
  site.sign_in(browser);
  EXPECT_THAT(decide("allow").body, HasSubstr("Take it back"));
  approvals.allowed = true;
  EXPECT_THAT(decide("deny").body, HasSubstr("Denied"));
  site.submit(browser, "/sessions", "/sessions/end", testing::form({{"what", "others"}}));
  EXPECT_THAT(
      approvals.decisions,
      ElementsAre("WDJB-MJHT alice allows", "WDJB-MJHT alice takes back", "alice takes all back"));
}

// Its tokens are out then: where to stop it is what somebody must be told who took fright.
TEST_F(DevicePage, WhoComesTooLateToTakeItBackIsShownTheSessions) {
  site.sign_in(browser);
  const Answer late = decide("deny", "BBBB-BBBB");
  EXPECT_EQ(late.status, 404);
  EXPECT_THAT(late.body, HasSubstr("href=\"/sessions\">Sessions</a> <a class=\"button\""));
}

TEST_F(DevicePage, WrongCodesAndWhoIsHeldBackAreAudited) {
  site.sign_in(browser);
  ::testing::internal::CaptureStderr();
  for (int i = 0; i <= kMaxCodeGuesses; ++i) decide("look", "BBBB-BBBB");
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(said, HasSubstr("\"event\":\"device_code_refused\",\"user\":\"alice\""));
  EXPECT_THAT(said, HasSubstr("\"reason\":\"wrong\""));
  EXPECT_THAT(said, HasSubstr("\"reason\":\"held_back\""));
  EXPECT_THAT(said, Not(HasSubstr("BBBB")));
}

TEST_F(DevicePage, NothingElseDecides) {
  site.sign_in(browser);
  EXPECT_EQ(decide("").location(), "/device");
  EXPECT_EQ(decide("yes").location(), "/device");
  EXPECT_EQ(
      site.ask(browser,
               testing::post("/device", testing::form({{"user_code", kCode}, {"answer", "allow"}})))
          .status,
      403);
  EXPECT_THAT(approvals.decisions, IsEmpty());
}

TEST_F(DevicePage, WhatWasDecidedElsewhereMeanwhileIsSaid) {
  site.sign_in(browser);
  approvals.still_there = false;
  const Answer page = decide("allow");
  EXPECT_EQ(page.status, 404);
  EXPECT_THAT(page.body, HasSubstr("decided a moment ago"));
}

TEST_F(DevicePage, WhoMayNotUseTheClusterIsTold) {
  site.sign_in(browser);
  approvals.refusal = Error(session::Errc::not_allowed, "kubectl for demo is for members of: ops");
  const Answer page = decide("allow");
  EXPECT_EQ(page.status, 403);
  EXPECT_THAT(page.body, HasSubstr("is for members of: ops"));
}

TEST_F(DevicePage, GuessingComesToAnEnd) {
  site.sign_in(browser);
  for (int i = 0; i < kMaxCodeGuesses; ++i) {
    const Answer wrong = decide(i % 3 == 0 ? "look" : i % 3 == 1 ? "allow" : "deny", "BBBB-BBBB");
    EXPECT_EQ(wrong.status, 404);
    EXPECT_THAT(wrong.body, HasSubstr(i % 3 == 2 ? "Nothing waits with this code"
                                                 : "No device waits with this code"));
  }
  // The right one too, or an answer would tell it from the wrong ones.
  for (const char* code : {"BBBB-BBBB", kCode}) {
    const Answer refused = decide("look", code);
    EXPECT_EQ(refused.status, 429);
    EXPECT_THAT(refused.body, HasSubstr("Too many wrong codes"));
    EXPECT_EQ(decide("allow", code).status, 429);
  }
  EXPECT_THAT(approvals.decisions, IsEmpty());
  // But what somebody was sent can be denied.
  EXPECT_THAT(decide("deny").body, HasSubstr("Denied"));
  // Of this account, in whichever browser; nobody else's.
  Browser second, other;
  const auto look = [&](Browser& with) {
    return site.submit(with, "/device", "/device",
                       testing::form({{"user_code", kCode}, {"answer", "look"}}));
  };
  site.sign_in(second);
  EXPECT_EQ(look(second).status, 429);
  site.sign_in(other, testing::person("bob"));
  EXPECT_EQ(look(other).status, 200);
  site.clock.advance(kCodeGuessWindow);
  EXPECT_EQ(look(browser).status, 200);
}

TEST(CodeGuesses, OldOnesAreForgotten) {
  CodeGuesses guesses;
  MonoTime now{Seconds(1)};
  for (int i = 0; i < 5'000; ++i) guesses.wrong("account " + std::to_string(i), now);
  for (int i = 0; i < kMaxCodeGuesses; ++i) guesses.wrong("a", now);
  EXPECT_EQ(guesses.wait_of("a", now), kCodeGuessWindow);
  EXPECT_EQ(guesses.accounts(), 5'001u);
  now += Seconds(500);
  EXPECT_EQ(guesses.wait_of("a", now), Seconds(100));
  now += Seconds(100);
  EXPECT_EQ(guesses.wait_of("a", now), Millis(0));
  guesses.wrong("a", now);
  EXPECT_EQ(guesses.wait_of("a", now), Millis(0)) << "counted anew";
  EXPECT_EQ(guesses.accounts(), 1u) << "of the others nothing is left";
}

}  // namespace
}  // namespace openunison::portal
