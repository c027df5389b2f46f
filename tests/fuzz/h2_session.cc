// SPDX-License-Identifier: Apache-2.0
//
// A client's bytes behind the preface, to a whole HTTP/2 connection of the server. The first byte
// says in how large pieces they come. What the server sends must be whole frames that it may send.
#include "connection_in_memory.h"

using namespace openunison;

namespace {

// The frames that came, as far as their headers tell.
void check_frames(std::string_view bytes) {
  while (bytes.size() >= 9) {
    const auto byte = [bytes](std::size_t at) {
      return static_cast<std::size_t>(static_cast<unsigned char>(bytes[at]));
    };
    const std::size_t length = byte(0) << 16 | byte(1) << 8 | byte(2);
    MUST(length <= 16'384);
    MUST(byte(3) <= 9 && byte(3) != 2 && byte(3) != 5);  // never a priority, never a promise
    MUST((byte(5) & 0x80) == 0);
    if (bytes.size() < 9 + length) return;
    bytes.remove_prefix(9 + length);
  }
}

}  // namespace

FUZZ(text) {
  if (text.empty()) return;
  const std::size_t step = static_cast<unsigned char>(text.front());
  text.remove_prefix(1);
  std::string input("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);
  input += text;
  check_frames(http::fuzz::converse(http::h2::serve, input, step == 0 ? input.size() : step));
}
