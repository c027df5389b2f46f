// SPDX-License-Identifier: Apache-2.0
//
// The parts that schema() is put together from. Private to schema*.cc.
#pragma once

#include <span>

#include "config/schema.h"

namespace openunison::config {

std::span<const Key> settings_keys();    // cluster, network, identity providers
std::span<const Key> server_keys();      // openunison, server, clusters
std::span<const Key> openunison_keys();  // OpenUnison's that are ignored or refused

}  // namespace openunison::config
