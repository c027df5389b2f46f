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

#include "cli/machine_posix.h"
#include "cli/peer_owner.h"

namespace openunison::cli {
namespace {

// More sockets than any machine that a person sits at has; about 150 bytes each.
constexpr std::size_t kMaxTable = 16 * 1024 * 1024;
constexpr std::uint32_t kOverflowUser = 65'534;
constexpr std::string_view kEstablished = "01";

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

bool is_six(const net::PeerAddress& peer) {
  return peer.ip.find(':') != std::string::npos;
}

std::optional<std::string> read_table(const char* file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return std::nullopt;
  std::string text;
  std::array<char, 64 * 1024> piece;
  while (in && text.size() < kMaxTable) {
    in.read(piece.data(), piece.size());
    text.append(piece.data(), static_cast<std::size_t>(in.gcount()));
  }
  return text;
}

// The owner in the rest of a row, from its state on.
PeerOwner owner_in_row(std::string_view rest) {
  using enum PeerOwner::Kind;
  if (word(rest) != kEstablished) return {gone};
  for (int skipped = 0; skipped < 3; ++skipped) word(rest);
  const std::string_view owner = word(rest);
  std::uint32_t id = 0;
  const auto [end, error] = std::from_chars(owner.data(), owner.data() + owner.size(), id);
  if (error != std::errc() || end != owner.data() + owner.size()) return {gone};
  if (id == kOverflowUser) return {unknown};
  return {user, id};
}

// nullopt: in neither table.
std::optional<PeerOwner> look(const net::PeerAddress& peer, std::uint16_t port) {
  const auto four = is_six(peer) ? std::nullopt : read_table("/proc/net/tcp");
  if (four) {
    if (const auto found = owner_in_table(*four, peer, port)) return found;
  }
  const auto six = read_table("/proc/net/tcp6");
  if (six) {
    const net::PeerAddress listed{is_six(peer) ? peer.ip : "::ffff:" + peer.ip, peer.port};
    if (const auto found = owner_in_table(*six, listed, port)) return found;
  }
  if (is_six(peer) ? !six : !four) return PeerOwner{};
  return std::nullopt;
}

}  // namespace

std::optional<PeerOwner> owner_in_table(std::string_view table, const net::PeerAddress& peer,
                                        std::uint16_t port) {
  const std::string wanted = table_form(peer);
  if (wanted.empty()) return std::nullopt;
  const char* const own = !is_six(peer)                    ? "127.0.0.1"
                          : peer.ip.starts_with("::ffff:") ? "::ffff:127.0.0.1"
                                                           : "::1";
  // The address too: on the same port of another one somebody else may listen, and be connected to
  // from the same address and port by a process of ours.
  const std::string our_end = table_form({own, port});
  while (!table.empty()) {
    const std::size_t end = std::min(table.find('\n'), table.size());
    std::string_view line = table.substr(0, end);
    table.remove_prefix(std::min(end + 1, table.size()));
    // sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode ...
    word(line);
    if (word(line) == wanted && word(line) == our_end) return owner_in_row(line);
  }
  return std::nullopt;
}

PeerOwner peer_owner(const net::PeerAddress& peer, std::uint16_t port) {
  // Twice: the kernel gives the table in pieces, and may leave out a row where others come and go.
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (const auto found = look(peer, port)) return *found;
  }
  return {is_kernel_of_wsl() ? PeerOwner::Kind::unknown : PeerOwner::Kind::gone};
}

bool is_ours(std::uint32_t owner) {
  if (owner == 0 || owner == ::geteuid() || owner == ::getuid()) return true;
  if (::geteuid() != 0) return false;
  const char* caller = std::getenv("SUDO_UID");
  return caller != nullptr && std::to_string(owner) == caller;
}

bool may_call_back(const PeerOwner& owner) {
  if (owner.kind == PeerOwner::Kind::user) return is_ours(owner.id);
  return owner.kind == PeerOwner::Kind::unknown;
}

}  // namespace openunison::cli
