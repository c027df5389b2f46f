// SPDX-License-Identifier: Apache-2.0
//
// The store in memory: one map of sign-ins, each with its sessions, and indexes by session and cookie. One mutex: every
// step is a few look-ups. Other selectors walk the sign-ins; people end and list sessions rarely.
#include <algorithm>
#include <mutex>
#include <unordered_map>

#include "store/rotation.h"
#include "store/stores.h"

namespace openunison::store {
namespace {

class MemoryStore final : public SessionStore {
 public:
  Task<Result<void>> open(SignIn sign_in, Session first) override {
    const std::lock_guard lock(mutex_);
    const SignInId id = sign_in.id;
    Entry& entry = sign_ins_[id];
    entry.sign_in = std::move(sign_in);
    insert(entry, std::move(first));
    co_return Result<void>{};
  }

  Task<Result<void>> add(Session session, std::optional<Redemption> code, WallTime now) override {
    const std::lock_guard lock(mutex_);
    if (code && code_is_used(*code, now)) co_return fail(Errc::already_used, "this code was redeemed before");
    Entry* entry = living(session.sign_in, now);
    if (entry == nullptr) co_return fail(Errc::not_found, "this sign-in is over");
    if (code) codes_[code->code] = {session.id, code->expires_at};
    insert(*entry, std::move(session));
    co_return Result<void>{};
  }

  Task<Result<SessionId>> redeemed_by(CodeId code, WallTime now) override {
    const std::lock_guard lock(mutex_);
    const auto found = codes_.find(code);
    if (found == codes_.end() || now >= found->second.expires_at) co_return fail(Errc::not_found, "this code wasn't redeemed");
    co_return found->second.session;
  }

  Task<Result<Live>> find(SessionId id, WallTime now) override {
    const std::lock_guard lock(mutex_);
    co_return live(id, now);
  }

  Task<Result<Live>> find_web(std::string token_hash, WallTime now) override {
    const std::lock_guard lock(mutex_);
    const auto found = by_token_.find(token_hash);
    if (found == by_token_.end()) co_return none();
    co_return live(found->second, now);
  }

  Task<Result<SignIn>> find_sign_in(SignInId id, WallTime now) override {
    const std::lock_guard lock(mutex_);
    const Entry* entry = living(id, now);
    if (entry == nullptr) co_return fail(Errc::not_found, "this sign-in is over");
    co_return entry->sign_in;
  }

  Task<Result<Rotated>> rotate(RotateRequest request) override {
    const std::lock_guard lock(mutex_);
    const auto place = by_session_.find(request.family);
    if (place == by_session_.end()) co_return none();
    Entry& entry = sign_ins_.at(place->second);
    Session& session = *session_in(entry, request.family);
    if (session.kind != SessionKind::client || session.client_id != request.client_id) co_return none();
    if (!alive(session, entry.sign_in, request.now)) co_return none();
    const RotationStep step = rotate_session(session, request);
    Rotated rotated{step.outcome, {session, entry.sign_in}};
    if (step.ends) erase(request.family);
    co_return rotated;
  }

  Task<Result<void>> touch(SessionId id, WallTime now) override {
    const std::lock_guard lock(mutex_);
    const auto place = by_session_.find(id);
    if (place == by_session_.end()) co_return none();
    Entry& entry = sign_ins_.at(place->second);
    Session& session = *session_in(entry, id);
    if (!alive(session, entry.sign_in, now)) co_return none();
    session.last_used_at = std::max(session.last_used_at, now);
    co_return Result<void>{};
  }

  Task<Result<std::uint64_t>> update(SignIn sign_in, WallTime now) override {
    const std::lock_guard lock(mutex_);
    Entry* entry = living(sign_in.id, now);
    if (entry == nullptr) co_return fail(Errc::not_found, "this sign-in is over");
    SignIn& stored = entry->sign_in;
    if (stored.version != sign_in.version) co_return fail(Errc::conflict, "this sign-in was changed in between");
    stored.user = std::move(sign_in.user);
    stored.principal = std::move(sign_in.principal);
    stored.upstream_sid = std::move(sign_in.upstream_sid);
    stored.grant = std::move(sign_in.grant);
    stored.checked_at = sign_in.checked_at;
    stored.recheckable = sign_in.recheckable;
    stored.reread_in_flight = sign_in.reread_in_flight;
    co_return ++stored.version;
  }

  Task<Result<std::vector<Live>>> end(Selector selector, WallTime now) override {
    const std::lock_guard lock(mutex_);
    std::vector<Live> ended;
    std::vector<SessionId> doomed;
    for_each_match(selector, [&](const Entry& entry, const Session& session) {
      doomed.push_back(session.id);
      if (alive(session, entry.sign_in, now)) ended.push_back({session, entry.sign_in});
    });
    for (const SessionId& id : doomed) erase(id);
    co_return ended;
  }

  Task<Result<std::vector<Live>>> list(Selector selector, std::size_t limit, WallTime now) override {
    const std::lock_guard lock(mutex_);
    std::vector<Live> found;
    for_each_match(selector, [&](const Entry& entry, const Session& session) {
      if (alive(session, entry.sign_in, now)) found.push_back({session, entry.sign_in});
    });
    std::sort(found.begin(), found.end(), [](const Live& a, const Live& b) {
      return std::tie(a.sign_in.created_at, a.sign_in.id, a.session.created_at, a.session.id) <
             std::tie(b.sign_in.created_at, b.sign_in.id, b.session.created_at, b.session.id);
    });
    if (found.size() > limit) found.resize(limit);
    co_return found;
  }

  Task<Result<std::size_t>> sweep(WallTime now, std::size_t limit) override {
    const std::lock_guard lock(mutex_);
    std::vector<SessionId> over;
    for (const auto& [id, entry] : sign_ins_) {
      for (const Session& session : entry.sessions) {
        if (over.size() < limit && !alive(session, entry.sign_in, now)) over.push_back(session.id);
      }
    }
    for (const SessionId& id : over) erase(id);
    std::size_t count = over.size();
    for (auto code = codes_.begin(); code != codes_.end() && count < limit;) {
      const bool expired = now >= code->second.expires_at;
      code = expired ? codes_.erase(code) : std::next(code);
      count += expired ? 1 : 0;
    }
    co_return count;
  }

  Task<Result<std::size_t>> count(WallTime) override {
    const std::lock_guard lock(mutex_);
    co_return by_session_.size();
  }

  Task<Result<void>> probe() override { co_return Result<void>{}; }

 private:
  struct Entry {
    SignIn sign_in;
    std::vector<Session> sessions;
  };
  struct Redeemed {
    SessionId session;
    WallTime expires_at;
  };

  static std::unexpected<Error> none() { return fail(Errc::not_found, "this session is over"); }

  static Session* session_in(Entry& entry, SessionId id) {
    return &*std::find_if(entry.sessions.begin(), entry.sessions.end(), [&](const Session& session) { return session.id == id; });
  }

  void insert(Entry& entry, Session session) {
    by_session_[session.id] = session.sign_in;
    if (!session.token_hash.empty()) by_token_[session.token_hash] = session.id;
    entry.sessions.push_back(std::move(session));
  }

  // Ends one session, and its sign-in with the last of them.
  void erase(SessionId id) {
    const auto place = by_session_.find(id);
    if (place == by_session_.end()) return;
    Entry& entry = sign_ins_.at(place->second);
    by_token_.erase(session_in(entry, id)->token_hash);
    std::erase_if(entry.sessions, [&](const Session& session) { return session.id == id; });
    if (entry.sessions.empty()) sign_ins_.erase(place->second);
    by_session_.erase(place);
  }

  // A sign-in of which a session is alive.
  Entry* living(SignInId id, WallTime now) {
    const auto found = sign_ins_.find(id);
    if (found == sign_ins_.end()) return nullptr;
    Entry& entry = found->second;
    const bool lives = std::any_of(entry.sessions.begin(), entry.sessions.end(),
                                   [&](const Session& session) { return alive(session, entry.sign_in, now); });
    return lives ? &entry : nullptr;
  }

  Result<Live> live(SessionId id, WallTime now) {
    const auto place = by_session_.find(id);
    if (place == by_session_.end()) return none();
    Entry& entry = sign_ins_.at(place->second);
    const Session& session = *session_in(entry, id);
    if (!alive(session, entry.sign_in, now)) return none();
    return Live{session, entry.sign_in};
  }

  bool code_is_used(const Redemption& code, WallTime now) const {
    const auto found = codes_.find(code.code);
    return found != codes_.end() && now < found->second.expires_at;
  }

  template <class F>
  void for_each_match(const Selector& selector, F f) {
    const auto visit = [&](const Entry& entry) {
      for (const Session& session : entry.sessions) {
        if (selector.except && *selector.except == session.id) continue;
        if (selector.session && *selector.session != session.id) continue;
        f(entry, session);
      }
    };
    if (selector.session) {
      const auto place = by_session_.find(*selector.session);
      if (place != by_session_.end()) visit(sign_ins_.at(place->second));
      return;
    }
    if (selector.sign_in) {
      const auto found = sign_ins_.find(*selector.sign_in);
      if (found != sign_ins_.end()) visit(found->second);
      return;
    }
    for (const auto& [id, entry] : sign_ins_) {
      const SignIn& sign_in = entry.sign_in;
      const bool matches =
          selector.all || (selector.user && *selector.user == sign_in.user) ||
          (selector.account && selector.account->provider == sign_in.provider && selector.account->subject == sign_in.subject) ||
          (selector.upstream_sid && selector.upstream_sid->provider == sign_in.provider && selector.upstream_sid->sid == sign_in.upstream_sid);
      if (matches) visit(entry);
    }
  }

  std::mutex mutex_;
  std::unordered_map<SignInId, Entry> sign_ins_;
  std::unordered_map<SessionId, SignInId> by_session_;
  std::unordered_map<std::string, SessionId> by_token_;
  std::unordered_map<CodeId, Redeemed> codes_;
};

}  // namespace

std::unique_ptr<SessionStore> memory_store() { return std::make_unique<MemoryStore>(); }

}  // namespace openunison::store
