# SPDX-License-Identifier: Apache-2.0
# Linux on 64-bit ARM by clang-19 and Debian's libraries of that architecture, unpacked by tools/cross into
# OPENUNISON_CROSS: the same compiler, library versions and flags as on x86-64.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES OPENUNISON_CROSS)
set(CMAKE_SYSROOT "${OPENUNISON_CROSS}")
set(CMAKE_C_COMPILER clang-19)
set(CMAKE_CXX_COMPILER clang++-19)
set(CMAKE_C_COMPILER_TARGET aarch64-linux-gnu)
set(CMAKE_CXX_COMPILER_TARGET aarch64-linux-gnu)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH "${OPENUNISON_CROSS}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_SYSROOT_DIR} "${OPENUNISON_CROSS}")
set(ENV{PKG_CONFIG_LIBDIR} "${OPENUNISON_CROSS}/usr/lib/aarch64-linux-gnu/pkgconfig:${OPENUNISON_CROSS}/usr/share/pkgconfig")
