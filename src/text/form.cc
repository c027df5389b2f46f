// SPDX-License-Identifier: Apache-2.0
#include "text/form.h"

#include <algorithm>

#include "text/error.h"
#include "text/url.h"
#include "text/utf8.h"

namespace openunison::text {
namespace {

constexpr std::size_t kMaxFields = 256;

Result<std::string> decode_part(std::string_view part) {
  std::string text(part);
  std::replace(text.begin(), text.end(), '+', ' ');
  auto decoded = percent_decode(text);
  if (!decoded) return fail(Errc::bad_form, "a percent escape is broken");
  if (decoded->find('\0') != std::string::npos)
    return fail(Errc::bad_form, "a value holds a NUL byte");
  if (!valid_utf8(*decoded)) return fail(Errc::bad_form, "a value is not UTF-8");
  return std::move(*decoded);
}

}  // namespace

Result<Form> Form::parse(std::string_view encoded) {
  Form form;
  while (!encoded.empty()) {
    const std::size_t end = std::min(encoded.find('&'), encoded.size());
    const std::string_view pair = encoded.substr(0, end);
    encoded.remove_prefix(std::min(end + 1, encoded.size()));
    if (pair.empty()) continue;
    if (form.fields_.size() == kMaxFields)
      return fail(Errc::bad_form, "there are more than 256 parameters");
    const std::size_t equals = std::min(pair.find('='), pair.size());
    std::string name = TRY(decode_part(pair.substr(0, equals)));
    std::string value = TRY(decode_part(pair.substr(std::min(equals + 1, pair.size()))));
    form.fields_.emplace_back(std::move(name), std::move(value));
  }
  return form;
}

std::optional<std::string_view> Form::get(std::string_view name) const {
  for (const auto& [key, value] : fields_) {
    if (key == name) return value;
  }
  return std::nullopt;
}

std::optional<std::string> Form::repeated() const {
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (fields_[i].first == fields_[j].first) return fields_[i].first;
    }
  }
  return std::nullopt;
}

std::size_t Form::count(std::string_view name) const {
  return static_cast<std::size_t>(std::count_if(
      fields_.begin(), fields_.end(), [&](const auto& field) { return field.first == name; }));
}

std::string Form::encode() const {
  std::string out;
  for (const auto& [name, value] : fields_) {
    if (!out.empty()) out += '&';
    out += percent_encode(name) + '=' + percent_encode(value);
  }
  return out;
}

}  // namespace openunison::text
