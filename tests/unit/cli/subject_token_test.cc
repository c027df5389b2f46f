// SPDX-License-Identifier: Apache-2.0
#include "cli/subject_token.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/base64.h"
#include "cli/error.h"
#include "temporary_directory.h"

namespace openunison::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

class SubjectTokenTest : public testing::Test {
 protected:
  Result<SubjectToken> read(const std::string& content, mode_t mode = 0600) {
    std::ofstream(file_, std::ios::binary) << content;
    EXPECT_EQ(::chmod(file_.c_str(), mode), 0);
    return read_subject_token(file_);
  }

  TemporaryDirectory directory_;
  const std::string file_ = directory_.path() + "/token";
  const std::string token_ = "e30." + base64url_encode(R"({"sub":"x"})") + ".c2ln";
};

TEST_F(SubjectTokenTest, IsWhatTheFileHoldsWithoutSpaceAround) {
  const auto plain = read(token_);
  ASSERT_TRUE(plain) << plain.error().message();
  EXPECT_EQ(plain->token.reveal(), token_);
  EXPECT_FALSE(plain->readable_by_all);
  const auto spaced = read(" \r\n" + token_ + "\r\n\t");
  ASSERT_TRUE(spaced) << spaced.error().message();
  EXPECT_EQ(spaced->token.reveal(), token_);
  EXPECT_EQ(spaced->digest, plain->digest);
  const auto other = read(token_ + "AAAA");
  ASSERT_TRUE(other);
  EXPECT_NE(other->digest, plain->digest);
  EXPECT_EQ(other->digest.size(), 64u);
}

TEST_F(SubjectTokenTest, TellsWhoElseCanReadIt) {
  EXPECT_FALSE(read(token_, 0640)->readable_by_all);
  EXPECT_TRUE(read(token_, 0644)->readable_by_all);
}

TEST_F(SubjectTokenTest, SaysWhatIsWrongWithTheFileAndNeverWhatIsInIt) {
  const std::string claims = base64url_encode(R"({"sub":"hunter2"})");
  struct Case {
    std::string content;
    const char* says;
  };
  for (const Case& each :
       {Case{"", "empty"}, Case{" \n\t\r", "empty"}, Case{"hunter2", "no signed token"},
        Case{R"({"value":")" + token_ + "\"}", "JSON instead of the token"},
        Case{"hunter2.hunter2", "no signed token"}, Case{"a.b.hunter2", "no signed token"},
        Case{"e30.hunter2.c2ln", "no signed token"}, Case{"e30." + claims, "no signed token"},
        Case{"e30." + claims + ".", "isn't signed"},
        Case{"e30." + claims + ".hunter2 hunter2", "isn't signed"},
        Case{"e30." + base64url_encode("[]") + ".c2ln", "no signed token"},
        Case{"." + claims + ".c2ln", "no signed token"},
        Case{"e30." + claims + ".c2ln.c2ln.c2ln", "no signed token"},
        Case{token_ + "\n" + token_, "no signed token"},
        Case{"e30." + std::string("\0\0", 2) + ".c2ln", "no signed token"},
        Case{token_ + std::string(16 * 1024, 'A'), "larger than any token"}}) {
    const auto refused = read(each.content);
    ASSERT_FALSE(refused) << each.content;
    EXPECT_TRUE(refused.error().is(Errc::bad_token_file));
    EXPECT_THAT(refused.error().message(), HasSubstr(each.says)) << each.content;
    EXPECT_THAT(refused.error().message(), HasSubstr("--token-file=" + file_));
    EXPECT_THAT(refused.error().message(), Not(HasSubstr("hunter2")));
  }
}

TEST_F(SubjectTokenTest, TakesRegularFilesOnlyAndWaitsForNobody) {
  EXPECT_THAT(read_subject_token(file_).error().message(), HasSubstr("no such file"));
  EXPECT_THAT(read_subject_token(directory_.path()).error().message(), HasSubstr("regular file"));
  EXPECT_THAT(read_subject_token("/dev/zero").error().message(), HasSubstr("regular file"));
  ASSERT_EQ(::mkfifo(file_.c_str(), 0600), 0);
  EXPECT_THAT(read_subject_token(file_).error().message(), HasSubstr("regular file"));
}

TEST_F(SubjectTokenTest, IsNamedByAPathThatIsAbsoluteAndNotResolved) {
  std::filesystem::create_symlink(directory_.path(), directory_.path() + "/..data");
  const std::string behind = directory_.path() + "/..data/token";
  EXPECT_EQ(absolute_token_file(behind).value(), behind);
  EXPECT_EQ(absolute_token_file(directory_.path() + "/./x/../token").value(), file_);
  EXPECT_EQ(absolute_token_file("token").value(),
            (std::filesystem::current_path() / "token").string());
}

}  // namespace
}  // namespace openunison::cli
