// SPDX-License-Identifier: Apache-2.0
//
// What people and providers say, shown on a page: no byte of it may become markup. The text is
// shown in element content and in an attribute, as the portal's templates do.
#include "text/html.h"

#include <string>

#include "fuzz.h"
#include "text/json.h"
#include "text/utf8.h"

using namespace openunison::text;

FUZZ(text) {
  static const auto kTemplates = TemplateSet::create(
      {{"page", "<p title=\"{{text}}\">{{text}}{{#list}}<b>{{.}}</b>{{/list}}</p>"}});
  MUST(kTemplates.has_value());
  Json data;
  data.set("text", text);
  data.set("list", Json(Json::Array{Json(text), Json(text)}));
  const std::string page = kTemplates->render("page", data);
  std::size_t tags = 0, quotes = 0;
  for (const char c : page) {
    tags += c == '<' ? 1 : 0;
    quotes += c == '"' ? 1 : 0;
  }
  MUST(tags == 6 && quotes == 2);
  MUST(page.find('\'') == std::string::npos);
}
