// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "cli/peer_owner.h"

namespace openunison::cli {
namespace {

// More sockets than any machine that a person sits at has; about 150 bytes each.
constexpr std::size_t kMaxTable = 16 * 1024 * 1024;
constexpr std::uint32_t kOverflowUser = 65'534;
constexpr std::string_view kTimeWait = "06";

// As the kernel prints an address: each 32-bit word as a number of this machine's byte order.
std::string table_form(const net::PeerAddress& peer) {
  std::array<std::uint32_t, 4> words{};
  std::size_t count = 0;
  if (::inet_pton(AF_INET, peer.ip.c_str(), words.data()) == 1) count = 1;
  if (count == 0 && ::inet_pton(AF_INET6, peer.ip.c_str(), words.data()) == 1) count = 4;
  if (count == 0) return {};
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += fmt::format("{:08X}", words[i]);
  return text + fmt::format(":{:04X}", peer.port);
}

// The next word of a line, taken off it.
std::string_view word(std::string_view& line) {
  const std::size_t begin = std::min(line.find_first_not_of(' '), line.size());
  line.remove_prefix(begin);
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::string_view found = line.substr(0, end);
  line.remove_prefix(end);
  return found;
}

std::string read_table(const char* file) {
  std::ifstream in(file, std::ios::binary);
  std::string text;
  std::array<char, 64 * 1024> piece;
  while (in && text.size() < kMaxTable) {
    in.read(piece.data(), piece.size());
    text.append(piece.data(), static_cast<std::size_t>(in.gcount()));
  }
  return text;
}

}  // namespace

std::optional<std::uint32_t> owner_in_table(std::string_view table, const net::PeerAddress& peer,
                                            std::uint16_t port) {
  const std::string wanted = table_form(peer);
  const std::string our_end = fmt::format(":{:04X}", port);
  if (wanted.empty()) return std::nullopt;
  while (!table.empty()) {
    const std::size_t end = std::min(table.find('\n'), table.size());
    std::string_view line = table.substr(0, end);
    table.remove_prefix(std::min(end + 1, table.size()));
    // sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode ...
    word(line);
    if (word(line) != wanted || !word(line).ends_with(our_end)) continue;
    if (word(line) == kTimeWait) return std::nullopt;
    for (int skipped = 0; skipped < 3; ++skipped) word(line);
    const std::string_view owner = word(line);
    std::uint32_t id = 0;
    const auto [rest, error] = std::from_chars(owner.data(), owner.data() + owner.size(), id);
    if (error != std::errc() || rest != owner.data() + owner.size()) return std::nullopt;
    if (id == kOverflowUser) return std::nullopt;
    return id;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> peer_owner(const net::PeerAddress& peer, std::uint16_t port) {
  const bool six = peer.ip.find(':') != std::string::npos;
  return owner_in_table(read_table(six ? "/proc/net/tcp6" : "/proc/net/tcp"), peer, port);
}

bool is_ours(std::uint32_t owner) {
  if (owner == 0 || owner == ::geteuid() || owner == ::getuid()) return true;
  if (::geteuid() != 0) return false;
  const char* caller = std::getenv("SUDO_UID");
  return caller != nullptr && std::to_string(owner) == caller;
}

}  // namespace openunison::cli
