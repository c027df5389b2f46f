// SPDX-License-Identifier: Apache-2.0
//
// What the portal's pages share: rendering, headers, who is signed in, where to go. Private to
// portal/.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "portal/assets.h"
#include "portal/code_guesses.h"
#include "portal/portal.h"
#include "text/form.h"
#include "text/html.h"
#include "text/json.h"

namespace openunison::portal {

// A page to be rendered inside the layout.
struct Page {
  std::string_view name;  // of the template
  std::string title;      // "Applications"
  std::string_view
      place;        // which entry of the navigation is here: "applications", "k8s", ... or ""
  text::Json data;  // object
  int status = 200;
  std::string form_origin;   // one foreign origin that forms of this page may end at
  std::string address = {};  // where to come back to; by default the request's own
};

using Current = session::Current;

struct Portal::Impl {
  Impl(PortalOptions options, PortalDependencies dependencies, text::TemplateSet templates);

  // --- rendering (pages.cc) ---
  // `current`: who is signed in, or null.
  http::Response render(const http::Request& request, const Current* current, Page page) const;
  http::Response error_page(const http::Request& request, const Current* current,
                            const Error& error) const;

  // Where signing out sends the browser on to; "" where that is a page of ours.
  std::string upstream_origin(const Current& current) const;
  std::string signed_out_url() const { return values().portal_origin() + "/signed-out"; }

  // --- who is there (pages.cc) ---
  // Gives the person, or the answer that sends the browser to sign in (or says that sessions can't
  // be read).
  Task<std::expected<Current, http::Response>> require(http::Request& request);
  // The answer to a form that the browser says another site's page has sent; nullopt: it doesn't
  // say so.
  std::optional<http::Response> refuse_foreign(const http::Request& request) const;
  // require() for a POSTed form with a CSRF token; gives the form as well.
  struct Submitted {
    Current current;
    text::Form form;
  };
  Task<std::expected<Submitted, http::Response>> require_form(http::Request& request);

  // The person behind a program's access token, or the refusal (programs.cc).
  Task<std::expected<Current, http::Response>> require_program(http::Request& request);

  // --- pages, one file each ---
  Task<http::Response> login(http::Request& request);  // sign_in_page.cc
  Task<http::Response> login_local(http::Request& request);
  struct SignInPage {
    std::string return_to;
    bool force = false;           // the provider must ask again
    bool select_account = false;  // the person chooses who to be
    std::string hint;             // who it is about to be
    std::string acr_values;       // ways to authenticate that are wished for
    int status = 200;
    std::string_view failure = {};  // what went wrong before; empty: nothing
  };
  http::Response sign_in_page(const http::Request& request, const SignInPage& asked) const;
  Task<http::Response> callback(http::Request& request, std::string provider);
  Task<http::Response> posted_callback(http::Request& request, std::string provider,
                                       std::string path);
  Task<http::Response> backchannel_logout(http::Request& request, std::string provider);
  Task<http::Response> applications(http::Request& request);  // applications_page.cc
  Task<http::Response> kubernetes(http::Request& request);    // kubernetes_page.cc
  Task<http::Response> kubernetes_command(http::Request& request);
  Task<http::Response> kubernetes_kubeconfig(http::Request& request);
  Task<http::Response> plugin_kubeconfig(http::Request& request);
  Task<http::Response> profile(http::Request& request);        // profile_page.cc
  Task<http::Response> sessions_page(http::Request& request);  // sessions_page.cc
  Task<http::Response> confirm_end(http::Request& request);
  Task<http::Response> end_sessions(http::Request& request);
  Task<http::Response> device_page(http::Request& request);  // device_page.cc
  Task<http::Response> decide_device(http::Request& request);
  http::Response ask_about_device(const http::Request& request, const Current& current,
                                  std::string_view user_code);
  std::expected<session::DeviceQuestion, Page> device_question(const Current& current,
                                                               std::string_view user_code,
                                                               bool waits,
                                                               const session::Caller& caller);
  Task<http::Response> logout_page(http::Request& request);  // sign_out_page.cc
  Task<http::Response> logout(http::Request& request);
  Task<http::Response> signed_out(http::Request& request);
  Task<http::Response> theme(http::Request& request);  // theme.cc
  Task<http::Response> asset(http::Request& request);  // pages.cc
  Task<http::Response> download(http::Request& request);
  Task<http::Response> page_of_form(http::Request& request);
  Task<http::Response> not_found(http::Request& request);

  Task<http::Response> well_known(http::Request& request);  // programs.cc
  Task<http::Response> account(http::Request& request);
  Task<http::Response> sign_out_program(http::Request& request);
  Task<http::Response> workload(http::Request& request);

  std::optional<session::ReturnTarget> describe(std::string_view return_to) const;
  const config::Values& values() const { return sessions.values(); }
  WallTime now() const { return sessions.clock().now(); }

  PortalOptions options;
  session::Sessions& sessions;
  session::SignInFlow& sign_in;
  session::Connectors& connectors;
  text::TemplateSet templates;
  Assets assets;
  std::vector<const session::ReturnTargets*> return_targets;
  std::vector<const session::DeviceApprovals*> device_approvals;
  CodeGuesses code_guesses;
  identity::Workloads* workloads = nullptr;  // null: values have none
};

// The provider's name for people: its label, else what its kind gives.
std::string provider_label(const identity::Connector& connector);

// The first one, of UTF-8.
std::string first_character(std::string_view text);

http::Response see_other(std::string_view location,
                         const std::vector<std::string>& set_cookies = {});

// The last part of the path: "/k8s/demo/command" with prefix "/k8s/" and suffix "/command" →
// "demo".
std::optional<std::string> path_part(std::string_view path, std::string_view prefix,
                                     std::string_view suffix = "");

}  // namespace openunison::portal
