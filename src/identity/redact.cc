// SPDX-License-Identifier: Apache-2.0
#include "identity/redact.h"

#include <algorithm>

#include "base/base64.h"
#include "text/url.h"

namespace openunison::identity {
namespace {

constexpr std::size_t kShortest = 6;
constexpr std::string_view kInstead = "[secret]";

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (std::size_t at = text.find(what); at != std::string::npos;
       at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
}

std::string with_escaped_slashes(std::string text) {
  replace_all(text, "/", "\\/");
  return text;
}

}  // namespace

std::string redact(std::string text, const std::vector<std::string>& secrets) {
  std::vector<std::string> forms;
  for (const std::string& secret : secrets) {
    if (secret.size() < kShortest) continue;
    for (const std::string& form : {secret, text::percent_encode(secret), base64_encode(secret)}) {
      forms.push_back(with_escaped_slashes(form));
      forms.push_back(form);
    }
  }
  // A secret that is part of another one must not leave the rest of that one behind.
  std::sort(forms.begin(), forms.end(), [](const std::string& one, const std::string& other) {
    return one.size() > other.size();
  });
  for (const std::string& form : forms) replace_all(text, form, kInstead);
  return text;
}

}  // namespace openunison::identity
