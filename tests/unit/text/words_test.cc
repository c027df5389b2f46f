// SPDX-License-Identifier: Apache-2.0
#include "text/words.h"

#include <gtest/gtest.h>

namespace openunison::text {
namespace {

TEST(Words, Table) {
  struct Case {
    const char *list, *word;
    bool has;
  };
  for (const auto& [list, word, has] : {
           Case{"openid email", "openid", true},
           Case{"openid email", "email", true},
           Case{"openid email", "mail", false},
           Case{"openid email", "emai", false},
           Case{"openid  email", "email", true},
           Case{" openid ", "openid", true},
           Case{"openid email", "OpenID", false},
           Case{"", "openid", false},
           Case{"openid", "openid email", false},
           Case{"openid\temail", "email", false},
       })
    EXPECT_EQ(has_word(list, word), has) << list << " / " << word;
}

}  // namespace
}  // namespace openunison::text
