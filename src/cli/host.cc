// SPDX-License-Identifier: Apache-2.0
#include "cli/host.h"

#include "cli/error.h"
#include "text/url.h"

namespace openunison::cli {

Result<Host> Host::parse(std::string_view text) {
  const bool has_scheme = text.find("://") != std::string_view::npos;
  const auto url =
      text::Url::parse(has_scheme ? std::string(text) : "https://" + std::string(text));
  const std::string given = "--host=" + std::string(text) + ": ";
  if (!url) return fail(Errc::bad_argument, given + url.error().message());
  if (!url->is_https())
    return fail(Errc::bad_argument, given + "portals are reached by https:// only");
  if (!has_scheme && (!url->path.empty() || url->query || url->fragment))
    return fail(Errc::bad_argument, given + "give the host alone, such as k8sou.example.com");
  return Host{url->host, url->port};
}

std::string Host::text() const {
  const std::string shown = name.find(':') == std::string::npos ? name : "[" + name + "]";
  return port == 443 ? shown : shown + ":" + std::to_string(port);
}

std::string Host::origin() const {
  return "https://" + text();
}

}  // namespace openunison::cli
