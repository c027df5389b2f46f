# SPDX-License-Identifier: Apache-2.0
# What the systems have in common that zig builds for.
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES OPENUNISON_CROSS)
set(CMAKE_C_COMPILER "${OPENUNISON_CROSS}/bin/cc")
set(CMAKE_CXX_COMPILER "${OPENUNISON_CROSS}/bin/c++")
# CMake would look for these beside the compiler of this machine.
foreach(tool AR RANLIB)
  string(TOLOWER ${tool} program)
  foreach(variable CMAKE_${tool} CMAKE_C_COMPILER_${tool} CMAKE_CXX_COMPILER_${tool})
    set(${variable} "${OPENUNISON_CROSS}/bin/${program}" CACHE FILEPATH "" FORCE)
  endforeach()
endforeach()
# Where there are headers alone, nobody looks for them.
set(CMAKE_CXX_STANDARD_INCLUDE_DIRECTORIES "${OPENUNISON_CROSS}/include")
set(CMAKE_FIND_ROOT_PATH "${OPENUNISON_CROSS}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_LIBDIR} "${OPENUNISON_CROSS}/lib/pkgconfig")
set(ENV{PKG_CONFIG_PATH} "")
