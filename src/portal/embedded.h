// SPDX-License-Identifier: Apache-2.0
//
// Files that the build puts into the binary (cmake/embed.cmake). Private to portal/.
#pragma once

#include <span>
#include <string_view>
#include <utility>

namespace openunison::portal::embedded {

std::string_view stylesheet();
std::string_view script();
std::string_view icon();
std::span<const std::pair<std::string_view, std::string_view>> templates();

}  // namespace openunison::portal::embedded
