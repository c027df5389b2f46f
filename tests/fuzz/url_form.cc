// SPDX-License-Identifier: Apache-2.0
//
// URLs, forms and authorities: what is taken reads the same when it is written and read again, and
// no look-alike host comes out.
#include "fuzz.h"
#include "http/syntax.h"
#include "text/form.h"
#include "text/url.h"
#include "text/utf8.h"

using openunison::text::Form;
using openunison::text::Url;

FUZZ(text) {
  if (const auto url = Url::parse(text)) {
    MUST(url->scheme == "https" || url->scheme == "http");
    MUST(url->port > 0 && !url->host.empty() && url->userinfo.empty());
    MUST(url->path.empty() || url->path.starts_with('/'));
    std::string again = url->origin() + url->path;
    if (url->query) again += "?" + *url->query;
    if (url->fragment) again += "#" + *url->fragment;
    const auto second = Url::parse(again);
    MUST(second);
    MUST(second->host == url->host && second->port == url->port && second->path == url->path);
    MUST(second->query == url->query && second->fragment == url->fragment);
    // The host stands in the text as it is, behind "//" or a user's "@".
    const std::string lower = openunison::text::ascii_lower(text);
    const std::size_t authority = lower.find("://") + 3;
    const std::size_t end = std::min(lower.find_first_of("/?#", authority), lower.size());
    MUST(lower.substr(authority, end - authority).find(url->host) != std::string::npos);
    const auto served = openunison::http::parse_authority(url->authority(), url->is_https());
    if (served) MUST(served->host == url->host && served->port == url->port);
  }
  if (const auto form = Form::parse(text)) {
    const auto again = Form::parse(form->encode());
    MUST(again && again->encode() == form->encode());
  }
  const auto decoded = openunison::text::percent_decode(text);
  if (decoded)
    MUST(openunison::text::percent_decode(openunison::text::percent_encode(*decoded)) == *decoded);
}
