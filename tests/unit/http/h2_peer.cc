// SPDX-License-Identifier: Apache-2.0
#include "h2_peer.h"

#include <nghttp2/nghttp2.h>

#include "base/check.h"

namespace openunison::http::testing {
namespace {

constexpr Millis kPatience{10'000};

Task<void> serve(std::unique_ptr<net::Stream> stream, std::shared_ptr<Edge> edge,
                 std::shared_ptr<net::Completion> ended) {
  co_await h2::serve(std::move(stream), std::move(edge));
  ended->complete();
}

Task<bool> write(net::Stream& stream, std::string bytes) {
  auto written = co_await stream.write(bytes, net::in(kPatience));
  co_return written.has_value();
}

// An empty function: until the end.
Task<bool> read_until(net::Stream& stream, H2Reading& got, std::function<bool(H2Reading&)> done) {
  char buffer[4096];
  const net::Deadline deadline = net::in(kPatience);
  for (;;) {
    if (done && done(got)) co_return true;
    auto count = co_await stream.read_some(buffer, deadline);
    if (!count && count.error().is(net::Errc::timed_out)) co_return false;
    if (!count || *count == 0) co_return !done;
    got.add({buffer, *count});
  }
}

Task<void> sleep_for(Millis time) {
  co_await net::sleep_until(net::in(time));
}

Task<void> drain(std::shared_ptr<Edge> edge) {
  co_await edge->drain(net::in(kPatience));
}

Task<bool> wait_completed(std::shared_ptr<net::Completion> ended) {
  co_return co_await ended->wait(net::in(kPatience));
}

}  // namespace

std::string H2Answer::header(std::string_view name) const {
  for (const auto& [field, value] : fields) {
    if (field == name) return value;
  }
  return "";
}

H2Reading::H2Reading() {
  CHECK(nghttp2_hd_inflate_new(&inflater_) == 0);
}
H2Reading::~H2Reading() {
  nghttp2_hd_inflate_del(inflater_);
}

std::size_t H2Reading::count(FrameType type) const {
  std::size_t count = 0;
  for (const ReceivedFrame& each : frames) count += each.type == type ? 1 : 0;
  return count;
}

void H2Reading::add(std::string_view bytes) {
  buffer_ += bytes;
  const auto byte = [this](std::size_t at) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(buffer_[at]));
  };
  while (buffer_.size() >= 9) {
    const std::size_t length = byte(0) << 16 | byte(1) << 8 | byte(2);
    if (buffer_.size() < 9 + length) return;
    ReceivedFrame frame;
    frame.type = static_cast<std::uint8_t>(buffer_[3]);
    frame.flags = static_cast<std::uint8_t>(buffer_[4]);
    frame.stream =
        static_cast<std::int32_t>(byte(5) << 24 | byte(6) << 16 | byte(7) << 8 | byte(8));
    frame.payload = buffer_.substr(9, length);
    buffer_.erase(0, 9 + length);
    take(frame);
    frames.push_back(std::move(frame));
  }
}

void H2Reading::take(const ReceivedFrame& frame) {
  const auto number = [&frame](std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = at; i < at + 4; ++i)
      value = value << 8 | static_cast<unsigned char>(frame.payload.at(i));
    return value;
  };
  switch (frame.type) {
    case kData:
      streams_[frame.stream].body += frame.payload;
      data_bytes += frame.payload.size();
      break;
    case kHeaders:
      take_block(frame);
      break;
    case kRstStream:
      streams_[frame.stream].reset = number(0);
      return;
    case kGoAway:
      last_stream = number(0);
      go_aways.push_back(number(4));
      return;
    case kPing:
      if ((frame.flags & kAck) != 0) ++pongs;
      return;
    default:
      return;
  }
  if ((frame.flags & kEndStream) != 0) streams_[frame.stream].ended = true;
}

// Our server's heads are in one frame, without padding.
void H2Reading::take_block(const ReceivedFrame& frame) {
  CHECK((frame.flags & kEndHeaders) != 0 && (frame.flags & (kPadded | kPriorityFlag)) == 0);
  H2Answer& answer = streams_[frame.stream];
  answer.fields.clear();
  const auto* in = reinterpret_cast<const std::uint8_t*>(frame.payload.data());
  std::size_t left = frame.payload.size();
  for (;;) {
    nghttp2_nv field{};
    int flags = 0;
    const ssize_t used = nghttp2_hd_inflate_hd2(inflater_, &field, &flags, in, left, 1);
    CHECK(used >= 0);
    in += used;
    left -= static_cast<std::size_t>(used);
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
      answer.fields.emplace_back(
          std::string(reinterpret_cast<const char*>(field.name), field.namelen),
          std::string(reinterpret_cast<const char*>(field.value), field.valuelen));
      if ((field.flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0)
        answer.never_indexed.push_back(answer.fields.back().first);
    }
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
  }
  nghttp2_hd_inflate_end_headers(inflater_);
  const std::string status = answer.header(":status");
  if (status.empty()) return;
  answer.status = std::stoi(status);
  if (answer.status < 200) answer.interim.push_back(answer.status);
}

H2Peer::H2Peer(Service& service, const Limits& limits, std::size_t split, Proxies proxies)
    : edge_(std::make_shared<Edge>("local", limits, service, true, std::move(proxies))),
      ended_(std::make_shared<net::Completion>()) {
  auto [client, server] = net::memory_pipe(split);
  client_ = std::move(client);
  runtime_.spawn(0, serve(std::move(server), edge_, ended_));
}
H2Peer::~H2Peer() = default;

bool H2Peer::send(std::string bytes) {
  return runtime_.block_on(write(*client_, std::move(bytes)));
}
bool H2Peer::wait_for(std::function<bool(H2Reading&)> done) {
  return runtime_.block_on(read_until(*client_, got, std::move(done)));
}
bool H2Peer::wait_for_answer(std::int32_t stream) {
  return wait_for([stream](H2Reading& reading) { return reading.stream(stream).done(); });
}
bool H2Peer::wait_for_end() {
  return runtime_.block_on(read_until(*client_, got, nullptr));
}
void H2Peer::let_run(Millis time) {
  runtime_.block_on(sleep_for(time));
}
void H2Peer::begin_drain() {
  runtime_.spawn(0, drain(edge_));
  let_run(Millis(1));
}
bool H2Peer::server_ended() {
  return runtime_.block_on(wait_completed(ended_));
}

}  // namespace openunison::http::testing
