// SPDX-License-Identifier: Apache-2.0
//
// What the admin socket offers: keys and sessions. Who may open the socket may do all of it.
#pragma once

#include <memory>

#include "http/router.h"
#include "jose/key_ring.h"
#include "session/sessions.h"

namespace openunison::cmd {

std::shared_ptr<http::Service> admin_service(session::Sessions& sessions, jose::KeyRing& keys);

}  // namespace openunison::cmd
