// SPDX-License-Identifier: Apache-2.0
#include "cmd/openunison/provider_health.h"

#include <mutex>
#include <optional>

#include "cmd/openunison/upstreams.h"
#include "net/runtime.h"

namespace openunison::cmd {
namespace {

constexpr Millis kDeadline{10'000};
// A kubelet waits one second for a probe unless it is told otherwise.
constexpr Millis kMoment{300};

}  // namespace

struct ProviderHealth::One {
  identity::Connector* connector;
  std::mutex mutex;
  std::shared_ptr<net::Completion> asking;  // null: nobody does
  std::optional<identity::Connector::Health> last;

  text::Json json() {
    const std::lock_guard lock(mutex);
    text::Json entry;
    entry.set("name", connector->name());
    entry.set("reachable", last && last->reachable);
    const std::string detail = last ? last->detail : "it hasn't answered yet";
    if (!detail.empty()) entry.set("detail", detail);
    if (last && last->clock_ahead && std::chrono::abs(*last->clock_ahead) > kMaxClockDifference) {
      entry.set("warning", "its clock and ours differ by " +
                               std::to_string(last->clock_ahead->count()) + " ms");
    }
    return entry;
  }
};

ProviderHealth::ProviderHealth(const session::Connectors& connectors) {
  for (const auto& connector : connectors.all()) {
    all_.push_back(std::make_shared<One>());
    all_.back()->connector = connector.get();
  }
}
ProviderHealth::~ProviderHealth() = default;

Task<void> ProviderHealth::ask(std::shared_ptr<One> one) {
  auto health = co_await one->connector->health(net::in(kDeadline));
  std::shared_ptr<net::Completion> asked;
  {
    const std::lock_guard lock(one->mutex);
    one->last = std::move(health);
    asked = std::exchange(one->asking, nullptr);
  }
  asked->complete();
}

Task<text::Json::Array> ProviderHealth::look() {
  const net::Deadline moment = net::in(kMoment);
  const net::Executor executor = co_await net::current_executor();
  std::vector<std::shared_ptr<net::Completion>> asked;
  for (const auto& one : all_) {
    bool starts = false;
    {
      const std::lock_guard lock(one->mutex);
      starts = one->asking == nullptr;
      if (starts) one->asking = std::make_shared<net::Completion>();
      asked.push_back(one->asking);
    }
    if (starts) net::Runtime::spawn_on(executor, ask(one));
  }
  for (const auto& each : asked) co_await each->wait(moment);
  text::Json::Array entries;
  for (const auto& one : all_) entries.push_back(one->json());
  co_return entries;
}

}  // namespace openunison::cmd
