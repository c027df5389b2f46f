# SPDX-License-Identifier: Apache-2.0
# Writes OUTPUT, a header that says which build this is; touches it only when that has changed. Run at each build:
# cmake -DSOURCE=... -DOUTPUT=... -DVERSION=... -DCOMPILER=... [-DCOMMIT=...] -P build_info.cmake
if(NOT COMMIT)
  execute_process(COMMAND git -C "${SOURCE}" rev-parse --short=12 HEAD OUTPUT_VARIABLE COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  execute_process(COMMAND git -C "${SOURCE}" status --porcelain --untracked-files=no OUTPUT_VARIABLE changes ERROR_QUIET)
  if(NOT COMMIT)
    set(COMMIT "unknown")
  elseif(changes)
    set(COMMIT "${COMMIT}-modified")
  endif()
endif()
set(text "// Made by cmake/build_info.cmake.
#pragma once

namespace openunison::cmd {

inline constexpr const char* kBuildVersion = \"${VERSION}\";
inline constexpr const char* kBuildCommit = \"${COMMIT}\";
inline constexpr const char* kCompiler = \"${COMPILER}\";

}  // namespace openunison::cmd
")
if(EXISTS "${OUTPUT}")
  file(READ "${OUTPUT}" former)
endif()
if(NOT "${former}" STREQUAL "${text}")
  file(WRITE "${OUTPUT}" "${text}")
endif()
