// SPDX-License-Identifier: Apache-2.0
//
// ProgramMetrics: what the program has to say of itself at each exposure: which build it is, what
// the process uses (the process_ metrics that Prometheus' client libraries have), how old the
// signing keys are and what is next, and when certificates expire. Made by `serve` when everything
// else is; must end before what it looks at. Thread-safe.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "config/values.h"
#include "jose/key_ring.h"
#include "net/tls.h"

namespace openunison::cmd {

class ProgramMetrics {
 public:
  // Trusted certificates are those of `values`; serving ones come with set_certificates().
  ProgramMetrics(const jose::KeyRing& keys, const config::Values& values);

  // The serving certificates that are in use from now on, named by the last part of their path.
  void set_certificates(const std::vector<net::CertificatePair>& pairs);

 private:
  std::vector<metrics::Sample> certificates();

  std::mutex mutex_;  // for the two below
  std::vector<metrics::Sample> serving_;
  std::vector<metrics::Sample> trusted_;
  std::vector<std::unique_ptr<metrics::Collected>> collected_;
};

}  // namespace openunison::cmd
