// SPDX-License-Identifier: Apache-2.0
//
// AddressRows: how many rows of a table each address has, by the shares of text/ip.h, for tables
// that strangers can write to. Not thread-safe.
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>

#include "text/ip.h"

namespace openunison::oidc {

class AddressRows {
 public:
  explicit AddressRows(std::size_t per_address) : per_address_(per_address) {}

  bool full(const std::string& address) const {
    for (const text::AddressShare& share : text::address_shares(address)) {
      const auto same = rows_.find(share.key);
      if (same != rows_.end() && same->second >= per_address_ * share.addresses) return true;
    }
    return false;
  }
  void add(const std::string& address) {
    for (const text::AddressShare& share : text::address_shares(address)) ++rows_[share.key];
  }
  void remove(const std::string& address) {
    for (const text::AddressShare& share : text::address_shares(address)) {
      const auto same = rows_.find(share.key);
      if (--same->second == 0) rows_.erase(same);
    }
  }

 private:
  const std::size_t per_address_;
  std::unordered_map<std::string, std::size_t> rows_;
};

}  // namespace openunison::oidc
