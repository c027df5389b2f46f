// SPDX-License-Identifier: Apache-2.0
#include "store/memory_index.h"

#include <algorithm>

#include "base/check.h"

namespace openunison::store {

// --- CheckQueue: a binary heap whose entries know their places ---

void CheckQueue::put(std::size_t place, Entry entry) {
  heap_[place] = entry;
  entry.session->check_place = static_cast<std::uint32_t>(place);
}

void CheckQueue::sift_up(std::size_t place) {
  const Entry entry = heap_[place];
  for (; place > 0 && entry.at < heap_[(place - 1) / 2].at; place = (place - 1) / 2)
    put(place, heap_[(place - 1) / 2]);
  put(place, entry);
}

void CheckQueue::sift_down(std::size_t place) {
  const Entry entry = heap_[place];
  for (;;) {
    std::size_t child = 2 * place + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1].at < heap_[child].at) ++child;
    if (entry.at <= heap_[child].at) break;
    put(place, heap_[child]);
    place = child;
  }
  put(place, entry);
}

void CheckQueue::push(MemorySession& session, WallTime at) {
  heap_.push_back({at, &session});
  sift_up(heap_.size() - 1);
}

void CheckQueue::remove(MemorySession& session) {
  const std::size_t place = session.check_place;
  DCHECK(heap_[place].session == &session);
  const Entry last = heap_.back();
  heap_.pop_back();
  if (place == heap_.size()) return;
  put(place, last);
  sift_up(place);
  sift_down(last.session->check_place);
}

MemorySession* CheckQueue::due(WallTime now) const {
  return heap_.empty() || now < heap_.front().at ? nullptr : heap_.front().session;
}

// --- MemoryIndex ---

MemoryIndex::~MemoryIndex() {
  while (oldest_ != nullptr) delete std::exchange(oldest_, oldest_->next);
}

std::uint64_t MemoryIndex::hash_of(std::string_view text) {
  return std::hash<std::string_view>()(text);
}

std::uint64_t MemoryIndex::hash_of_account(std::string_view provider, std::string_view subject) {
  return hash_of(provider) * 31 + hash_of(subject);
}

MemorySignIn* MemoryIndex::find_sign_in(SignInId id) const {
  return sign_ins_.find(hash_of(id), [&](const MemorySignIn& sign_in) { return sign_in.id == id; });
}

MemorySession* MemoryIndex::find_session(SessionId id) const {
  return by_id_.find(hash_of(id), [&](const MemorySession& session) { return session.id == id; });
}

MemorySession* MemoryIndex::find_token(std::string_view token_hash) const {
  if (token_hash.empty()) return nullptr;
  return by_token_.find(hash_of(token_hash), [&](const MemorySession& session) {
    return session.token_hash() == token_hash;
  });
}

std::vector<MemorySignIn*> MemoryIndex::matching(const Selector& selector) const {
  std::vector<MemorySignIn*> found;
  const auto collect = [&](const auto& table, std::uint64_t hash, const auto& matches) {
    table.probe(hash, [&](MemorySignIn& sign_in) {
      if (matches(sign_in)) found.push_back(&sign_in);
      return true;
    });
    std::ranges::sort(found, std::ranges::greater{}, &MemorySignIn::sequence);
  };
  const auto scan = [&](const auto& matches) {
    for (MemorySignIn* sign_in = newest_; sign_in != nullptr; sign_in = sign_in->previous) {
      if (matches(*sign_in)) found.push_back(sign_in);
    }
  };

  if (selector.sign_in) {
    if (MemorySignIn* sign_in = find_sign_in(*selector.sign_in)) found.push_back(sign_in);
  } else if (selector.account) {
    const auto& [provider, subject] = *selector.account;
    const auto matches = [&](const MemorySignIn& sign_in) {
      return (provider.empty() || provider == sign_in.provider()) &&
             (subject.empty() || subject == sign_in.subject()) &&
             (!selector.without_upstream_sid || sign_in.upstream_sid().empty());
    };
    if (!provider.empty() && !subject.empty())
      collect(by_account_, hash_of_account(provider, subject), matches);
    if (provider.empty() != subject.empty()) scan(matches);
  } else if (selector.upstream_sid && !selector.upstream_sid->sid.empty()) {
    const auto& [provider, sid] = *selector.upstream_sid;
    collect(by_sid_, hash_of(sid), [&](const MemorySignIn& sign_in) {
      return sid == sign_in.upstream_sid() && (provider.empty() || provider == sign_in.provider());
    });
  } else if (selector.user) {
    collect(by_user_, hash_of(*selector.user),
            [&](const MemorySignIn& sign_in) { return *selector.user == sign_in.user(); });
  }
  return found;
}

void MemoryIndex::for_each(const Selector& selector,
                           const std::function<bool(MemorySession&)>& visit) const {
  const auto visit_sessions = [&](const MemorySignIn& sign_in) {
    for (MemorySession* session = sign_in.sessions.get(); session != nullptr;
         session = session->next.get()) {
      if (selector.except && *selector.except == session->id) continue;
      if (!visit(*session)) return false;
    }
    return true;
  };
  if (selector.session) {
    MemorySession* session = find_session(*selector.session);
    if (session != nullptr && selector.except != session->id) visit(*session);
    return;
  }
  if (selector.all) {
    for (const MemorySignIn* sign_in = newest_; sign_in != nullptr; sign_in = sign_in->previous) {
      if (!visit_sessions(*sign_in)) return;
    }
    return;
  }
  for (const MemorySignIn* sign_in : matching(selector)) {
    if (!visit_sessions(*sign_in)) return;
  }
}

MemorySignIn& MemoryIndex::insert(const SignIn& record) {
  auto* sign_in = new MemorySignIn(record);  // the list owns it
  sign_in->sequence = next_sequence_++;
  sign_in->previous = newest_;
  (newest_ != nullptr ? newest_->next : oldest_) = sign_in;
  newest_ = sign_in;
  sign_ins_.insert(sign_in);
  by_account_.insert(sign_in);
  by_user_.insert(sign_in);
  if (!sign_in->upstream_sid().empty()) by_sid_.insert(sign_in);
  return *sign_in;
}

void MemoryIndex::insert(const Session& record, MemorySignIn& owner) {
  std::unique_ptr<MemorySession>* end = &owner.sessions;
  while (*end) end = &(*end)->next;
  *end = std::make_unique<MemorySession>(record, owner);
  MemorySession* session = end->get();
  by_id_.insert(session);
  if (!session->token_hash().empty()) by_token_.insert(session);
  queue_.push(*session, session->ends());
  ++count_of(session->kind);
}

void MemoryIndex::erase(MemorySession& session) {
  MemorySignIn& owner = *session.sign_in;
  by_id_.erase(&session);
  if (!session.token_hash().empty()) by_token_.erase(&session);
  queue_.remove(session);
  --count_of(session.kind);
  std::unique_ptr<MemorySession>* link = &owner.sessions;
  while (link->get() != &session) link = &(*link)->next;
  *link = std::move(session.next);
  if (!owner.sessions) erase(owner);
}

void MemoryIndex::erase(MemorySignIn& sign_in) {
  sign_ins_.erase(&sign_in);
  by_account_.erase(&sign_in);
  by_user_.erase(&sign_in);
  if (!sign_in.upstream_sid().empty()) by_sid_.erase(&sign_in);
  (sign_in.previous != nullptr ? sign_in.previous->next : oldest_) = sign_in.next;
  (sign_in.next != nullptr ? sign_in.next->previous : newest_) = sign_in.previous;
  delete &sign_in;
}

void MemoryIndex::update(MemorySignIn& stored, const SignIn& sign_in) {
  by_user_.erase(&stored);
  if (!stored.upstream_sid().empty()) by_sid_.erase(&stored);
  stored.assign(sign_in);
  by_user_.insert(&stored);
  if (!stored.upstream_sid().empty()) by_sid_.insert(&stored);
}

void MemoryIndex::check_later(MemorySession& session) {
  queue_.remove(session);
  queue_.push(session, session.ends());
}

}  // namespace openunison::store
