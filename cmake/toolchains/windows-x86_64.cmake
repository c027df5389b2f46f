# SPDX-License-Identifier: Apache-2.0
# Windows on x86-64 by zig's clang and libc++, with the libraries that tools/cross has built into OPENUNISON_CROSS.
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
include("${CMAKE_CURRENT_LIST_DIR}/zig.cmake")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-s -Wl,--gc-sections")
