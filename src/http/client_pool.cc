// SPDX-License-Identifier: Apache-2.0
#include "http/client_pool.h"

namespace openunison::http {

ClientPool::ClientPool(unsigned threads, std::size_t idle_per_origin, Millis idle_timeout)
    : threads_(threads), idle_per_origin_(idle_per_origin), idle_timeout_(idle_timeout) {}

std::unique_ptr<net::Stream> ClientPool::take(unsigned thread, const std::string& origin,
                                              MonoTime now, Millis longest) {
  Origins& origins = threads_.at(thread);
  expire(origins, now);
  const auto found = origins.find(origin);
  if (found == origins.end() || now - found->second.back().since > longest) return nullptr;
  std::unique_ptr<net::Stream> stream = std::move(found->second.back().stream);
  found->second.pop_back();
  if (found->second.empty()) origins.erase(found);
  return stream;
}

void ClientPool::keep(unsigned thread, const std::string& origin,
                      std::unique_ptr<net::Stream> stream, MonoTime now) {
  if (idle_per_origin_ == 0) return;
  Origins& origins = threads_.at(thread);
  expire(origins, now);
  std::vector<Idle>& idle = origins[origin];
  if (idle.size() >= idle_per_origin_) idle.erase(idle.begin());
  idle.push_back({std::move(stream), now});
}

std::size_t ClientPool::size(unsigned thread) const {
  std::size_t count = 0;
  for (const auto& [origin, idle] : threads_.at(thread)) count += idle.size();
  return count;
}

void ClientPool::expire(Origins& origins, MonoTime now) const {
  for (auto at = origins.begin(); at != origins.end();) {
    std::erase_if(at->second, [&](const Idle& idle) { return now - idle.since >= idle_timeout_; });
    at = at->second.empty() ? origins.erase(at) : std::next(at);
  }
}

Task<bool> is_quiet(net::Stream& stream) {
  // A read whose deadline has passed already times out exactly when nothing is there.
  char byte;
  auto got = co_await stream.read_some({&byte, 1}, std::chrono::steady_clock::now());
  co_return !got && got.error().is(net::Errc::timed_out);
}

}  // namespace openunison::http
