// SPDX-License-Identifier: Apache-2.0
#include "base/secret.h"

#include <gtest/gtest.h>

#include <concepts>
#include <cstddef>
#include <cstring>
#include <new>
#include <optional>
#include <ostream>

#include "base/log.h"

namespace openunison {
namespace {

template <class T>
concept Printable = requires(std::ostream& out, const T& value) { out << value; };
static_assert(!Printable<Secret>);
static_assert(!std::equality_comparable<Secret>);
static_assert(!std::convertible_to<Secret, std::string_view>);
static_assert(!std::convertible_to<Secret, std::string>);
static_assert(!std::constructible_from<log::Field, std::string_view, Secret>);

TEST(Secret, KeepsAndRevealsItsBytes) {
  const Secret secret(std::string("a\0b", 3));
  EXPECT_EQ(secret.reveal(), std::string_view("a\0b", 3));
  EXPECT_FALSE(secret.empty());
  EXPECT_TRUE(Secret().empty());
}

TEST(Secret, CopiesAreIndependentAndMovesEmptyTheSource) {
  Secret first(std::string(100, 'x'));
  Secret copy = first;
  Secret moved = std::move(first);
  EXPECT_EQ(copy.reveal(), moved.reveal());
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): that is what is tested
  copy = Secret("other");
  EXPECT_EQ(copy.reveal(), "other");
  EXPECT_EQ(moved.reveal(), std::string(100, 'x'));
  Secret& itself = moved;
  moved = itself;
  EXPECT_EQ(moved.reveal(), std::string(100, 'x'));
}

bool holds(const std::byte* memory, std::size_t size, std::string_view text) {
  const std::string_view all(reinterpret_cast<const char*>(memory), size);
  return all.find(text) != std::string_view::npos;
}

// A string of up to 15 characters stands inside the object, where its bytes can be looked for after
// its end.
TEST(Secret, ShortValueIsGoneFromMemoryAfterTheEnd) {
  alignas(Secret) std::byte memory[sizeof(Secret)];
  auto* secret = new (memory) Secret(std::string("hunter2hunter2"));
  ASSERT_TRUE(holds(memory, sizeof memory, "hunter2"));
  secret->~Secret();
  EXPECT_FALSE(holds(memory, sizeof memory, "unter2"));
}

TEST(Secret, ShortValueIsGoneFromTheObjectMovedFrom) {
  alignas(Secret) std::byte memory[sizeof(Secret)];
  auto* secret = new (memory) Secret(std::string("hunter2hunter2"));
  const Secret moved = std::move(*secret);
  EXPECT_FALSE(holds(memory, sizeof memory, "unter2"));
  EXPECT_EQ(moved.reveal(), "hunter2hunter2");
  secret->~Secret();
}

TEST(Secret, AssignmentWipesTheOldValue) {
  alignas(Secret) std::byte memory[sizeof(Secret)];
  auto* secret = new (memory) Secret(std::string("hunter2hunter2"));
  *secret = Secret("new");
  EXPECT_FALSE(holds(memory, sizeof memory, "unter2"));
  EXPECT_EQ(secret->reveal(), "new");
  secret->~Secret();
}

}  // namespace
}  // namespace openunison
