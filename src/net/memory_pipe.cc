// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "net/signal.h"
#include "net/stream.h"

namespace openunison::net {
namespace {

constexpr std::size_t kCapacity = 64 * 1024;  // of one direction: writers wait when it is full

// One direction. Both ends live on one thread.
struct Channel {
  std::string bytes;
  bool finished = false, broken = false;
  Signal changed;
};

class PipeEnd final : public Stream {
 public:
  PipeEnd(std::shared_ptr<Channel> in, std::shared_ptr<Channel> out, std::size_t split)
      : in_(std::move(in)), out_(std::move(out)), split_(split) {
    peer_.ip = "127.0.0.1";
  }
  ~PipeEnd() override { close(); }

  Task<Result<std::size_t>> read_some(std::span<char> into, Deadline deadline) override {
    const std::shared_ptr<Channel> in = in_;
    while (in->bytes.empty()) {
      if (closed_) co_return fail(Errc::cancelled, "the connection was ended here");
      if (in->finished) co_return std::size_t{0};
      if (in->broken) co_return fail(Errc::closed, "the other side closed");
      const bool changed = co_await in->changed.wait(deadline);
      if (!changed) co_return fail(Errc::timed_out, "the other side took too long");
    }
    co_return take(into);
  }
  std::size_t try_read(std::span<char> into) override { return take(into); }
  Task<Result<void>> write(std::string_view data, Deadline deadline) override {
    const std::shared_ptr<Channel> out = out_;
    while (!data.empty()) {
      if (closed_) co_return fail(Errc::cancelled, "the connection was ended here");
      if (out->broken) co_return fail(Errc::closed, "the other side closed");
      const std::size_t room = kCapacity - std::min(kCapacity, out->bytes.size());
      if (room == 0) {
        const bool changed = co_await out->changed.wait(deadline);
        if (!changed) co_return fail(Errc::timed_out, "the other side took too long");
        continue;
      }
      out->bytes.append(data.substr(0, room));
      data.remove_prefix(std::min(room, data.size()));
      out->changed.notify();
    }
    co_return Result<void>{};
  }
  Task<Result<void>> write(std::string_view first, std::string_view second,
                           Deadline deadline) override {
    auto written = co_await write(first, deadline);
    if (!written) co_return written;
    co_return co_await write(second, deadline);
  }
  Task<void> shutdown_write(Deadline) override {
    out_->finished = true;
    out_->changed.notify();
    co_return;
  }
  void close() override {
    if (closed_) return;
    closed_ = true;
    if (!out_->finished) out_->finished = true;
    in_->broken = true;
    in_->changed.notify();
    out_->changed.notify();
  }
  const PeerAddress& peer() const override { return peer_; }
  const TlsInfo& tls() const override { return tls_; }

 private:
  std::size_t take(std::span<char> into) {
    std::size_t count = std::min(into.size(), in_->bytes.size());
    if (split_ > 0) count = std::min(count, split_);
    in_->bytes.copy(into.data(), count);
    in_->bytes.erase(0, count);
    if (count > 0) in_->changed.notify();
    return count;
  }

  std::shared_ptr<Channel> in_, out_;
  std::size_t split_;
  bool closed_ = false;
  PeerAddress peer_;
  TlsInfo tls_;
};

}  // namespace

std::pair<std::unique_ptr<Stream>, std::unique_ptr<Stream>> memory_pipe(std::size_t split) {
  auto there = std::make_shared<Channel>();
  auto back = std::make_shared<Channel>();
  return {std::make_unique<PipeEnd>(back, there, split),
          std::make_unique<PipeEnd>(there, back, split)};
}

}  // namespace openunison::net
