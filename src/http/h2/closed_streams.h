// SPDX-License-Identifier: Apache-2.0
//
// What is still to be expected on streams that are closed (RFC 9113 §5.1). After a reset of ours
// the client may not know yet: a window of DATA and one head (trailers) are overlooked. After its
// own end, or its own reset, nothing may come. Bounded: of older ones nothing is known, and what
// comes there is an error. Private to http/.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace openunison::http::h2 {

class ClosedStreams {
 public:
  // Of a stream that was reset here.
  void add_reset(std::int32_t id) {
    reset_.push_back({id});
    if (reset_.size() > kRemembered) reset_.erase(reset_.begin());
  }
  // Of a stream on which the client is done.
  void add_ended(std::int32_t id) {
    ended_.push_back(id);
    if (ended_.size() > kRemembered) ended_.erase(ended_.begin());
  }
  // The client has cancelled it, knowing or not that it was reset here.
  void cancelled(std::int32_t id) {
    if (std::erase_if(reset_, [id](const Reset& each) { return each.id == id; }) > 0) add_ended(id);
  }

  // True: the frame may be on its way since before the client knew.
  bool overlooks_data(std::int32_t id, std::uint32_t length, bool ends) {
    Reset* const found = find(id);
    if (found == nullptr || found->ended || length > found->data_left) return false;
    found->data_left -= length;
    found->ended = ends;
    return true;
  }
  bool overlooks_head(std::int32_t id) {
    Reset* const found = find(id);
    if (found == nullptr || found->ended) return false;
    found->ended = true;  // trailers are the last
    return true;
  }
  bool was_open(std::int32_t id) const {
    return std::find(ended_.begin(), ended_.end(), id) != ended_.end() ||
           std::any_of(reset_.begin(), reset_.end(),
                       [id](const Reset& each) { return each.id == id; });
  }

 private:
  static constexpr std::size_t kRemembered = 128;
  static constexpr std::uint32_t kWindow = 65'535;  // RFC 9113 §6.9.2: we announce no other

  struct Reset {
    std::int32_t id;
    std::uint32_t data_left = kWindow;
    bool ended = false;
  };
  Reset* find(std::int32_t id) {
    const auto found = std::find_if(reset_.begin(), reset_.end(),
                                    [id](const Reset& each) { return each.id == id; });
    return found == reset_.end() ? nullptr : &*found;
  }

  std::vector<Reset> reset_;
  std::vector<std::int32_t> ended_;
};

}  // namespace openunison::http::h2
