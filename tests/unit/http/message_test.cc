// SPDX-License-Identifier: Apache-2.0
#include "http/message.h"

#include <gtest/gtest.h>

#include <set>

#include "http/error.h"
#include "net/error.h"
#include "net/runtime.h"

namespace openunison::http {
namespace {

TEST(Headers, GetUniqueJoined) {
  Headers headers{{"a", "1"}, {"b", "2"}, {"a", "3"}, {"cookie", "x=1"}, {"cookie", "y=2"}};
  EXPECT_EQ(headers.get("a"), "1");
  EXPECT_EQ(headers.get("c"), std::nullopt);
  EXPECT_TRUE(headers.contains("b"));
  EXPECT_EQ(*headers.unique("b"), "2");
  EXPECT_EQ(*headers.unique("c"), std::nullopt);
  ASSERT_FALSE(headers.unique("a"));
  EXPECT_TRUE(headers.unique("a").error().is(Errc::bad_request));
  EXPECT_EQ(headers.joined("a"), "1, 3");
  EXPECT_EQ(headers.joined("cookie"), "x=1; y=2");
  EXPECT_EQ(headers.joined("c"), "");
}

TEST(Headers, SetAndRemove) {
  Headers headers{{"a", "1"}, {"b", "2"}, {"a", "3"}};
  headers.set("a", "4");
  EXPECT_EQ(headers.joined("a"), "4");
  headers.remove("b");
  EXPECT_FALSE(headers.contains("b"));
  headers.remove_if([](const Field& field) { return field.value == "4"; });
  EXPECT_TRUE(headers.fields().empty());
}

TEST(Authority, TextIsAsGiven) {
  EXPECT_EQ((Authority{"a", 443, false}).text(), "a");
  EXPECT_EQ((Authority{"a", 443, true}).text(), "a:443");
  EXPECT_EQ((Authority{"::1", 8443, true}).text(), "[::1]:8443");
}

class PiecesReader final : public BodyReader {
 public:
  explicit PiecesReader(std::vector<Result<std::string>> pieces,
                        std::optional<std::uint64_t> length = std::nullopt)
      : pieces_(std::move(pieces)), length_(length) {}
  Task<Result<std::size_t>> read(std::span<char> into) override {
    ++reads;
    if (next_ == pieces_.size()) co_return std::size_t{0};
    const Result<std::string>& piece = pieces_[next_++];
    if (!piece) co_return std::unexpected(piece.error());
    co_return piece->copy(into.data(), into.size());
  }
  std::optional<std::uint64_t> length() const override { return length_; }
  int reads = 0;

 private:
  std::vector<Result<std::string>> pieces_;
  std::optional<std::uint64_t> length_;
  std::size_t next_ = 0;
};

TEST(ReadAll, JoinsPiecesUpToTheLimit) {
  net::Runtime runtime(1);
  PiecesReader whole({std::string("abc"), std::string("de")});
  EXPECT_EQ(runtime.block_on(read_all(whole, 5)).value(), "abcde");
  PiecesReader over({std::string("abc"), std::string("de")});
  const auto too_large = runtime.block_on(read_all(over, 4));
  ASSERT_FALSE(too_large);
  EXPECT_TRUE(too_large.error().is(Errc::body_too_large));
  PiecesReader announced({std::string("abc")}, 5);
  EXPECT_FALSE(runtime.block_on(read_all(announced, 4)));
  EXPECT_EQ(announced.reads, 0);  // told by the length alone
  PiecesReader broken({std::string("abc"), fail(Errc::body_ended_early, "cut")});
  EXPECT_TRUE(runtime.block_on(read_all(broken, 10)).error().is(Errc::body_ended_early));
}

struct StatusCase {
  std::error_code code;
  int status;
};

TEST(StatusOf, EveryCodeHasItsStatus) {
  const StatusCase cases[] = {
      {Errc::bad_request, 400},
      {Errc::bad_target, 400},
      {Errc::unauthorized, 401},
      {Errc::forbidden, 403},
      {Errc::not_found, 404},
      {Errc::method_not_allowed, 405},
      {Errc::timed_out, 408},
      {Errc::body_too_large, 413},
      {Errc::target_too_long, 414},
      {Errc::unsupported_media, 415},
      {Errc::misdirected, 421},
      {Errc::too_many, 429},
      {Errc::header_too_large, 431},
      {Errc::internal, 500},
      {Errc::not_implemented, 501},
      {Errc::bad_gateway, 502},
      {Errc::unavailable, 503},
      {Errc::gateway_timeout, 504},
      {Errc::version_not_supported, 505},
      {Errc::body_ended_early, 400},
      {net::Errc::timed_out, 504},
      {net::Errc::refused, 502},
      {net::Errc::closed, 502},
      {net::Errc::unresolved, 502},
      {net::Errc::untrusted, 502},
      {net::Errc::tls_failed, 502},
      {net::Errc::busy, 503},
      {net::Errc::io, 500},
      {net::Errc::bad_certificate, 500},
      {net::Errc::cancelled, 500},
      {std::make_error_code(std::errc::io_error), 500},
  };
  for (const StatusCase& each : cases)
    EXPECT_EQ(status_of(each.code), each.status) << each.code.message();
}

TEST(StatusOf, CodesHaveNamesOfTheirOwn) {
  std::set<std::string> names;
  for (int value = 1; value <= static_cast<int>(Errc::body_ended_early); ++value) {
    EXPECT_TRUE(names.insert(make_error_code(static_cast<Errc>(value)).message()).second) << value;
  }
  EXPECT_EQ(make_error_code(Errc::body_ended_early).message(), "body_ended_early");
}

}  // namespace
}  // namespace openunison::http
