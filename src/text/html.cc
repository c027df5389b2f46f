// SPDX-License-Identifier: Apache-2.0
#include "text/html.h"

#include <kainjow/mustache.hpp>
#include <map>

#include "base/check.h"
#include "text/error.h"

namespace openunison::text {
namespace {

namespace km = kainjow::mustache;

km::data to_data(const Json& json);

km::data to_object(const Json::Object& members) {
  km::data object{km::object{}};
  for (const auto& [name, value] : members) object.set(name, to_data(value));
  return object;
}

km::data to_data(const Json& json) {
  if (const std::string* string = json.string()) return km::data(*string);
  if (const bool* boolean = json.boolean())
    return km::data(*boolean ? km::data::type::bool_true : km::data::type::bool_false);
  if (const Json::Object* object = json.object()) return to_object(*object);
  if (const Json::Array* array = json.array()) {
    km::data list{km::list{}};
    for (const Json& item : *array) list.push_back(to_data(item));
    return list;
  }
  if (json.is_null()) return km::data(km::data::type::bool_false);
  return km::data(json.dump());
}

std::string line_of(std::string_view source, std::size_t at) {
  return "line " +
         std::to_string(1 + std::count(source.begin(),
                                       source.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
}

// Refuses raw output, and gives the names of the partials.
Result<std::vector<std::string>> check_tags(const std::string& name, std::string_view source) {
  std::vector<std::string> partials;
  for (std::size_t at = source.find("{{"); at != std::string_view::npos;
       at = source.find("{{", at + 2)) {
    const auto bad = [&](const char* why) {
      return fail(Errc::bad_template, name + ": " + line_of(source, at) + ": " + why);
    };
    std::string_view tag = source.substr(at + 2);
    if (tag.starts_with('{') || tag.starts_with('&'))
      return bad("a template may not print unescaped text");
    if (tag.starts_with('=')) return bad("delimiters can't be changed");
    const std::size_t end = tag.find("}}");
    if (end == std::string_view::npos) return bad("a tag doesn't end");
    tag = tag.substr(0, end);
    if (tag.starts_with('>')) {
      const std::size_t first = tag.find_first_not_of("> ");
      const std::size_t last = tag.find_last_not_of(' ');
      if (first == std::string_view::npos) return bad("a partial has no name");
      partials.emplace_back(tag.substr(first, last - first + 1));
    }
  }
  return partials;
}

}  // namespace

std::string html_escape(std::string_view value) {
  std::string out;
  out.reserve(value.size());
  for (const char c : value) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

struct TemplateSet::Impl {
  // mustache's objects are changed by rendering, so each rendering parses its own: templates are
  // small and pages rare.
  std::map<std::string, std::string, std::less<>> sources;
};

Result<TemplateSet> TemplateSet::create(std::vector<std::pair<std::string, std::string>> sources) {
  auto impl = std::make_shared<Impl>();
  std::vector<std::pair<std::string, std::string>> wanted;  // (template, partial)
  for (auto& [name, source] : sources) {
    for (std::string& partial : TRY(check_tags(name, source)))
      wanted.emplace_back(name, std::move(partial));
    const km::mustache parsed(source);
    if (!parsed.is_valid()) return fail(Errc::bad_template, name + ": " + parsed.error_message());
    impl->sources.emplace(name, std::move(source));
  }
  for (const auto& [name, partial] : wanted) {
    if (!impl->sources.contains(partial))
      return fail(Errc::bad_template, name + ": there is no template " + partial);
  }
  TemplateSet set;
  set.impl_ = std::move(impl);
  return set;
}

std::string TemplateSet::render(std::string_view name, const Json& data) const {
  const auto found = impl_->sources.find(name);
  CHECK(found != impl_->sources.end());
  km::data context = data.object() != nullptr ? to_object(*data.object()) : km::data{km::object{}};
  for (const auto& [partial, source] : impl_->sources) {
    if (context.get(partial) == nullptr) {
      context.set(partial, km::data(km::partial([&source] { return source; })));
    }
  }
  km::mustache page(found->second);
  page.set_custom_escape([](const std::string& text) { return html_escape(text); });
  return page.render(context);
}

}  // namespace openunison::text
