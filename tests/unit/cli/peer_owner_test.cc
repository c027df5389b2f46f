// SPDX-License-Identifier: Apache-2.0
#include "cli/peer_owner.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace openunison::cli {
namespace {

// As Linux prints it on a machine with the low byte first.
constexpr std::string_view kTable =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
    "inode\n"
    "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 "
    "111 1 0 100 0 0 10 0\n"
    "   1: 0100007F:C001 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1001        0 "
    "112 1 0 20 4 30 10 -1\n"
    "   2: 0100007F:1F90 0100007F:C001 01 00000000:00000000 00:00000000 00000000  1000        0 "
    "113 1 0 20 4 30 10 -1\n"
    "   3: 0100007F:C002 0100007F:1F90 06 00000000:00000000 03:00000FFF 00000000     0        0 0 "
    "3 0\n"
    "   4: 0200007F:C001 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1002        0 "
    "114 1 0\n"
    "   5: 0100007F:C003 0100007F:1F90 01 00000000:00000000 00:00000000 00000000 65534        0 "
    "115 1 0\n"
    "   6: 0100007F:C004 0100007F:1F91 01 00000000:00000000 00:00000000 00000000  1003        0 "
    "116 1 0\n"
    "   7: 0100007F:C005 0100007F:1F90 01 00000000:00000000 00:00000000 00000000   1x        0 116 "
    "1 0\n"
    "   8: 0100007F:C007 0100007F:1F90 05 00000000:00000000 03:00000FFF 00000000     0        0 0 "
    "3 0\n"
    "   9: 0100007F:C008 0100007F:1F90 04 00000001:00000000 01:00000014 00000000     0        0 0 "
    "1 0\n"
    "  10: 0100007F:C009 0100007F:1F90 05 00000000:00000000 00:00000000 00000000  1001        0 "
    "117 1 0\n"
    "  11: 0100007F:C00A 0200007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 "
    "118 1 0\n"
    "  12: 0100007F:C00A 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1001        0 "
    "119 1 0\n"
    "  13: 0100007F:C006 0100007F:1F90 01 00000000";
constexpr std::string_view kTableOfSix =
    "  sl  local_address                         remote_address                        st tx_queue "
    "rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    "   0: 00000000000000000000000001000000:C001 00000000000000000000000001000000:1F90 01 "
    "00000000:00000000 00:00000000 00000000  1001        0 1 1 0\n"
    "   1: 0000000000000000FFFF00000100007F:C001 0000000000000000FFFF00000100007F:1F90 01 "
    "00000000:00000000 00:00000000 00000000  1002        0 2 1 0\n"
    "   2: 00000000000000000000000001000000:C002 00000000000000000000000001000000:1F90 05 "
    "00000000:00000000 03:00000FFF 00000000     0        0 0 3 0\n";

constexpr PeerOwner somebody(std::uint32_t id) {
  return {PeerOwner::Kind::user, id};
}
constexpr PeerOwner kGone{PeerOwner::Kind::gone};
constexpr PeerOwner kUnknown{PeerOwner::Kind::unknown};

TEST(PeerOwner, Table) {
  const struct {
    const char* ip;
    std::uint16_t peer_port;
    std::optional<PeerOwner> owner;
    const char* why;
  } cases[] = {
      {"127.0.0.1", 0xc001, somebody(1001), "its own end, not ours"},
      {"127.0.0.2", 0xc001, somebody(1002), "the address counts"},
      {"127.0.0.1", 0xc002, kGone, "TIME_WAIT is listed as root's"},
      {"127.0.0.1", 0xc007, kGone, "closed, FIN_WAIT2 is listed as root's"},
      {"127.0.0.1", 0xc008, kGone, "closed, FIN_WAIT1 is listed as root's"},
      {"127.0.0.1", 0xc009, kGone, "half closed: no browser does that"},
      {"127.0.0.1", 0xc00a, somebody(1001), "our address counts as well"},
      {"127.0.0.1", 0xc003, kUnknown, "of another user namespace"},
      {"127.0.0.1", 0xc004, std::nullopt, "connected to another port"},
      {"127.0.0.1", 0xc005, kGone, "no number"},
      {"127.0.0.1", 0xc006, kGone, "cut off"},
      {"127.0.0.1", 0xc0ff, std::nullopt, "not in the table"},
      {"127.0.0.1", 0x1f90, std::nullopt, "our listener, which is connected to nobody"},
      {"localhost", 0xc001, std::nullopt, "no address"},
      {"::1", 0xc001, std::nullopt, "of the other table"},
  };
  for (const auto& c : cases)
    EXPECT_EQ(owner_in_table(kTable, {c.ip, c.peer_port}, 0x1f90), c.owner) << c.why;
  EXPECT_EQ(owner_in_table(kTableOfSix, {"::1", 0xc001}, 0x1f90), somebody(1001));
  EXPECT_EQ(owner_in_table(kTableOfSix, {"::ffff:127.0.0.1", 0xc001}, 0x1f90), somebody(1002));
  EXPECT_EQ(owner_in_table(kTableOfSix, {"::1", 0xc002}, 0x1f90), kGone);
  EXPECT_EQ(owner_in_table("", {"::1", 0xc001}, 0x1f90), std::nullopt);
  EXPECT_EQ(owner_in_table("\n\n \n", {"::1", 0xc001}, 0x1f90), std::nullopt);
}

TEST(PeerOwner, WhoIsTrusted) {
  EXPECT_TRUE(is_ours(::geteuid()));
  EXPECT_TRUE(is_ours(0));
  EXPECT_FALSE(is_ours(::geteuid() + 54'321));
  EXPECT_TRUE(may_call_back(somebody(::geteuid())));
  EXPECT_FALSE(may_call_back(somebody(::geteuid() + 54'321)));
  EXPECT_FALSE(may_call_back(kGone));
  EXPECT_TRUE(may_call_back(kUnknown));
  if (::geteuid() != 0) return;
  ::setenv("SUDO_UID", "54321", 1);
  EXPECT_TRUE(is_ours(54'321));
  EXPECT_FALSE(is_ours(5'432));
  ::unsetenv("SUDO_UID");
}

}  // namespace
}  // namespace openunison::cli
