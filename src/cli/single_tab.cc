// SPDX-License-Identifier: Apache-2.0
#include "cli/single_tab.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <optional>

#include "base/file.h"
#include "cli/machine.h"
#include "crypto/hash.h"
#include "crypto/random.h"
#include "net/error.h"
#include "text/json.h"
#include "text/utf8.h"

namespace openunison::cli {
namespace {

constexpr std::array<Millis, 5> kBackOff = {Millis(30'000), Millis(60'000), Millis(120'000),
                                            Millis(300'000), Millis(900'000)};
constexpr Millis kFirstLook{20}, kLastLook{250};
constexpr std::size_t kMaxAddress = 8 * 1024, kMaxNote = 16 * 1024;

enum class State { none, opening, signed_in, failed };
constexpr std::string_view kStates[] = {"none", "opening", "signed_in", "failed"};

State state_of(std::string_view name) {
  const auto* const found = std::find(std::begin(kStates), std::end(kStates), name);
  return found == std::end(kStates) ? State::none : static_cast<State>(found - std::begin(kStates));
}

Millis since_boot(const Clock& clock) {
  return std::chrono::duration_cast<Millis>(clock.mono().time_since_epoch());
}

// What came of the last turn.
struct Note {
  State state = State::none;
  std::string turn = {};  // names it
  std::string boot = {};
  unsigned failures = 0;     // in a row, an opening that hasn't ended included
  Millis until{0};           // no tab before, on the monotonic clock of `boot`
  std::string address = {};  // of the open tab, where it is known

  SingleTab::Mark mark() const {
    if (state == State::none) return {};
    return turn + " " + std::string(kStates[static_cast<std::size_t>(state)]);
  }
  std::string text() const {
    text::Json json;
    json.set("state", kStates[static_cast<std::size_t>(state)]);
    json.set("turn", turn);
    json.set("boot", boot);
    json.set("failures", failures);
    json.set("until_ms", until.count());
    if (!address.empty()) json.set("address", address);
    return json.dump();
  }
};

// What can't be read, or isn't a note, is as good as none.
Note parse_note(std::string_view text) {
  const auto json = text::Json::parse(text, kMaxNote);
  if (!json) return {};
  const auto string = [&](const char* name) {
    const std::string* found = json->find_string(name);
    return found != nullptr ? *found : std::string();
  };
  const auto integer = [&](const char* name) {
    const text::Json* found = json->find(name);
    return found != nullptr && found->integer() != nullptr ? *found->integer() : -1;
  };
  const std::int64_t failures = integer("failures"), until = integer("until_ms");
  Note note{state_of(string("state")), string("turn"), string("boot")};
  if (note.state == State::none || note.turn.empty() || failures < 0 || until < 0) return {};
  note.failures = static_cast<unsigned>(std::min<std::int64_t>(failures, kBackOff.size()));
  note.until = Millis(until);
  note.address = string("address");
  return note;
}

// As it counts now: back-off of another boot is over, and so is one that is longer than any.
Note read_note(const std::string& file, const std::string& boot, Millis now) {
  std::ifstream in(file, std::ios::binary);
  std::string text(kMaxNote, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  Note note = parse_note(text);
  if (note.boot != boot || note.until > now + kBackOff.back()) {
    note.failures = 0;
    note.until = Millis(0);
  }
  return note;
}

Result<void> write_note(const std::string& file, const Note& note) {
  const auto written = replace_file(file, note.text(), {.for_us_alone = true});
  if (!written) return fail(net::Errc::io, written.error().text());
  return {};
}

}  // namespace

Millis back_off_after(unsigned failures) {
  if (failures == 0) return Millis(0);
  return kBackOff[std::min<std::size_t>(failures, kBackOff.size()) - 1];
}

// The opener's: the lock, and the note that it wrote.
struct Turn::Impl {
  FileLock lock;
  std::string file;
  Note note;
  const Clock& clock;

  void end(State state) {
    note.state = state;
    note.address.clear();
    if (state == State::signed_in) note.failures = 0;
    note.until =
        state == State::signed_in ? Millis(0) : since_boot(clock) + back_off_after(note.failures);
    // Where it can't be written any more, the note of the opening stays, which is a failure's.
    static_cast<void>(write_note(file, note));
  }
};

Turn::Turn() = default;
Turn::Turn(Turn&&) noexcept = default;
Turn& Turn::operator=(Turn&& other) noexcept {
  if (impl_) failed();
  kind = other.kind;
  wait = other.wait;
  impl_ = std::move(other.impl_);
  return *this;
}
Turn::~Turn() {
  if (impl_) failed();
}

void Turn::opens(std::string address) {
  if (!impl_ || address.size() > kMaxAddress) return;
  impl_->note.address = std::move(address);
  // Without it those who wait have less to show, no more.
  static_cast<void>(write_note(impl_->file, impl_->note));
}

void Turn::succeeded() {
  if (impl_) impl_->end(State::signed_in);
  impl_.reset();
}

void Turn::failed() {
  if (impl_) impl_->end(State::failed);
  impl_.reset();
}

SingleTab::SingleTab(std::string folder, std::string portal, const Clock& clock)
    : SingleTab(std::move(folder), std::move(portal), clock, boot_id()) {}

SingleTab::SingleTab(std::string folder, std::string portal, const Clock& clock, std::string boot)
    : folder_(std::move(folder)), boot_(std::move(boot)), clock_(clock) {
  // A name that any file system takes, however long the host's is.
  const std::string name =
      crypto::hex(crypto::view(crypto::sha256(text::ascii_lower(portal))).substr(0, 8));
  lock_file_ = folder_ + "/tab-" + name + ".lock";
  note_file_ = folder_ + "/tab-" + name + ".json";
}

SingleTab::Mark SingleTab::mark() const {
  return read_note(note_file_, boot_, since_boot(clock_)).mark();
}

Task<Result<Turn>> SingleTab::enter(Mark mark, bool asked_for, net::Deadline deadline,
                                    std::function<void(const std::string& address)> waits) {
  auto made = make_private_folder(folder_);
  if (!made) co_return std::unexpected(made.error());
  bool waited = false;
  std::string shown;  // the turn whose address was
  Millis look = kFirstLook;
  for (;;) {
    auto lock = FileLock::try_take(lock_file_);
    if (!lock) co_return std::unexpected(lock.error());
    if (*lock) co_return take(std::move(**lock), mark, asked_for, waited);
    waited = true;
    const Note note = read_note(note_file_, boot_, since_boot(clock_));
    if (waits && note.state == State::opening && !note.address.empty() && note.turn != shown) {
      shown = note.turn;
      waits(note.address);
    }
    if (std::chrono::steady_clock::now() >= deadline)
      co_return fail(net::Errc::timed_out,
                     "another program's sign-in in the browser hasn't ended yet");
    co_await net::sleep_until(std::min(deadline, net::in(look)));
    look = std::min(look * 2, kLastLook);
  }
}

Result<Turn> SingleTab::take(FileLock lock, const Mark& mark, bool asked_for, bool waited) const {
  const Millis now = since_boot(clock_);
  Note note = read_note(note_file_, boot_, now);
  Turn turn;
  if (note.state == State::signed_in && note.mark() != mark) {
    turn.kind = Turn::Kind::signed_in;
    return turn;
  }
  if (asked_for) {
    note.failures = 0;
  } else {
    // The opener that was waited for is gone without a word: killed, or its terminal closed.
    if (waited && note.state == State::opening && note.boot == boot_) {
      note.state = State::failed;
      note.address.clear();
      note.until = now + back_off_after(note.failures);
      TRY_VOID(write_note(note_file_, note));
    }
    if (note.until > now) {
      turn.wait = note.until - now;
      return turn;
    }
  }
  // Counted as a failure before the tab is there, so that being killed is one.
  const unsigned failures = note.failures + 1;
  Note opening{State::opening, crypto::SystemRandom().token(12), boot_, failures,
               now + back_off_after(failures)};
  TRY_VOID(write_note(note_file_, opening));
  turn.kind = Turn::Kind::opener;
  turn.impl_ = std::make_unique<Turn::Impl>(
      Turn::Impl{std::move(lock), note_file_, std::move(opening), clock_});
  return turn;
}

}  // namespace openunison::cli
