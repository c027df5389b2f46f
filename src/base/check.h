// SPDX-License-Identifier: Apache-2.0
//
// CHECK: an invariant of our own, always on; a failure prints the place and aborts. Never on input.
#pragma once

namespace openunison {
[[noreturn]] void check_failed(const char* expression, const char* file, int line);
}

#define CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::openunison::check_failed(#condition, __FILE__, __LINE__))

#ifdef NDEBUG
#define DCHECK(condition) static_cast<void>(0)
#else
#define DCHECK(condition) CHECK(condition)
#endif
