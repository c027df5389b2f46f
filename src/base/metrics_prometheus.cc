// SPDX-License-Identifier: Apache-2.0
//
// Over prometheus-cpp core.
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <map>
#include <memory>
#include <mutex>

#include "base/check.h"
#include "base/metrics.h"

namespace openunison::metrics {
namespace {

class PrometheusCounter final : public Counter {
 public:
  explicit PrometheusCounter(prometheus::Counter& counter) : counter_(counter) {}
  void add(double by) override { counter_.Increment(by); }

 private:
  prometheus::Counter& counter_;
};

class PrometheusGauge final : public Gauge {
 public:
  explicit PrometheusGauge(prometheus::Gauge& gauge) : gauge_(gauge) {}
  void set(double value) override { gauge_.Set(value); }
  void add(double by) override { gauge_.Increment(by); }

 private:
  prometheus::Gauge& gauge_;
};

class PrometheusHistogram final : public Histogram {
 public:
  explicit PrometheusHistogram(prometheus::Histogram& histogram) : histogram_(histogram) {}
  void observe(double value) override { histogram_.Observe(value); }

 private:
  prometheus::Histogram& histogram_;
};

const prometheus::Histogram::BucketBoundaries kBuckets{
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};

using Key = std::pair<std::string, std::map<std::string, std::string>>;

struct CollectedFamily {
  Kind kind;
  std::string help;
  Collected::Collect collect;
};

prometheus::MetricFamily ask(const std::string& name, const CollectedFamily& asked) {
  const bool counts = asked.kind == Kind::counter;
  prometheus::MetricFamily family;
  family.name = name;
  family.help = asked.help;
  family.type = counts ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge;
  for (const Sample& sample : asked.collect()) {
    prometheus::ClientMetric metric;
    for (const auto& [label, value] : sample.labels) metric.label.push_back({label, value});
    (counts ? metric.counter.value : metric.gauge.value) = sample.value;
    family.metric.push_back(std::move(metric));
  }
  return family;
}

// One for the process, never destroyed: metrics are counted until the very end.
struct Registry {
  std::mutex mutex;
  prometheus::Registry registry;
  std::map<Key, std::unique_ptr<Counter>> counters;
  std::map<Key, std::unique_ptr<Gauge>> gauges;
  std::map<Key, std::unique_ptr<Histogram>> histograms;
  std::mutex collected_mutex;                        // held while they are asked
  std::map<std::string, CollectedFamily> collected;  // by name
};
Registry& registry() {
  static Registry& instance = *new Registry;
  return instance;
}

Key key_of(const std::string& name, const Labels& labels) {
  CHECK(name.starts_with("openunison_"));
  return {name, {labels.begin(), labels.end()}};
}

}  // namespace

Counter& counter(const std::string& name, const std::string& help, const Labels& labels) {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  const Key key = key_of(name, labels);
  auto& slot = all.counters[key];
  if (!slot) {
    auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(all.registry);
    slot = std::make_unique<PrometheusCounter>(family.Add(key.second));
  }
  return *slot;
}

Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels) {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  const Key key = key_of(name, labels);
  auto& slot = all.gauges[key];
  if (!slot) {
    auto& family = prometheus::BuildGauge().Name(name).Help(help).Register(all.registry);
    slot = std::make_unique<PrometheusGauge>(family.Add(key.second));
  }
  return *slot;
}

Histogram& latency(const std::string& name, const std::string& help, const Labels& labels) {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  const Key key = key_of(name, labels);
  auto& slot = all.histograms[key];
  if (!slot) {
    auto& family = prometheus::BuildHistogram().Name(name).Help(help).Register(all.registry);
    slot = std::make_unique<PrometheusHistogram>(family.Add(key.second, kBuckets));
  }
  return *slot;
}

Collected::Collected(Kind kind, std::string name, std::string help, Collect collect)
    : name_(std::move(name)) {
  CHECK(name_.starts_with("openunison_") || name_.starts_with("process_"));
  Registry& all = registry();
  const std::lock_guard lock(all.collected_mutex);
  const bool is_new =
      all.collected.emplace(name_, CollectedFamily{kind, std::move(help), std::move(collect)})
          .second;
  CHECK(is_new);
}

Collected::~Collected() {
  Registry& all = registry();
  const std::lock_guard lock(all.collected_mutex);
  all.collected.erase(name_);
}

std::string expose() {
  Registry& all = registry();
  std::vector<prometheus::MetricFamily> families = all.registry.Collect();
  {
    const std::lock_guard lock(all.collected_mutex);
    for (const auto& [name, asked] : all.collected) {
      prometheus::MetricFamily family = ask(name, asked);
      if (!family.metric.empty()) families.push_back(std::move(family));
    }
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace openunison::metrics
