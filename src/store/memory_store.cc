// SPDX-License-Identifier: Apache-2.0
//
// The store in memory. One mutex: every step is a few look-ups, none suspends; only ending or
// listing by something that matches many holds it for long.
#include <mutex>
#include <queue>
#include <unordered_map>

#include "base/check.h"
#include "store/memory_index.h"
#include "store/rotation.h"
#include "store/stores.h"

namespace openunison::store {
namespace {

// While sweeping: sessions that are looked at before others get their turn.
constexpr std::size_t kSweepChunk = 256;

class MemoryStore final : public SessionStore {
 public:
  Task<Result<void>> open(SignIn sign_in, Session first) override {
    CHECK(first.sign_in == sign_in.id);
    const std::lock_guard lock(mutex_);
    if (index_.find_sign_in(sign_in.id) != nullptr || is_taken(first)) co_return taken();
    index_.insert(first, index_.insert(sign_in));
    co_return Result<void>{};
  }

  Task<Result<void>> add(Session session, std::optional<Redemption> code, WallTime now) override {
    const std::lock_guard lock(mutex_);
    if (code && redemption_of(code->code, now) != nullptr)
      co_return fail(Errc::already_used, "this code was redeemed before");
    MemorySignIn* owner = living_sign_in(session.sign_in, now);
    if (owner == nullptr) co_return sign_in_over();
    if (is_taken(session)) co_return taken();
    if (code) {
      codes_[code->code] = {session.id, code->expires_at};
      code_ends_.emplace(code->expires_at, code->code);
    }
    index_.insert(session, *owner);
    co_return Result<void>{};
  }

  Task<Result<SessionId>> redeemed_by(CodeId code, WallTime now) override {
    const std::lock_guard lock(mutex_);
    const Redeemed* redeemed = redemption_of(code, now);
    if (redeemed == nullptr) co_return fail(Errc::not_found, "this code wasn't redeemed");
    co_return redeemed->session;
  }

  Task<Result<Live>> find(SessionId id, WallTime now) override {
    const std::lock_guard lock(mutex_);
    co_return living(index_.find_session(id), now);
  }

  Task<Result<Live>> find_web(std::string token_hash, WallTime now) override {
    const std::lock_guard lock(mutex_);
    co_return living(index_.find_token(token_hash), now);
  }

  Task<Result<SignIn>> find_sign_in(SignInId id, WallTime now) override {
    const std::lock_guard lock(mutex_);
    const MemorySignIn* sign_in = living_sign_in(id, now);
    if (sign_in == nullptr) co_return sign_in_over();
    co_return sign_in->unpack();
  }

  Task<Result<Rotated>> rotate(RotateRequest request) override {
    const std::lock_guard lock(mutex_);
    MemorySession* stored = index_.find_session(request.family);
    auto live = living(stored, request.now);
    if (!live) co_return std::unexpected(live.error());
    Session& session = live->session;
    if (session.kind != SessionKind::client || session.client_id != request.client_id)
      co_return over();
    const auto step = rotate_session(*live, request);
    if (!step) co_return std::unexpected(step.error());
    if (step->ends) {
      index_.erase(*stored);
    } else if (step->changes) {
      stored->assign(session);
    }
    co_return Rotated{step->outcome, std::move(*live), step->ends};
  }

  Task<Result<void>> touch(SessionId id, WallTime now) override {
    const std::lock_guard lock(mutex_);
    MemorySession* session = index_.find_session(id);
    if (session == nullptr || !session->lives(now)) co_return over();
    session->last_used_at = std::max(session->last_used_at, now);
    co_return Result<void>{};
  }

  Task<Result<std::uint64_t>> update(SignIn sign_in, WallTime now) override {
    const std::lock_guard lock(mutex_);
    MemorySignIn* stored = living_sign_in(sign_in.id, now);
    if (stored == nullptr) co_return sign_in_over();
    if (stored->version != sign_in.version)
      co_return fail(Errc::conflict, "this sign-in was changed in between");
    SignIn changed = stored->unpack();
    changed.user = std::move(sign_in.user);
    changed.principal = std::move(sign_in.principal);
    changed.upstream_sid = std::move(sign_in.upstream_sid);
    changed.grant = std::move(sign_in.grant);
    changed.checked_at = sign_in.checked_at;
    changed.recheckable = sign_in.recheckable;
    changed.reread_in_flight = sign_in.reread_in_flight;
    ++changed.version;
    index_.update(*stored, changed);
    co_return changed.version;
  }

  Task<Result<std::vector<Live>>> end(Selector selector, WallTime now) override {
    const std::lock_guard lock(mutex_);
    std::vector<Live> ended;
    std::vector<MemorySession*> doomed;
    index_.for_each(selector, [&](MemorySession& session) {
      doomed.push_back(&session);
      if (session.lives(now)) ended.push_back(unpack(session));
      return true;
    });
    for (MemorySession* session : doomed) index_.erase(*session);
    co_return ended;
  }

  Task<Result<std::vector<Live>>> list(Selector selector, std::size_t limit,
                                       WallTime now) override {
    std::vector<Live> found;
    if (limit == 0) co_return found;
    const std::lock_guard lock(mutex_);
    index_.for_each(selector, [&](MemorySession& session) {
      if (session.lives(now)) found.push_back(unpack(session));
      return found.size() < limit;
    });
    co_return found;
  }

  Task<Result<std::size_t>> sweep(WallTime now, std::size_t limit) override {
    std::size_t deleted = 0;
    while (deleted < limit && sweep_some(now, limit, deleted)) {
    }
    co_return deleted;
  }

  Task<Result<SessionCounts>> count() override {
    const std::lock_guard lock(mutex_);
    co_return index_.counts();
  }

  Task<Result<void>> probe() override { co_return Result<void>{}; }

 private:
  struct Redeemed {
    SessionId session;
    WallTime expires_at;
  };

  static std::unexpected<Error> over() { return fail(Errc::not_found, "this session is over"); }
  static std::unexpected<Error> sign_in_over() {
    return fail(Errc::not_found, "this sign-in is over");
  }
  static std::unexpected<Error> taken() {
    return fail(Errc::conflict, "a session of this name is there already");
  }

  static Live unpack(const MemorySession& session) {
    return {session.unpack(), session.sign_in->unpack()};
  }

  static Result<Live> living(const MemorySession* session, WallTime now) {
    if (session == nullptr || !session->lives(now)) return over();
    return unpack(*session);
  }

  bool is_taken(const Session& session) const {
    return index_.find_session(session.id) != nullptr ||
           index_.find_token(session.token_hash) != nullptr;
  }

  // A sign-in of which a session lives.
  MemorySignIn* living_sign_in(SignInId id, WallTime now) const {
    MemorySignIn* sign_in = index_.find_sign_in(id);
    if (sign_in == nullptr) return nullptr;
    for (const MemorySession* session = sign_in->sessions.get(); session != nullptr;
         session = session->next.get()) {
      if (session->lives(now)) return sign_in;
    }
    return nullptr;
  }

  const Redeemed* redemption_of(CodeId code, WallTime now) const {
    const auto found = codes_.find(code);
    return found != codes_.end() && now < found->second.expires_at ? &found->second : nullptr;
  }

  // False: nothing is left.
  bool sweep_some(WallTime now, std::size_t limit, std::size_t& deleted) {
    const std::lock_guard lock(mutex_);
    for (std::size_t looked = 0; looked < kSweepChunk && deleted < limit; ++looked) {
      MemorySession* session = index_.due(now);
      if (session == nullptr) return sweep_code(now, deleted);
      if (session->lives(now)) {
        index_.check_later(*session);
      } else {
        index_.erase(*session);
        ++deleted;
      }
    }
    return true;
  }

  bool sweep_code(WallTime now, std::size_t& deleted) {
    if (code_ends_.empty() || now < code_ends_.top().first) return false;
    const auto found = codes_.find(code_ends_.top().second);
    code_ends_.pop();
    if (found == codes_.end() || now < found->second.expires_at)
      return true;  // redeemed anew since
    codes_.erase(found);
    ++deleted;
    return true;
  }

  std::mutex mutex_;
  MemoryIndex index_;
  std::unordered_map<CodeId, Redeemed> codes_;
  using CodeEnd = std::pair<WallTime, CodeId>;
  std::priority_queue<CodeEnd, std::vector<CodeEnd>, std::greater<>> code_ends_;
};

}  // namespace

std::unique_ptr<SessionStore> memory_store() {
  return std::make_unique<MemoryStore>();
}

}  // namespace openunison::store
