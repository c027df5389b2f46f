// SPDX-License-Identifier: Apache-2.0
//
// Result<T>: a value or an Error. TRY: unwrap or return the error (ordinary functions only; in a
// coroutine write `if (!r) co_return std::unexpected(r.error());`).
#pragma once

#include <expected>

#include "base/error.h"

namespace openunison {

template <class T>
using Result = std::expected<T, Error>;

template <class... Args>
std::unexpected<Error> fail(Args&&... args) {
  return std::unexpected<Error>(Error(std::forward<Args>(args)...));
}

}  // namespace openunison

// auto key = TRY(parse_key(text));
#define TRY(...)                                                              \
  ({                                                                          \
    auto try_result_ = (__VA_ARGS__);                                         \
    if (!try_result_) return std::unexpected(std::move(try_result_).error()); \
    std::move(try_result_).value();                                           \
  })

// TRY_VOID(write_all(file)): for Result<void>.
#define TRY_VOID(...)                                                         \
  do {                                                                        \
    auto try_result_ = (__VA_ARGS__);                                         \
    if (!try_result_) return std::unexpected(std::move(try_result_).error()); \
  } while (false)
