// SPDX-License-Identifier: Apache-2.0
//
// What a parser makes of a connection's bytes: the requests that it takes, and why it stops.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace openunison::differential {

struct Message {
  std::string method, target;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
};

// What stood behind the last message that was taken: nothing; a message that isn't whole; one that
// was refused, with the reason; or the last message said that none follows.
enum class End { clean, open, refused, closed };

struct Reading {
  std::vector<Message> messages;
  End end = End::clean;
  std::string reason;
};

Reading read_as_beast(std::string_view bytes);

}  // namespace openunison::differential
