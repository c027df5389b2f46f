// SPDX-License-Identifier: Apache-2.0
#include "http/message.h"

#include <algorithm>

namespace openunison::http {

std::optional<std::string_view> Headers::get(std::string_view name) const {
  for (const Field& field : fields_) {
    if (field.name == name) return field.value;
  }
  return std::nullopt;
}

Result<std::optional<std::string_view>> Headers::unique(std::string_view name) const {
  std::optional<std::string_view> found;
  for (const Field& field : fields_) {
    if (field.name != name) continue;
    if (found)
      return fail(Errc::bad_request, "the field " + std::string(name) + " is given more than once");
    found = field.value;
  }
  return found;
}

std::string Headers::joined(std::string_view name) const {
  const std::string_view separator = name == "cookie" ? "; " : ", ";
  std::string out;
  bool first = true;
  for (const Field& field : fields_) {
    if (field.name != name) continue;
    if (!first) out += separator;
    first = false;
    out += field.value;
  }
  return out;
}

void Headers::set(std::string_view name, std::string value) {
  remove(name);
  add(std::string(name), std::move(value));
}

void Headers::remove(std::string_view name) {
  std::erase_if(fields_, [&](const Field& field) { return field.name == name; });
}

std::string Authority::text() const {
  std::string out = host.find(':') != std::string::npos ? "[" + host + "]" : host;
  if (port_given) out += ":" + std::to_string(port);
  return out;
}

Task<Result<std::string>> read_all(BodyReader& body, std::size_t limit) {
  if (body.length() && *body.length() > limit)
    co_return fail(Errc::body_too_large, "the body is too large");
  std::string all;
  char buffer[8192];
  for (;;) {
    auto got = co_await body.read(buffer);
    if (!got) co_return std::unexpected(got.error());
    if (*got == 0) co_return all;
    if (all.size() + *got > limit) co_return fail(Errc::body_too_large, "the body is too large");
    if (!body.hold(*got))
      co_return fail(Errc::unavailable, "too much is being sent to the server; try again");
    all.append(buffer, *got);
  }
}

}  // namespace openunison::http
