// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace openunison::kube {

// A name for kubeconfig entries: everything but letters, digits and "@._+-" becomes '-', so that it
// can be typed and pasted anywhere; never empty, never like an option.
std::string entry_name(std::string_view text);

}  // namespace openunison::kube
