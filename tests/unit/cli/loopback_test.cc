// SPDX-License-Identifier: Apache-2.0
//
// What the browser and the program see of an ordinary sign-in, and of its ordinary failures.
#include "cli/loopback.h"

#include <gmock/gmock.h>

#include "base/base64.h"
#include "crypto/hash.h"
#include "loopback_fixture.h"
#include "net/error.h"

namespace openunison::cli::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST_F(LoopbackTest, TheRedirectNamesTheAddressAndThePort) {
  EXPECT_EQ(loopback_->redirect_uri(), "http://127.0.0.1:" + std::to_string(port_) + "/callback");
}

TEST_F(LoopbackTest, TheCodeComesAtOnceAndThePageWhenTheCallerKnows) {
  std::string page;
  EXPECT_FALSE(loopback_->has_callback());
  const Callback callback = right_callback(page);
  EXPECT_TRUE(loopback_->has_callback());
  EXPECT_FALSE(callback.refused());
  EXPECT_EQ(callback.code, "right");
  EXPECT_EQ(page, "");  // nothing is promised yet
  finish();
  runtime_.block_on(until_filled(page));
  EXPECT_THAT(page, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(page, HasSubstr("You’re signed in"));
  EXPECT_THAT(page, HasSubstr("You are alice, and"));
  EXPECT_THAT(page, HasSubstr("href=\"https://k8sou.example.com\""));
  EXPECT_EQ(runtime_.block_on(knock(get(query_with("again")))), "refused");
}

TEST_F(LoopbackTest, AFailureAfterTheCallbackIsOnThePage) {
  std::string page;
  right_callback(page);
  finish({false, "", "the cache can't be written: <b>No space left</b>"});
  runtime_.block_on(until_filled(page));
  EXPECT_THAT(page, StartsWith("HTTP/1.1 502"));
  EXPECT_THAT(page, HasSubstr("&lt;b&gt;No space left"));
  EXPECT_THAT(page, Not(HasSubstr("<b>")));
}

TEST_F(LoopbackTest, TheProvidersErrorReachesBothAtOnce) {
  std::string page;
  knock_aside(get("error=access_denied&error_description=%3Cscript%3Enot+in+devs%1b%5B2J&state=" +
                  std::string(kState) + "&iss=" + kEncodedIssuer),
              page);
  const auto callback = runtime_.block_on(wait());
  ASSERT_TRUE(callback);
  EXPECT_TRUE(callback->refused());
  EXPECT_EQ(callback->error, "access_denied");
  EXPECT_EQ(callback->error_description, "<script>not in devs\x1b[2J");
  runtime_.block_on(until_filled(page));  // finish() wasn't called
  EXPECT_THAT(page, StartsWith("HTTP/1.1 403"));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;not in devs?[2J"));
  EXPECT_THAT(page, HasSubstr("<code>access_denied</code>"));
  finish({});
}

TEST_F(LoopbackTest, ALongDescriptionIsShortenedAndStillCounts) {
  std::string page;
  knock_aside(get("error=server_error&error_description=" + std::string(4000, 'x') +
                  "&state=" + kState + "&iss=" + kEncodedIssuer),
              page);
  const auto callback = runtime_.block_on(wait());
  ASSERT_TRUE(callback);
  EXPECT_EQ(callback->error_description, std::string(1024, 'x'));
}

TEST_F(LoopbackTest, WithoutACallbackTheWaitEndsAtItsDeadlineAndWhatComesThenIsToldSo) {
  const auto nothing = runtime_.block_on(loopback_->wait(net::in(Millis(20))));
  ASSERT_FALSE(nothing);
  EXPECT_TRUE(nothing.error().is(net::Errc::timed_out));
  const std::string page = runtime_.block_on(knock(get(query_with("late"))));
  EXPECT_THAT(page, StartsWith("HTTP/1.1 410"));
  EXPECT_THAT(page, HasSubstr("This came too late"));
}

TEST_F(LoopbackTest, ASecondCallbackIsLateAndTheFirstOneStands) {
  std::string page;
  const Callback callback = right_callback(page);
  EXPECT_EQ(callback.code, "right");
  for (const std::string& query :
       {query_with("second"), query_with("right"),
        "error=access_denied&state=" + std::string(kState) + "&iss=" + kEncodedIssuer})
    EXPECT_THAT(runtime_.block_on(knock(get(query))), StartsWith("HTTP/1.1 410")) << query;
  EXPECT_EQ(runtime_.block_on(wait())->code, "right");
  finish();
  runtime_.block_on(until_filled(page));
  EXPECT_THAT(page, HasSubstr("You’re signed in"));
}

TEST_F(LoopbackTest, ABrowserThatHasWaitedLongEnoughIsSentBackToTheTerminal) {
  options_.hold = Millis(20);
  open();
  std::string page;
  right_callback(page);
  runtime_.block_on(until_filled(page));  // finish() wasn't called
  EXPECT_THAT(page, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(page, HasSubstr("Almost there"));
  EXPECT_THAT(page, Not(HasSubstr("You’re signed in")));
  finish();
}

// The program may end when finish() returns: the page must be with the browser by then.
TEST_F(LoopbackTest, FinishReturnsWhenThePageHasArrived) {
  std::string page;
  right_callback(page);
  finish();
  EXPECT_THAT(page, HasSubstr("</html>"));
}

TEST_F(LoopbackTest, ABrowserThatTakesNothingHoldsFinishUpToItsDeadlineOnly) {
  auto stream = runtime_.block_on(connect());
  ASSERT_TRUE(stream);
  ASSERT_TRUE(runtime_.block_on(stream->write(get(query_with("right")), net::in(kPatience))));
  ASSERT_TRUE(runtime_.block_on(wait()));
  runtime_.block_on(loopback_->finish({true, "alice"}, net::in(Millis(50))));
  EXPECT_THAT(runtime_.block_on(read_to_end(*stream)), HasSubstr("You’re signed in"));
}

TEST_F(LoopbackTest, ABrowserThatWentAwayDoesNotHoldFinishUp) {
  auto stream = runtime_.block_on(connect());
  ASSERT_TRUE(stream);
  ASSERT_TRUE(runtime_.block_on(stream->write(get(query_with("right")), net::in(kPatience))));
  ASSERT_EQ(runtime_.block_on(wait())->code, "right");
  stream.reset();
  finish();
}

TEST_F(LoopbackTest, DestroyedWithAPageHeldItCutsTheConnection) {
  std::string page = "";
  right_callback(page);
  auto late = runtime_.block_on(connect());
  ASSERT_TRUE(late);
  loopback_.reset();
  EXPECT_EQ(runtime_.block_on(read_to_end(*late)), "");
  EXPECT_EQ(runtime_.block_on(knock(get(query_with("again")))), "refused");
  EXPECT_EQ(page, "");
}

TEST_F(LoopbackTest, TheOtherAddressListensAtTheSamePort) {
  auto six = runtime_.block_on(net::connect_tcp("::1", port_, net::in(kPatience)));
  if (!six) GTEST_SKIP() << "no IPv6 here, or the port was taken";
  std::string bytes = get(query_with("six"));
  const std::string four = "127.0.0.1:";
  bytes.replace(bytes.find(four), four.size(), "[::1]:");
  ASSERT_TRUE(runtime_.block_on((*six)->write(bytes, net::in(kPatience))));
  EXPECT_EQ(runtime_.block_on(wait())->code, "six");
}

TEST_F(LoopbackTest, PagesMayDoNothingAndStayNowhere) {
  std::string page;
  right_callback(page);
  finish();
  runtime_.block_on(until_filled(page));
  for (const char* field :
       {"\r\ncache-control: no-store\r\n", "\r\nreferrer-policy: no-referrer\r\n",
        "\r\nx-content-type-options: nosniff\r\n", "\r\nx-frame-options: DENY\r\n",
        "\r\nconnection: close\r\n"})
    EXPECT_THAT(page, HasSubstr(field));
  const std::size_t from = page.find("<style>") + 7;
  const std::string style = page.substr(from, page.find("</style>") - from);
  EXPECT_THAT(page,
              HasSubstr("content-security-policy: default-src 'none'; style-src 'sha256-" +
                        base64_encode(crypto::view(crypto::sha256(style))) +
                        "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"));
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, Not(HasSubstr("style=")));
}

TEST_F(LoopbackTest, OnlyAnHttpsPortalIsLinked) {
  for (const char* portal : {"", "javascript:alert(1)", "http://k8sou.example.com", "//x", "a:^"}) {
    loopback_.reset();
    options_.portal = portal;
    open();
    std::string page;
    right_callback(page);
    finish();
    runtime_.block_on(until_filled(page));
    EXPECT_THAT(page, Not(HasSubstr("href"))) << portal;
  }
}

}  // namespace
}  // namespace openunison::cli::testing
