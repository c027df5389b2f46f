// SPDX-License-Identifier: Apache-2.0
//
// Metrics of a program that nobody scrapes: counted nowhere.
#include "base/metrics.h"

namespace openunison::metrics {
namespace {

class Nothing final : public Counter, public Gauge, public Histogram {
 public:
  void add(double) override {}
  void set(double) override {}
  void observe(double) override {}
};
Nothing nothing;

}  // namespace

Counter& counter(const std::string&, const std::string&, const Labels&) {
  return nothing;
}
Gauge& gauge(const std::string&, const std::string&, const Labels&) {
  return nothing;
}
Histogram& latency(const std::string&, const std::string&, const Labels&) {
  return nothing;
}

Collected::Collected(Kind, std::string name, std::string, Collect) : name_(std::move(name)) {}
Collected::~Collected() = default;

std::string expose() {
  return {};
}

}  // namespace openunison::metrics
