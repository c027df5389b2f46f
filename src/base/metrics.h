// SPDX-License-Identifier: Apache-2.0
//
// Metrics by Prometheus' conventions, over prometheus-cpp core. Look a metric up once (at
// construction), keep the reference (it lives for the process), count with it. What has a value
// anyway (the age of a key, open files) isn't counted: it is asked for at each exposure. Label
// values come from a set that is known when the program starts, never from a request. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
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

struct Sample {
  Labels labels;
  double value;
};
enum class Kind { counter, gauge };

// A family whose samples are asked for whenever metrics are exposed: no series outlives what it
// tells of. While it exists `collect` is called on the thread that exposes, never twice at once; it
// must not throw, wait or touch metrics itself. The destructor waits for a call that runs. Names
// start with "openunison_" or "process_" (which Prometheus defines) and are given once.
class [[nodiscard]] Collected {
 public:
  using Collect = std::function<std::vector<Sample>()>;
  Collected(Kind kind, std::string name, std::string help, Collect collect);
  ~Collected();
  Collected(const Collected&) = delete;
  Collected& operator=(const Collected&) = delete;

 private:
  std::string name_;
};

// The text exposition format, version 0.0.4.
std::string expose();

}  // namespace openunison::metrics
