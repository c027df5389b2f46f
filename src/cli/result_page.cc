// SPDX-License-Identifier: Apache-2.0
#include "cli/result_page.h"

#include <string_view>

#include "base/base64.h"
#include "base/check.h"
#include "cli/terminal.h"
#include "crypto/hash.h"
#include "text/utf8.h"

namespace openunison::cli {
namespace {

constexpr std::size_t kMaxSaid = 500;

// Of web/src/portal.css what this page needs, with the portal's own accent.
constexpr std::string_view kStyle = R"css(
:root {
  color-scheme: light;
  --page: #f6f5f2; --card: #fffefb; --line: #d9d5cb; --ink: #1d1f24; --soft: #565b66; --sunk: #efede6;
  --good: #17633a; --bad: #a3231d; --good-bg: #e4f3e8; --bad-bg: #fbe6e3; --accent: #0b6e69; --link: #0b6e69;
  --shadow: 0 1px 2px rgb(30 25 10 / 6%), 0 8px 24px -12px rgb(30 25 10 / 14%);
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", "JetBrains Mono", Menlo, Consolas, monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    color-scheme: dark;
    --page: #14161a; --card: #1e2126; --line: #363b44; --ink: #eceae4; --soft: #b0b6c0; --sunk: #2b3038;
    --good: #8fd8a8; --bad: #ff9d94; --good-bg: #1b3326; --bad-bg: #43201d; --link: #6fb3af; --shadow: none;
  }
}
*, ::before, ::after { box-sizing: border-box; }
html { font: 100%/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; -webkit-text-size-adjust: 100%; }
body { margin: 0; min-height: 100vh; background: var(--page); color: var(--ink); font-size: 1.0625rem; overflow-wrap: anywhere; }
header { display: flex; align-items: center; gap: 0.625rem; padding: 0.75rem 1.25rem; background: var(--card); border-bottom: 1px solid var(--line); font-weight: 680; letter-spacing: -0.01em; }
header svg { display: block; flex: none; }
main { max-width: 68rem; margin: 0 auto; padding: 2rem 1.25rem 3rem; }
.card { max-width: 30rem; margin: min(8vh, 4rem) auto 0; padding: 2rem; background: var(--card); border: 1px solid var(--line); border-top: 4px solid var(--accent); border-radius: 14px; box-shadow: var(--shadow); }
.card > :last-child { margin-bottom: 0; }
.mark { display: block; width: 2.75rem; height: 2.75rem; margin: 0 0 1rem; padding: 0.625rem; border-radius: 99px; background: var(--sunk); color: var(--soft); }
.mark.good { background: var(--good-bg); color: var(--good); }
.mark.bad { background: var(--bad-bg); color: var(--bad); }
h1 { font-size: 1.875rem; line-height: 1.15; letter-spacing: -0.02em; margin: 0 0 0.75rem; font-weight: 680; text-wrap: balance; }
p { margin: 0 0 1rem; }
.said { margin: 0 0 1rem; padding: 0.75rem 1rem; border-radius: 10px; background: var(--bad-bg); color: var(--bad); font-size: 0.9375rem; }
.said p { margin: 0; }
.said code { font: 0.8125rem/1.5 var(--mono); }
.fine { font-size: 0.9375rem; color: var(--soft); }
a { color: var(--link); text-underline-offset: 0.18em; text-decoration-thickness: 0.08em; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 6px; }
@media (max-width: 44rem) {
  header { padding: 0.625rem 1rem; }
  main { padding: 1.25rem 1rem 2.5rem; }
  h1 { font-size: 1.5rem; }
  .card { padding: 1.5rem; margin-top: 1rem; }
}
)css";

constexpr std::string_view kBeforeStyle = R"html(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{title}} · {{product}}</title>
<style>)html";

constexpr std::string_view kAfterStyle = R"html(</style>
</head>
<body>
<header>
<svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true"><rect width="32" height="32" rx="8" fill="#0b6e69"/><path d="M9 26V10.5A4.5 4.5 0 0 1 13.500 6h5A4.500 4.500 0 0 1 23 10.500V26" fill="none" stroke="#fff" stroke-width="2.400" stroke-linecap="round"/><path d="M13 26V13l6-2.500V26z" fill="#fff"/><circle cx="17" cy="18.500" r="1.200" fill="#0b6e69"/></svg>
<span>{{product}}</span>
</header>
<main>
<section class="card">
<svg class="mark {{mark}}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2.5" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">{{#good}}<path d="M4.500 12.500l5 5 10-11"/>{{/good}}{{#bad}}<path d="M6 6l12 12M18 6L6 18"/>{{/bad}}{{#plain}}<circle cx="12" cy="12" r="9"/><path d="M12 7v5.500l3.500 2"/>{{/plain}}</svg>
<h1>{{title}}</h1>
<p>{{lede}}</p>
{{#has_said}}<div class="said"><p>{{said}}</p>{{#has_code}}<p><code>{{code}}</code></p>{{/has_code}}</div>
{{/has_said}}<p>{{advice}}</p>
{{#has_portal}}<p class="fine"><a href="{{portal}}" rel="noreferrer">Open the portal</a></p>
{{/has_portal}}</section>
</main>
</body>
</html>
)html";

constexpr const char* kAgain = "To try again, run the command once more in your terminal.";

text::TemplateSet templates() {
  std::string source(kBeforeStyle);
  source.append(kStyle).append(kAfterStyle);
  auto set = text::TemplateSet::create({{"result", std::move(source)}});
  CHECK(set);
  return std::move(*set);
}

// The style by its hash, and nothing else: CSP Level 3 §2.3.1.
std::string policy() {
  return "default-src 'none'; style-src 'sha256-" +
         base64_encode(crypto::view(crypto::sha256(kStyle))) +
         "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
}

}  // namespace

ResultPages::ResultPages(std::string product, std::string portal)
    : product_(product.empty() ? "Sign-in" : std::move(product)),
      portal_(std::move(portal)),
      policy_(policy()),
      templates_(templates()) {}

http::Response ResultPages::signed_in(const std::string& user) const {
  Text text{200, "good", "You’re signed in", {}};
  text.lede = user.empty() ? "kubectl is ready." : "You are " + user + ", and kubectl is ready.";
  text.advice = "Go back to where you were. This tab has done its work and can be closed.";
  return render(text);
}

http::Response ResultPages::received() const {
  Text text{200, "plain", "Almost there", {}};
  text.lede = "Your sign-in has arrived, and kubectl is still at work on it.";
  text.advice = "Your terminal says how it ends. This tab can be closed.";
  return render(text);
}

http::Response ResultPages::refused(const std::string& error,
                                    const std::string& description) const {
  Text text{403, "bad", "You’re not signed in", {}};
  text.lede = error == "access_denied" ? "The sign-in was refused. This is what was said:"
                                       : "The sign-in didn’t work. This is what was said:";
  text.said = description.empty() ? "No reason was given." : description;
  text.code = error;
  text.advice = kAgain;
  return render(text);
}

http::Response ResultPages::failed(const std::string& problem) const {
  Text text{502, "bad", "You’re not signed in yet", {}};
  text.lede = "You were recognised, but the last step on this machine failed:";
  text.said = problem.empty() ? "Your terminal says why." : problem;
  text.advice = kAgain;
  return render(text);
}

http::Response ResultPages::late() const {
  Text text{410, "plain", "This came too late", {}};
  text.lede = "Nothing waits for this sign-in any more: it has had its answer, or its time was up.";
  text.advice = "If kubectl still asks for one, run the command once more in your terminal.";
  return render(text);
}

http::Response ResultPages::unexpected(int status) const {
  Text text{status, "bad", "This wasn’t expected", {}};
  text.lede =
      "It isn’t the answer to the sign-in that this machine waits for. Nothing was changed.";
  text.advice =
      "If you are signing in, go on in the tab that was opened for it. If you aren’t, close this "
      "one.";
  return render(text);
}

http::Response ResultPages::render(const Text& content) const {
  const auto shown = [](const std::string& text) {
    return printable(text::shortened(text, kMaxSaid));
  };
  text::Json data;
  data.set("product", printable(product_));
  data.set("has_portal", !portal_.empty());
  data.set("portal", portal_);
  data.set("mark", content.mark);
  data.set("good", std::string_view(content.mark) == "good");
  data.set("bad", std::string_view(content.mark) == "bad");
  data.set("plain", std::string_view(content.mark) == "plain");
  data.set("title", content.title);
  data.set("lede", printable(content.lede));
  data.set("has_said", !content.said.empty());
  data.set("said", shown(content.said));
  data.set("has_code", !content.code.empty());
  data.set("code", shown(content.code));
  data.set("advice", content.advice);
  return {content.status,
          {{"content-type", "text/html; charset=utf-8"},
           {"content-security-policy", policy_},
           {"cache-control", "no-store"},
           {"referrer-policy", "no-referrer"},
           {"x-frame-options", "DENY"},
           {"cross-origin-opener-policy", "same-origin"},
           {"cross-origin-resource-policy", "same-origin"}},
          templates_.render("result", data)};
}

}  // namespace openunison::cli
