// SPDX-License-Identifier: Apache-2.0
//
// Sessions: every sign-in of this person with its browser and kubectl sessions; end one, the
// others, or all. What ending does is said before it is done.
#include <algorithm>

#include "portal/pages.h"
#include "portal/program_name.h"
#include "portal/time_text.h"

namespace openunison::portal {
namespace {

constexpr std::size_t kMaxShown = 200;

text::Json row(const Current& each, const Current& mine, const config::Values& values,
               WallTime now) {
  const store::Session& session = each.live.session;
  const bool web = session.kind == store::SessionKind::web;
  text::Json json;
  json.set("id", session.id.text());
  json.set("web", web);
  json.set("this_one", session.id == mine.live.session.id);
  std::string what = web ? "Browser" : session.label;
  if (!web && !session.cluster.empty() && values.clusters.size() > 1)
    what += " · " + session.cluster;
  json.set("what", what);
  json.set("program", program_name(session.user_agent));
  json.set("address", session.address.empty() ? std::string("unknown address") : session.address);
  json.set("since", when(session.created_at, now));
  json.set("used", when(session.last_used_at, now));
  json.set("ends", when(store::ends_at(session, each.live.sign_in), now));
  json.set("unused", session.unused_until != WallTime{} && session.generation == 1);
  json.set("refusals", std::to_string(session.stale_refusals));
  json.set("has_refusals", session.stale_refusals > 0);
  return json;
}

store::Selector account_of(const Current& current) {
  store::Selector selector;
  selector.account =
      store::Selector::Account{current.live.sign_in.provider, current.live.sign_in.subject};
  return selector;
}

}  // namespace

Task<http::Response> Portal::Impl::sessions_page(http::Request& request) {
  auto current = co_await require(request);
  if (!current) co_return std::move(current.error());
  // Of very many the newest, since those are what somebody who got in just now has.
  auto listed = co_await sessions.list(account_of(*current), kMaxShown + 1);
  if (!listed) co_return error_page(request, &*current, listed.error());
  const bool has_more = listed->size() > kMaxShown;
  if (has_more) {
    store::Selector own;
    own.sign_in = current->live.sign_in.id;
    auto shown = co_await sessions.list(std::move(own), kMaxShown);
    if (!shown) co_return error_page(request, &*current, shown.error());
    for (Current& each : *listed) {
      if (shown->size() == kMaxShown) break;
      if (each.live.sign_in.id != current->live.sign_in.id) shown->push_back(std::move(each));
    }
    listed = std::move(shown);
  }

  // One block a sign-in, this one first.
  std::vector<std::pair<store::SignInId, text::Json::Array>> blocks;
  std::vector<const Current*> heads;
  blocks.emplace_back(current->live.sign_in.id, text::Json::Array());
  heads.push_back(&*current);
  for (const Current& each : *listed) {
    auto block = std::find_if(blocks.begin(), blocks.end(),
                              [&](const auto& b) { return b.first == each.live.sign_in.id; });
    if (block == blocks.end()) {
      block = blocks.insert(blocks.end(), {each.live.sign_in.id, {}});
      heads.push_back(&each);
    }
    block->second.push_back(row(each, *current, values(), now()));
  }
  text::Json::Array sign_ins;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const store::SignIn& head = heads[i]->live.sign_in;
    text::Json entry;
    entry.set("this_one", i == 0);
    entry.set("signed_in", when(head.created_at, now()));
    entry.set("ends", when(head.expires_at, now()));
    entry.set("address", head.address);
    entry.set("program", program_name(head.user_agent));
    entry.set("sessions", text::Json(std::move(blocks[i].second)));
    sign_ins.push_back(std::move(entry));
  }
  Page page{"sessions", "Sessions", "sessions", {}, 200, {}};
  page.data.set("sign_ins", text::Json(std::move(sign_ins)));
  page.data.set("count", listed->size());
  page.data.set("has_more", has_more);
  page.data.set("has_others", listed->size() > 1);
  const auto query = text::Form::parse(request.query);
  page.data.set("ended", query && query->get("ended").has_value());
  co_return render(request, &*current, std::move(page));
}

// Says what ending would do; the button there does it.
Task<http::Response> Portal::Impl::confirm_end(http::Request& request) {
  auto current = co_await require(request);
  if (!current) co_return std::move(current.error());
  const auto query = text::Form::parse(request.query);
  const std::string what(query ? query->value("what") : "");
  Page page{"end_session", "End sessions", "sessions", {}, 200, {}};
  page.data.set("what", what);
  const auto ask = [&page](std::string_view question, std::string_view action) {
    page.data.set("question", question);
    page.data.set("action", action);
  };
  if (what == "all") {
    ask("End all sessions?", "End all");
    page.data.set("consequence",
                  "Every browser and every kubectl of yours is signed out, this one too. kubectl "
                  "stops within about a minute.");
  } else if (what == "others") {
    ask("End all other sessions?", "End others");
    page.data.set(
        "consequence",
        "Everything but this browser is signed out. kubectl stops within about a minute.");
  } else {
    const auto id = store::SessionId::parse(what);
    auto found = id ? co_await sessions.find(*id)
                    : Result<Current>(fail(session::Errc::no_session, "no such session"));
    if (!found || found->live.sign_in.provider != current->live.sign_in.provider ||
        found->live.sign_in.subject != current->live.sign_in.subject) {
      co_return see_other("/sessions");
    }
    const bool web = found->live.session.kind == store::SessionKind::web;
    ask(web ? "End this browser’s session?" : "End this session?", "End session");
    page.data.set("consequence", web ? "The browser at " + found->live.session.address +
                                           " is signed out at once. kubectl sessions go on."
                                     : "“" + found->live.session.label + "”, last used from " +
                                           found->live.session.address +
                                           ", stops within about a minute.");
  }
  co_return render(request, &*current, std::move(page));
}

Task<http::Response> Portal::Impl::end_sessions(http::Request& request) {
  auto submitted = co_await require_form(request);
  if (!submitted) co_return std::move(submitted.error());
  const Current& current = submitted->current;
  const std::string_view what = submitted->form.value("what");
  store::Selector selector;
  if (what == "all") {
    selector = account_of(current);
  } else if (what == "others") {
    selector = account_of(current);
    selector.except = current.live.session.id;
  } else {
    const auto id = store::SessionId::parse(what);
    auto found = id ? co_await sessions.find(*id)
                    : Result<Current>(fail(session::Errc::no_session, "no such session"));
    // Somebody else's session looks like none.
    const bool own = found && found->live.sign_in.provider == current.live.sign_in.provider &&
                     found->live.sign_in.subject == current.live.sign_in.subject;
    if (!own) co_return see_other("/sessions?ended=0");
    selector.session = id;
  }
  // What was let in and hasn't come yet is a session as well.
  if (what == "all" || what == "others") {
    for (const session::DeviceApprovals* approvals : device_approvals)
      approvals->take_back_devices(current, session::caller_of(request));
  }
  const bool ends_this =
      what == "all" || (selector.session && *selector.session == current.live.session.id);
  auto ended =
      co_await sessions.end(std::move(selector), "ended_by_user", session::caller_of(request));
  if (!ended) co_return error_page(request, &current, ended.error());
  if (ends_this) co_return see_other("/signed-out", {session::Sessions::clear_cookie()});
  co_return see_other("/sessions?ended=" + std::to_string(ended->size()));
}

}  // namespace openunison::portal
