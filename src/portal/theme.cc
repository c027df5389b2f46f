// SPDX-License-Identifier: Apache-2.0
#include "portal/theme.h"

#include "portal/pages.h"
#include "text/cookie.h"

namespace openunison::portal {
namespace {

constexpr std::string_view kCookie = "__Host-ou-theme";
constexpr Seconds kYear{31'536'000};

Theme parse(std::string_view text) {
  if (text == "dark") return Theme::dark;
  if (text == "light") return Theme::light;
  return Theme::system;
}

}  // namespace

std::string_view name(Theme theme) {
  switch (theme) {
    case Theme::dark:
      return "dark";
    case Theme::light:
      return "light";
    case Theme::system:
      break;
  }
  return "system";
}

Theme theme_of(const http::Request& request) {
  const auto cookies = text::Cookies::parse(request.headers.joined("cookie"));
  return parse(cookies.unique(kCookie).value_or(""));
}

// Harmless, so it needs no CSRF token: another site could at most change the colours.
Task<http::Response> Portal::Impl::theme(http::Request& request) {
  if (auto refused = refuse_foreign(request)) co_return std::move(*refused);
  auto body = co_await http::read_all(*request.body, 2048);
  const auto form = body ? text::Form::parse(*body) : Result<text::Form>(text::Form());
  if (!form) co_return see_other("/");
  const std::string chosen(portal::name(parse(form->value("theme"))));
  co_return see_other(session::safe_return_to(form->value("return_to")),
                      {text::set_cookie(kCookie, chosen, kYear)});
}

}  // namespace openunison::portal
