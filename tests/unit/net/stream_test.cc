// SPDX-License-Identifier: Apache-2.0
//
// What every stream promises, over TCP; and the pipe that stands for one in tests.
#include "net/stream.h"

#include "loopback.h"

namespace openunison::net::testing {
namespace {

class StreamTest : public Loopback {};

Task<void> write_then_end(Stream& stream, std::string data, bool& written) {
  auto done = co_await stream.write(data, in(kPatience));
  written = done.has_value();
  co_await stream.shutdown_write(in(kPatience));
}
Task<std::string> through(Runtime& runtime, Stream& from, Stream& to, std::string data,
                          bool& written) {
  runtime.spawn(0, write_then_end(from, std::move(data), written));
  std::string got = co_await read_all(to);
  co_return got;
}

// More than any socket buffer holds: the writer must wait for the reader.
TEST_F(StreamTest, ManyBytesArriveInOrderAndThenTheEnd) {
  Pair pair = connect();
  std::string data(8u << 20, ' ');
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 7 + i / 251);
  bool written = false;
  const std::string got = run(through(runtime_, *pair.near, *pair.far, data, written));
  EXPECT_TRUE(written);
  EXPECT_EQ(got.size(), data.size());
  EXPECT_TRUE(got == data);
}

TEST_F(StreamTest, AHalfClosedConnectionStillAnswers) {
  Pair pair = connect();
  run(pair.near->shutdown_write(in(kPatience)));
  EXPECT_EQ(run(read_all(*pair.far)), "");
  ASSERT_TRUE(run(pair.far->write("answer", in(kPatience))));
  run(pair.far->shutdown_write(in(kPatience)));
  EXPECT_EQ(run(read_all(*pair.near)), "answer");
}

TEST_F(StreamTest, ReadsTimeOutAndTheConnectionLivesOn) {
  Pair pair = connect();
  char buffer[16];
  const auto late = run(pair.far->read_some(buffer, in(Millis(5))));
  ASSERT_FALSE(late);
  EXPECT_TRUE(late.error().is(Errc::timed_out));
  ASSERT_TRUE(run(pair.near->write("x", in(kPatience))));
  const auto got = run(pair.far->read_some(buffer, in(kPatience)));
  ASSERT_TRUE(got);
  EXPECT_EQ(*got, 1u);
}

TEST_F(StreamTest, WritesThatNobodyReadsTimeOut) {
  Pair pair = connect();
  const std::string data(64u << 20, 'x');
  const auto late = run(pair.near->write(data, in(Millis(50))));
  ASSERT_FALSE(late);
  EXPECT_TRUE(late.error().is(Errc::timed_out));
}

Task<Result<void>> gather(Stream& stream) {
  co_return co_await stream.write("head ", "body", in(kPatience));
}

TEST_F(StreamTest, TwoPartsAreOneText) {
  Pair pair = connect();
  ASSERT_TRUE(run(gather(*pair.near)));
  run(pair.near->shutdown_write(in(kPatience)));
  EXPECT_EQ(run(read_all(*pair.far)), "head body");
}

Task<std::size_t> try_until_there(Stream& stream, std::span<char> into) {
  for (int i = 0; i < 10'000; ++i) {
    if (const std::size_t got = stream.try_read(into); got > 0) co_return got;
    co_await sleep_until(in(Millis(1)));
  }
  co_return 0;
}

TEST_F(StreamTest, TryReadNeverWaits) {
  Pair pair = connect();
  char buffer[16];
  EXPECT_EQ(pair.far->try_read(buffer), 0u);
  ASSERT_TRUE(run(pair.near->write("abc", in(kPatience))));
  EXPECT_EQ(run(try_until_there(*pair.far, buffer)), 3u);
  EXPECT_EQ(std::string(buffer, 3), "abc");
  EXPECT_EQ(pair.far->try_read(buffer), 0u);
}

Task<void> close_soon(Stream& stream) {
  co_await sleep_until(in(Millis(5)));
  stream.close();
}
Task<Result<std::size_t>> read_while_closing(Runtime& runtime, Stream& stream) {
  runtime.spawn(0, close_soon(stream));
  char buffer[16];
  co_return co_await stream.read_some(buffer, in(kPatience));
}

TEST_F(StreamTest, CloseEndsAPendingRead) {
  Pair pair = connect();
  const auto ended = run(read_while_closing(runtime_, *pair.far));
  ASSERT_FALSE(ended);
  EXPECT_TRUE(ended.error().is(Errc::cancelled));
  EXPECT_EQ(run(read_all(*pair.near)), "") << "the other end learns of it";
}

TEST_F(StreamTest, APeerThatIsGoneFailsWrites) {
  Pair pair = connect();
  pair.far.reset();
  Result<void> written;
  const std::string data(1u << 20, 'x');
  for (int i = 0; i < 100 && written; ++i) written = run(pair.near->write(data, in(kPatience)));
  ASSERT_FALSE(written);
  EXPECT_TRUE(written.error().is(Errc::closed)) << written.error().message();
}

// --- connecting ---

TEST_F(StreamTest, NamesResolveAndAddressesStandForThemselves) {
  const auto v4 = run(resolve("127.0.0.1", in(kPatience)));
  ASSERT_TRUE(v4);
  EXPECT_EQ(*v4, std::vector<std::string>{"127.0.0.1"});
  EXPECT_TRUE(run(connect_tcp("localhost", listener_->port(), in(kPatience))));
  const auto none = run(resolve("no-such-host.invalid", in(kPatience)));  // RFC 6761 §6.4
  ASSERT_FALSE(none);
  EXPECT_TRUE(none.error().is(Errc::unresolved));
}

// --- memory_pipe ---

TEST(MemoryPipe, SplitsEveryRead) {
  Runtime runtime(1);
  auto [near, far] = memory_pipe(2);
  bool written = false;
  const auto all = runtime.block_on(through(runtime, *near, *far, "abcde", written));
  EXPECT_EQ(all, "abcde");
  auto [one, other] = memory_pipe(2);
  ASSERT_TRUE(runtime.block_on(one->write("abcde", in(kPatience))));
  char buffer[16];
  const auto got = runtime.block_on(other->read_some(buffer, in(kPatience)));
  ASSERT_TRUE(got);
  EXPECT_EQ(*got, 2u);
}

}  // namespace
}  // namespace openunison::net::testing
