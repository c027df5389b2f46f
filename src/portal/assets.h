// SPDX-License-Identifier: Apache-2.0
//
// The stylesheet, script, icons and logo: embedded in the binary, served under names that hold
// their hash, so that browsers keep them for good. The accent colour of values becomes part of the
// one stylesheet.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/values.h"
#include "http/message.h"

namespace openunison::portal {

struct Asset {
  std::string path;  // "/assets/portal-1a2b3c4d.css"
  std::string type;
  std::shared_ptr<const std::string> body;
};

class Assets {
 public:
  Assets(const config::Branding& branding, std::string logo, std::string logo_type);
  http::Response serve(const http::Request& request) const;  // 404 for unknown names
  const std::string& stylesheet() const { return stylesheet_; }
  const std::string& script() const { return script_; }
  // Sends the form of form_post.html; a classic script, so that the oldest browser runs it.
  const std::string& form_post_script() const { return form_post_script_; }
  const std::string& icon() const { return icon_; }
  const std::string& logo() const { return logo_; }  // "" where values have none

 private:
  std::string add(std::string_view name, std::string_view extension, std::string type,
                  std::string body);
  std::vector<Asset> all_;
  std::string stylesheet_, script_, form_post_script_, icon_, logo_;
};

// The accent's custom properties for light and dark. `accent` "#rrggbb" or "" for ours. Text on the
// accent is black or white, whichever contrasts more (WCAG 2.2 §1.4.3); links get a shade with at
// least 4.5:1 on the page.
std::string accent_css(std::string_view accent);

// (name, source) of every template, from src/portal/templates.
std::vector<std::pair<std::string, std::string>> embedded_templates();

}  // namespace openunison::portal
