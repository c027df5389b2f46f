// SPDX-License-Identifier: Apache-2.0
//
// Metrics by Prometheus' conventions, over prometheus-cpp core. Look a metric up once (at
// construction), keep the reference (it lives for the process), count with it. Thread-safe.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

namespace openunison::metrics {

using Labels = std::vector<std::pair<std::string, std::string>>;

class Counter {
 public:
  virtual ~Counter() = default;
  virtual void add(double by = 1) = 0;
};
class Gauge {
 public:
  virtual ~Gauge() = default;
  virtual void set(double value) = 0;
  virtual void add(double by) = 0;
};
class Histogram {
 public:
  virtual ~Histogram() = default;
  virtual void observe(double value) = 0;
};

// The same (name, labels) gives the same object. Names start with "openunison_".
Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {});
Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels = {});
// Seconds; buckets from 0.5 ms to 10 s.
Histogram& latency(const std::string& name, const std::string& help, const Labels& labels = {});

// The text exposition format, version 0.0.4.
std::string expose();

}  // namespace openunison::metrics
