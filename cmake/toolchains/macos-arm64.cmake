# SPDX-License-Identifier: Apache-2.0
# macOS 11 and later on arm64 by zig's clang and libc++, with the libraries that tools/cross has built into OPENUNISON_CROSS.
set(CMAKE_SYSTEM_NAME Darwin)
set(CMAKE_SYSTEM_PROCESSOR arm64)
set(CMAKE_EXE_LINKER_FLAGS_INIT "-s -Wl,-dead_strip")
include("${CMAKE_CURRENT_LIST_DIR}/zig.cmake")
