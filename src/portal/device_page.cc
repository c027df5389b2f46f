// SPDX-License-Identifier: Apache-2.0
//
// Device: lets a program in that waits on another machine (RFC 8628 §3.3). The code is typed, or
// comes with the link that the program shows; what it is for is said either way, and only the
// button decides: a link alone lets nobody in (§5.4).
#include "base/log.h"
#include "portal/pages.h"
#include "portal/program_name.h"
#include "portal/time_text.h"
#include "text/utf8.h"

namespace openunison::portal {
namespace {

std::string account_of(const Current& current) {
  return current.live.sign_in.provider + '\n' + current.live.sign_in.subject;
}

// Somebody guesses, or was sent a code that is over.
void audit_refusal(const char* reason, const Current& current, const session::Caller& caller) {
  log::audit("device_code_refused", {{"user", current.principal.user},
                                     {"provider", current.principal.provider},
                                     {"sign_in", current.live.sign_in.id.text()},
                                     {"reason", reason},
                                     {"address", caller.address},
                                     {"request", caller.request_id},
                                     {"trace", caller.trace.trace_id()}});
}

Page empty_page(int status = 200) {
  Page page{"device", "Let a device in", "", {}, status, {}};
  page.address = "/device";
  return page;
}

// What a link may put into the field: a code and what stands between its letters.
constexpr std::size_t kMaxTyped = 20;

Page page_to_type(int status, std::string why, std::string_view code = {}) {
  Page page = empty_page(status);
  page.data.set("code", text::shortened(code, kMaxTyped));
  page.data.set("types", true);
  page.data.set("has_problem", !why.empty());
  page.data.set("problem", std::move(why));
  return page;
}

Page page_of_end(bool allowed, std::string_view client, std::string_view user_code) {
  Page page = empty_page();
  page.data.set("user_code", user_code);
  page.data.set("ended", true);
  page.data.set("allowed", allowed);
  page.data.set("client", client);
  return page;
}

// For whoever denies: a device that was let in has its tokens then, and only ending its session
// stops it.
Page page_of_what_is_over() {
  Page page = empty_page(404);
  page.data.set("over", true);
  return page;
}

}  // namespace

// The question behind a code, or the page that says why there is none.
std::expected<session::DeviceQuestion, Page> Portal::Impl::device_question(
    const Current& current, std::string_view user_code, bool waits, const session::Caller& caller) {
  const MonoTime now = sessions.clock().mono();
  if (const Millis wait = code_guesses.wait_of(account_of(current), now);
      waits && wait > Millis{0}) {
    audit_refusal("held_back", current, caller);
    return std::unexpected(page_to_type(
        429, "Too many wrong codes. You can type another one in " + in_words(wait) + "."));
  }
  for (const session::DeviceApprovals* approvals : device_approvals) {
    if (auto question = approvals->find_device(user_code)) return std::move(*question);
  }
  code_guesses.wrong(account_of(current), now);
  audit_refusal("wrong", current, caller);
  return std::unexpected(page_to_type(
      404,
      "No device waits with this code. It is good for ten minutes and for one use: look at the "
      "device whether it shows another one."));
}

Task<http::Response> Portal::Impl::device_page(http::Request& request) {
  auto current = co_await require(request);
  if (!current) co_return std::move(current.error());
  const auto query = text::Form::parse(request.query);
  const std::string user_code(query ? query->value("user_code") : "");
  // A link only spares the typing. To look the code up is for a form of ours: any page on the web
  // could have a browser follow links until this person's tries are used up.
  co_return render(request, &*current, page_to_type(200, "", user_code));
}

http::Response Portal::Impl::ask_about_device(const http::Request& request, const Current& current,
                                              std::string_view user_code) {
  auto question = device_question(current, user_code, true, session::caller_of(request));
  if (!question) return render(request, &current, std::move(question.error()));
  Page page = empty_page();
  page.data.set("asks", true);
  page.data.set("user_code", question->user_code);
  page.data.set("client", question->client);
  page.data.set("has_name", !question->device_name.empty());
  page.data.set("device_name", question->device_name);
  page.data.set("program", agent_name(question->user_agent));
  page.data.set("from", question->address);
  page.data.set("asked", when(question->asked, now()));
  page.data.set("user", current.principal.user);
  return render(request, &current, std::move(page));
}

Task<http::Response> Portal::Impl::decide_device(http::Request& request) {
  auto submitted = co_await require_form(request);
  if (!submitted) co_return std::move(submitted.error());
  const Current& current = submitted->current;
  const std::string user_code(submitted->form.value("user_code"));
  const std::string_view answer = submitted->form.value("answer");
  if (answer == "look") co_return ask_about_device(request, current, user_code);
  if (answer != "allow" && answer != "deny") co_return see_other("/device");
  const session::Caller caller = session::caller_of(request);
  if (answer == "deny") {
    // Also what this sign-in has allowed and nobody has collected yet. Nobody waits for it.
    for (const session::DeviceApprovals* approvals : device_approvals) {
      if (approvals->take_back_device(user_code, current, caller))
        co_return render(request, &current, page_of_end(false, "", user_code));
    }
  }
  auto question = device_question(current, user_code, answer == "allow", caller);
  if (!question && answer == "deny") co_return render(request, &current, page_of_what_is_over());
  if (!question) co_return render(request, &current, std::move(question.error()));
  for (const session::DeviceApprovals* approvals : device_approvals) {
    const auto decided = approvals->decide_device(user_code, current, answer == "allow", caller);
    if (!decided) co_return error_page(request, &current, decided.error());
    if (*decided)
      co_return render(request, &current,
                       page_of_end(answer == "allow", question->client, user_code));
  }
  co_return render(request, &current,
                   page_to_type(404, "This code was decided a moment ago, or is over."));
}

}  // namespace openunison::portal
