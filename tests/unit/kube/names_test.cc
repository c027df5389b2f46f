// SPDX-License-Identifier: Apache-2.0
#include "kube/names.h"

#include <gtest/gtest.h>

namespace openunison::kube {
namespace {

TEST(EntryName, Table) {
  struct Case {
    const char* text;
    const char* name;
  };
  const Case cases[] = {
      {"alice", "alice"},
      {"alice@example.com", "alice@example.com"},
      {"a.b_c+d-e", "a.b_c+d-e"},
      {"", "user"},
      {"-rf", "_rf"},
      {"--help", "_-help"},
      {"$(id)", "_-id-"},
      {"a b\tc\nd", "a-b-c-d"},
      {"'\"`\\", "_---"},
      {"a/b:c", "a-b-c"},
      {"\xc3\xbc", "_-"},
  };
  for (const Case& each : cases) EXPECT_EQ(entry_name(each.text), each.name) << each.text;
}

}  // namespace
}  // namespace openunison::kube
