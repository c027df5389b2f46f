# SPDX-License-Identifier: Apache-2.0
# How every folder of src/ becomes a library and every folder of tests/unit a test program.

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

add_library(openunison_flags INTERFACE)
# Sources are held against their warnings where they are built for Linux; zig's compiler is a newer one with others.
if(CMAKE_CXX_COMPILER MATCHES "/bin/c\\+\\+$" AND OPENUNISON_CROSS)
  target_compile_options(openunison_flags INTERFACE -Wall -fstack-protector-strong -fno-strict-aliasing -Wno-unused-command-line-argument
    # zig asks for a std::unexpected of C++14, which hides that of C++23.
    -U_LIBCPP_ENABLE_CXX17_REMOVED_UNEXPECTED_FUNCTIONS)
else()
target_compile_options(openunison_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Woverloaded-virtual
  -Wimplicit-fallthrough -Wno-missing-field-initializers -Wno-missing-designated-field-initializers -Wno-gnu-statement-expression-from-macro-expansion
  -Werror -fstack-protector-strong -fno-strict-aliasing)
endif()
if(WIN32)
  # Without the macros of its headers that are words of ours.
  target_compile_definitions(openunison_flags INTERFACE WIN32_LEAN_AND_MEAN NOMINMAX NOGDI _POSIX_C_SOURCE=200809L timegm=_mkgmtime EDQUOT=10069)
  target_include_directories(openunison_flags SYSTEM INTERFACE "${CMAKE_SOURCE_DIR}/cmake/windows")
endif()
target_compile_definitions(openunison_flags INTERFACE
  $<$<AND:$<CONFIG:Release>,$<PLATFORM_ID:Linux>>:_FORTIFY_SOURCE=3> _GLIBCXX_ASSERTIONS
  FMT_HEADER_ONLY=1
  # Nothing that Asio allocates needs more than operator new gives, and aligned_alloc passes malloc's quick lists by.
  BOOST_ASIO_DISABLE_STD_ALIGNED_ALLOC BOOST_ASIO_DISABLE_BOOST_ALIGN
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_HAS_CO_AWAIT BOOST_ASIO_DISABLE_BOOST_COROUTINE)
target_include_directories(openunison_flags INTERFACE "${CMAKE_SOURCE_DIR}/src")
if(OPENUNISON_PLUGIN)
  # The same program in whichever folder it is built.
  target_compile_options(openunison_flags INTERFACE "-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=")
endif()

# ou_library(NAME [EXCEPT files...] [PUBLIC deps...] [PRIVATE deps...]): every other *.cc of the calling folder.
function(ou_library name)
  cmake_parse_arguments(ARG "" "" "EXCEPT;PUBLIC;PRIVATE" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cc" "${CMAKE_CURRENT_SOURCE_DIR}/*/*.cc")
  list(TRANSFORM ARG_EXCEPT PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/")
  list(REMOVE_ITEM sources ${ARG_EXCEPT})
  if(NOT sources)
    message(STATUS "${name}: no sources yet")
    return()
  endif()
  add_library(ou_${name} STATIC ${sources})
  target_link_libraries(ou_${name} PUBLIC openunison_flags ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
endfunction()

# ou_test(NAME deps...): every *_test.cc of the calling folder as one program, ou_NAME_test.
function(ou_test name)
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cc")
  add_executable(ou_${name}_test ${sources})
  target_link_libraries(ou_${name}_test PRIVATE ${ARGN} GTest::gmock GTest::gtest GTest::gtest_main)
  target_compile_options(ou_${name}_test PRIVATE -Wno-sign-conversion -Wno-conversion)
  target_include_directories(ou_${name}_test PRIVATE "${CMAKE_SOURCE_DIR}/tests/unit")
  target_compile_definitions(ou_${name}_test PRIVATE OPENUNISON_TEST_DATA="${CMAKE_SOURCE_DIR}/tests/data")
  add_test(NAME ${name} COMMAND ou_${name}_test)
endfunction()
