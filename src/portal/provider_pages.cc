// SPDX-License-Identifier: Apache-2.0
//
// Pages that the provider shows: an answer on its way to an application, and the question whether
// an application may know who is signed in.
#include "portal/pages.h"
#include "text/url.h"

namespace openunison::portal {
namespace {

text::Json hidden_fields(const std::vector<std::pair<std::string, std::string>>& fields) {
  text::Json::Array list;
  for (const auto& [name, value] : fields) {
    text::Json field;
    field.set("name", name);
    field.set("value", value);
    list.push_back(std::move(field));
  }
  return text::Json(std::move(list));
}

}  // namespace

http::Response Portal::form_post_page(const http::Request& request, session::FormPost post) const {
  const auto url = text::Url::parse(post.action);
  Page page{"form_post", "Going on to " + post.client, "", {}, 200, url ? url->origin() : ""};
  // What stands in this page's address must not come back by the theme's form.
  page.address = "/";
  page.data.set("action", post.action);
  page.data.set("client", post.client);
  page.data.set("fields", hidden_fields(post.fields));
  page.data.set("form_post_script", impl_->assets.form_post_script());
  return impl_->render(request, nullptr, std::move(page));
}

http::Response Portal::consent_page(const http::Request& request, const session::Current& current,
                                    session::ConsentQuestion question) const {
  Page page{"consent", "Go on to " + question.client + "?", "", {}, 200, question.origin};
  page.address = "/";
  page.data.set("client", question.client);
  page.data.set("origin", question.origin);
  page.data.set("action", question.action);
  text::Json::Array learns;
  for (std::string& each : question.learns) {
    text::Json entry;
    entry.set("what", std::move(each));
    learns.push_back(std::move(entry));
  }
  page.data.set("learns", text::Json(std::move(learns)));
  page.data.set("is_command_line", question.is_command_line);
  page.data.set("fields", hidden_fields(question.fields));
  return impl_->render(request, &current, std::move(page));
}

}  // namespace openunison::portal
