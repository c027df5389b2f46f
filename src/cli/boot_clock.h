// SPDX-License-Identifier: Apache-2.0
//
// A clock that nobody sets: time since the machine was started, sleep included. How much of a
// token's life is left is counted with it, so that a machine whose date is wrong works all the
// same. One file per system.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"

namespace openunison::cli {

struct BootTime {
  std::string boot;  // names this start of the machine; "" where that can't be known
  Millis since{0};

  // How long ago `earlier` was; none if that was another start of the machine, or isn't known.
  std::optional<Millis> since_when(const BootTime& earlier) const {
    if (boot.empty() || boot != earlier.boot || since < earlier.since) return std::nullopt;
    return since - earlier.since;
  }
};

class BootClock {
 public:
  virtual ~BootClock() = default;
  virtual BootTime now() const = 0;
};

class SystemBootClock final : public BootClock {
 public:
  BootTime now() const override;
};

}  // namespace openunison::cli
