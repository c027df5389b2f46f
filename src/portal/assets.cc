// SPDX-License-Identifier: Apache-2.0
#include "portal/assets.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include "crypto/hash.h"
#include "portal/embedded.h"

namespace openunison::portal {
namespace {

constexpr std::string_view kOurAccent = "#0b6e69";
constexpr std::size_t kHashCharacters = 12;

struct Colour {
  double red, green, blue;  // 0 to 1, sRGB
};

Colour parse(std::string_view text) {
  const auto channel = [&](std::size_t at) {
    return static_cast<double>(std::strtol(std::string(text.substr(at, 2)).c_str(), nullptr, 16)) /
           255;
  };
  return {channel(1), channel(3), channel(5)};
}

// Relative luminance (WCAG 2.2).
double luminance(const Colour& colour) {
  const auto linear = [](double c) {
    return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
  };
  return 0.2126 * linear(colour.red) + 0.7152 * linear(colour.green) + 0.0722 * linear(colour.blue);
}

double contrast(const Colour& a, const Colour& b) {
  const double high = std::max(luminance(a), luminance(b)),
               low = std::min(luminance(a), luminance(b));
  return (high + 0.05) / (low + 0.05);
}

Colour mix(const Colour& from, const Colour& to, double share) {
  return {from.red + (to.red - from.red) * share, from.green + (to.green - from.green) * share,
          from.blue + (to.blue - from.blue) * share};
}

std::string text_of(const Colour& colour) {
  const auto channel = [](double c) {
    return static_cast<int>(std::lround(std::clamp(c, 0.0, 1.0) * 255));
  };
  return fmt::format("#{:02x}{:02x}{:02x}", channel(colour.red), channel(colour.green),
                     channel(colour.blue));
}

constexpr Colour kWhite{1, 1, 1}, kBlack{0, 0, 0};
constexpr Colour kLightPage{0.965, 0.961, 0.949}, kDarkCard{0.118, 0.129, 0.149};

// Moved towards `end` until it can be read on `page`.
Colour readable(Colour colour, const Colour& page, const Colour& end) {
  for (int step = 0; step < 40 && contrast(colour, page) < 5.0; ++step)
    colour = mix(colour, end, 0.06);
  return colour;
}

std::string properties(const Colour& accent, const Colour& link) {
  const Colour text = contrast(accent, kWhite) >= contrast(accent, kBlack) ? kWhite : kBlack;
  return fmt::format("--accent:{};--on-accent:{};--link:{};", text_of(accent), text_of(text),
                     text_of(link));
}

}  // namespace

std::string accent_css(std::string_view accent) {
  const Colour colour = parse(accent.size() == 7 ? accent : kOurAccent);
  const std::string light = properties(colour, readable(colour, kLightPage, kBlack));
  const Colour lifted = readable(colour, kDarkCard, kWhite);
  const std::string dark = properties(lifted, lifted);
  return ":root{" + light + "}:root[data-theme=dark]{" + dark +
         "}@media(prefers-color-scheme:dark){:root:not([data-theme=light]){" + dark + "}}\n";
}

Assets::Assets(const config::Branding& branding, std::string logo, std::string logo_type) {
  stylesheet_ = add("portal", "css", "text/css; charset=utf-8",
                    accent_css(branding.accent) + std::string(embedded::stylesheet()));
  script_ = add("portal", "js", "text/javascript; charset=utf-8", std::string(embedded::script()));
  form_post_script_ = add("form-post", "js", "text/javascript; charset=utf-8",
                          "document.getElementById(\"form-post\").submit();\n");
  icon_ = add("icon", "svg", "image/svg+xml", std::string(embedded::icon()));
  if (!logo.empty())
    logo_ = add("logo", logo_type == "image/png" ? "png" : "svg", std::move(logo_type),
                std::move(logo));
}

std::string Assets::add(std::string_view name, std::string_view extension, std::string type,
                        std::string body) {
  const std::string hash =
      crypto::hex(crypto::view(crypto::sha256(body))).substr(0, kHashCharacters);
  std::string path = fmt::format("/assets/{}-{}.{}", name, hash, extension);
  all_.push_back({path, std::move(type), std::make_shared<const std::string>(std::move(body))});
  return path;
}

http::Response Assets::serve(const http::Request& request) const {
  const auto found = std::find_if(all_.begin(), all_.end(),
                                  [&](const Asset& asset) { return asset.path == request.path; });
  http::Response response;
  if (found == all_.end()) {
    response.status = 404;
    response.headers = {{"content-type", "text/plain; charset=utf-8"},
                        {"cache-control", "no-store"}};
    response.body = "There is no such file.\n";
    return response;
  }
  response.headers = {
      {"content-type", found->type},
      {"cache-control", "public, max-age=31536000, immutable"},
      // A logo may be any SVG that the admin gave: it must not run as a document of ours.
      {"content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox"}};
  response.shared_body = found->body;
  return response;
}

std::vector<std::pair<std::string, std::string>> embedded_templates() {
  std::vector<std::pair<std::string, std::string>> all;
  for (const auto& [name, source] : embedded::templates()) all.emplace_back(name, source);
  return all;
}

}  // namespace openunison::portal
