// SPDX-License-Identifier: Apache-2.0
//
// ProviderHealth: what /readyz says of the identity providers. A provider that doesn't answer must
// not make the answer late, or whatever asks takes the server out of service: they are asked in the
// background, and the last word of each is told. Callable on every runtime thread.
#pragma once

#include <memory>

#include "net/task.h"
#include "session/sessions.h"
#include "text/json.h"

namespace openunison::cmd {

class ProviderHealth {
 public:
  // `connectors` outlives it.
  explicit ProviderHealth(const session::Connectors& connectors);
  ~ProviderHealth();

  // Asks each unless it is being asked (the connector remembers an answer for a while) and gives
  // what is known after a moment: name, reachable, detail and warning of each.
  Task<text::Json::Array> look();

 private:
  struct One;
  static Task<void> ask(std::shared_ptr<One> one);
  std::vector<std::shared_ptr<One>> all_;
};

}  // namespace openunison::cmd
