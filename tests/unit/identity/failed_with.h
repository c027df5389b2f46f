// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include "base/result.h"
#include "identity/error.h"

namespace openunison::identity {

// Whether `result` is an error of this code; says what it was instead.
template <class T>
::testing::AssertionResult failed_with(const Result<T>& result, Errc code) {
  if (result) return ::testing::AssertionFailure() << "it succeeded";
  if (result.error().is(code)) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure()
         << result.error().code().message() << ": " << result.error().message();
}

}  // namespace openunison::identity
