// SPDX-License-Identifier: Apache-2.0
#include "cli/trace.h"

#include <algorithm>

#include "text/form.h"

namespace openunison::cli {
namespace {

// Deny by default: a field that is added later is blanked until it is put here.
constexpr std::string_view kShown[] = {
    "grant_type",      "client_id",    "scope",       "subject_token_type", "requested_token_type",
    "token_type_hint", "redirect_uri", "device_name", "audience",           "kept_by"};

}  // namespace

std::string described_form(std::string_view body) {
  const auto form = text::Form::parse(body);
  if (!form) return "[" + std::to_string(body.size()) + " characters]";
  std::string shown;
  for (const auto& [name, value] : form->fields()) {
    shown.append(shown.empty() ? "" : " ").append(name).append("=");
    const bool open = std::ranges::find(kShown, name) != std::end(kShown);
    shown += open ? value : "[" + std::to_string(value.size()) + " characters]";
  }
  return shown;
}

std::string described_url(const text::Url& url) {
  return url.origin() + url.path + (url.query ? "?..." : "");
}

}  // namespace openunison::cli
