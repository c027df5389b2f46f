// SPDX-License-Identifier: Apache-2.0
//
// std::move_only_function, also where the standard library doesn't have it yet: libc++, which the
// plugin is built with for other systems than Linux. There it can do what we use of it: hold,
// move, ask whether there is one, call once or more.
#pragma once

#include <functional>
#include <version>

#if defined(__cpp_lib_move_only_function)

namespace openunison {
template <class Signature>
using MoveOnlyFunction = std::move_only_function<Signature>;
}  // namespace openunison

#else

#include <memory>
#include <type_traits>
#include <utility>

namespace openunison {

template <class Signature>
class MoveOnlyFunction;

template <class R, class... Arguments>
class MoveOnlyFunction<R(Arguments...)> {
 public:
  MoveOnlyFunction() = default;
  MoveOnlyFunction(std::nullptr_t) {}
  template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, MoveOnlyFunction> &&
             std::is_invocable_r_v<R, F&, Arguments...>)
  MoveOnlyFunction(F&& f)
      : held_(std::make_unique<Held<std::remove_cvref_t<F>>>(std::forward<F>(f))) {}
  explicit operator bool() const { return held_ != nullptr; }
  R operator()(Arguments... arguments) {
    return held_->call(std::forward<Arguments>(arguments)...);
  }

 private:
  struct Callable {
    virtual ~Callable() = default;
    virtual R call(Arguments... arguments) = 0;
  };
  template <class F>
  struct Held final : Callable {
    explicit Held(F given) : f(std::move(given)) {}
    R call(Arguments... arguments) override { return f(std::forward<Arguments>(arguments)...); }
    F f;
  };
  std::unique_ptr<Callable> held_;
};

}  // namespace openunison

#endif
