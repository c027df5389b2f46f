// SPDX-License-Identifier: Apache-2.0
//
// Admission: how much of the server one address, and all of them together, may hold at once:
// connections, TLS handshakes, requests, and bytes of bodies that wait in memory for their rest
// (docs/adr/0009-admission.md). What is taken is given back when the Place is destroyed. What
// is one address, and which networks of IPv6 have shares too, says text::address_shares.
// Thread-safe. Private to http/.
#pragma once

#include <atomic>
#include <cstddef>
#include <expected>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "http/limits.h"
#include "http/message.h"

namespace openunison::http {

enum class Refusal;

class Admission {
 private:
  struct Table;

 public:
  // What one address, or one network, holds. The table forgets it when nobody holds anything.
  struct Share {
    Share(std::shared_ptr<Table> owner, std::string group, std::shared_ptr<Share> around,
          std::size_t addresses);
    Share(const Share&) = delete;
    ~Share();

    std::atomic<std::size_t> connections{0}, handshakes{0}, requests{0}, in_flight{0},
        body_bytes{0};
    // The network around it, which holds what all its addresses do; null: none.
    const std::shared_ptr<Share> wider;
    // How many addresses' shares it may hold.
    const std::size_t shares;

   private:
    std::shared_ptr<Table> table_;
    const std::string key_;
  };
  using Count = std::atomic<std::size_t>;
  using Counted = Count Share::*;

  // One of something, of the server and of an address.
  class Place {
   public:
    Place(std::shared_ptr<Share> share, Counted own, Count& common)
        : share_(std::move(share)), own_(own), common_(&common) {}
    Place(Place&& other) noexcept
        : share_(std::move(other.share_)), own_(other.own_), common_(other.common_) {
      other.common_ = nullptr;
    }
    Place& operator=(Place&&) = delete;
    ~Place();

   private:
    std::shared_ptr<Share> share_;
    Counted own_;
    Count* common_;  // of the server; null: moved from
  };

  explicit Admission(const Limits& limits);
  ~Admission();

  std::shared_ptr<Share> share(std::string_view address);

  // Over a limit: by which, and it was counted as refused.
  using Admitted = std::expected<Place, Refusal>;
  // `limited`: false for a proxy's own address, which stands for many.
  Admitted connection(const std::shared_ptr<Share>& share, bool limited = true);
  Admitted handshake(const std::shared_ptr<Share>& share, bool limited = true);
  // A request from its head to its end.
  Admitted request(const std::shared_ptr<Share>& share);
  // One that the server works on: not while it waits for the client to send or to take.
  Admitted in_flight(const std::shared_ptr<Share>& share);
  // The same of one that was admitted, and has its body now. Half-done work isn't refused lightly,
  // but bodies that were kept back to end all at once are no way around the limits: refused over
  // twice of each.
  Admitted in_flight_again(const std::shared_ptr<Share>& share);

  std::size_t connections() const { return connections_.load(); }
  std::size_t in_flight() const { return in_flight_.load(); }
  std::size_t body_bytes() const { return body_bytes_.load(); }

  // The bytes of one request's body that are kept in memory, given back at the request's end.
  class HeldBytes {
   public:
    HeldBytes(Admission& admission, Share& share) : admission_(admission), share_(share) {}
    HeldBytes(const HeldBytes&) = delete;
    ~HeldBytes();
    // False: too many are held; nothing was added. A little is left to each address whatever the
    // others hold: otherwise a few could keep everybody's forms out.
    bool add(std::size_t bytes);
    std::size_t held() const { return held_; }

   private:
    Admission& admission_;
    Share& share_;
    std::size_t held_ = 0;
  };

 private:
  struct Kind;
  std::shared_ptr<Share> find(std::string group, std::shared_ptr<Share> around,
                              std::size_t addresses);
  Admitted take(const std::shared_ptr<Share>& share, const Kind& kind);

  const Limits limits_;
  std::shared_ptr<Table> table_;
  Count connections_{0}, handshakes_{0}, requests_{0}, in_flight_{0}, body_bytes_{0};
};

}  // namespace openunison::http
