// SPDX-License-Identifier: Apache-2.0
//
// Errors as people see them: what happened, whether it is them, us or the identity provider, what
// to do next, and the reference that the log has too. One table from error codes to words.
#include "base/log.h"
#include "identity/error.h"
#include "portal/pages.h"
#include "text/url.h"

namespace openunison::portal {
namespace {

struct Words {
  int status;
  const char* title;
  const char* who;  // whose turn it is
  const char* advice;
  bool try_again;
};

constexpr const char* kYou = "This is something you can mend.";
constexpr const char* kUs = "This is a fault on our side.";
constexpr const char* kProvider = "This comes from your identity provider.";
constexpr const char* kAdmin = "Somebody who administers access has to act.";

Words words_of(const Error& error) {
  using Identity = identity::Errc;
  using Session = session::Errc;
  if (error.is(Identity::bad_users_file)) {
    return {500, "The list of users can’t be read", kUs,
            "Tell an administrator. People who are signed in already can go on working.", true};
  }
  if (error.is(Identity::unreachable)) {
    return {502, "The identity provider can’t be reached", kProvider,
            "Wait a minute and try again. People who are signed in already can go on working.",
            true};
  }
  if (error.is(Identity::throttled)) {
    return {429, "Too many attempts", kYou, "Wait a minute, then try again.", true};
  }
  if (error.is(Identity::busy)) {
    return {503, "Too many people are signing in", kUs, "Wait a moment, then try again.", true};
  }
  if (error.is(Identity::denied)) {
    return {403, "The identity provider said no", kProvider,
            "If you cancelled, try again. Otherwise ask whoever looks after your account there.",
            true};
  }
  if (error.is(Identity::clock)) {
    return {502, "The clocks don’t agree", kAdmin,
            "The clock of this portal or of the identity provider is wrong. Tell an administrator.",
            true};
  }
  if (error.is(Identity::not_allowed) || error.is(Session::not_allowed)) {
    return {403, "You aren’t in a group that may use this", kAdmin,
            "Ask to be added to one of the groups named above.", false};
  }
  if (error.is(Identity::groups_overage)) {
    return {502, "You are in too many groups to be told apart", kAdmin,
            "The identity provider left your groups out, and this portal never guesses. An "
            "administrator can have it send "
            "only the groups that matter here.",
            false};
  }
  if (error.is(Identity::bad_name)) {
    return {403, "Your account’s name can’t be used here", kAdmin,
            "An administrator has to map another claim to the user name.", false};
  }
  if (error.is(Identity::too_big)) {
    return {502, "The identity provider sent too much", kAdmin,
            "An administrator can have it send fewer groups or claims.", false};
  }
  if (error.is(Identity::bad_response) || error.is(Identity::interaction_required)) {
    return {502, "The identity provider’s answer didn’t add up", kProvider,
            "Try again. If it stays, give an administrator the reference below.", true};
  }
  if (error.is(Session::bad_attempt)) {
    return {400, "This sign-in can’t be finished", kYou,
            "Start again. If it happens again, allow cookies for this site; a private window loses "
            "them between tabs.",
            true};
  }
  if (error.is(Session::bad_csrf)) {
    return {403, "This page was made for another session", kYou,
            "You may be signed in as somebody else in another tab. Nothing was changed. Go back, "
            "reload, and try again.",
            false};
  }
  if (error.is(Session::no_session) || error.is(Session::gone)) {
    return {401, "Your session is over", kYou, "Sign in again.", true};
  }
  if (error.is(Session::token_too_large)) {
    return {
        403, "You are in too many groups for kubectl", kAdmin,
        "An administrator can limit the groups that are passed on with openunison.groups_filter.",
        false};
  }
  if (error.is(Session::unknown_provider))
    return {404, "There is no such identity provider", kYou, "Start at the first page.", true};
  if (error.is(store::Errc::unavailable) || error.is(store::Errc::full)) {
    return {503, "Sessions can’t be read or written right now", kUs,
            "Try again in a minute. Your administrator sees the reason on the management port.",
            true};
  }
  const std::string_view category = error.code().category().name();
  if (category == "oidc") {
    return {400, "The application’s request can’t be accepted", kAdmin,
            "Nothing is wrong with your account. Whoever looks after the application has to "
            "correct it.",
            false};
  }
  const int status = http::status_of(error.code());
  if (status == 404)
    return {404, "There is nothing here", kYou, "Check the address, or go to the first page.",
            false};
  if (status == 413) {
    return {413, "That request is too large", kYou,
            "Go back and try again with less. If an application sent you here, whoever looks after "
            "it has to make its request shorter.",
            false};
  }
  if (error.is(http::Errc::unavailable)) {
    return {503, "There is too much going on right now", kUs, "Go back and try again in a moment.",
            true};
  }
  if (status >= 400 && status < 500)
    return {status, "That request can’t be answered", kYou, "Go back and try again.", false};
  return {500, "Something went wrong here", kUs,
          "Try again. If it stays, give an administrator the reference below.", true};
}

// Faults of our own and of the way to a provider are told in the log: their messages name files and
// addresses, and anybody can see this page.
bool hides(const Error& error, int status) {
  return status == 500 || error.is(store::Errc::unavailable) || error.is(store::Errc::full) ||
         error.is(identity::Errc::unreachable);
}

// Messages are made for logs: a page begins them with a capital and ends them with a full stop.
std::string as_sentence(std::string text) {
  if (!text.empty() && text.front() >= 'a' && text.front() <= 'z')
    text.front() = static_cast<char>(text.front() - 'a' + 'A');
  if (!text.ends_with('.')) text += '.';
  return text;
}

}  // namespace

http::Response Portal::Impl::error_page(const http::Request& request, const Current* current,
                                        const Error& error) const {
  const Words words = words_of(error);
  Page page{"error", words.title, "", {}, words.status, {}};
  if (hides(error, words.status)) {
    log::warn("a page could not be answered", {{"status", words.status},
                                               {"reason", error.message()},
                                               {"request", request.id},
                                               {"trace", request.trace.trace_id()}});
    page.data.set("what", "The request could not be answered.");
  } else {
    page.data.set("what", as_sentence(error.message()));
  }
  page.data.set("who", words.who);
  page.data.set("advice", words.advice);
  page.data.set("status", words.status);
  page.data.set("reference", request.id);
  // Told where somebody follows it: whoever called us put it there.
  page.data.set("has_trace", request.trace.joined());
  page.data.set("trace", request.trace.trace_id());
  page.data.set("contact", values().branding.help_contact);
  page.data.set("has_contact", !values().branding.help_contact.empty());
  page.data.set("try_again", words.try_again);
  page.data.set("signed_in", current != nullptr);
  http::Response response = render(request, current, std::move(page));
  if (words.status == 503 || words.status == 429) response.headers.add("retry-after", "30");
  return response;
}

}  // namespace openunison::portal
