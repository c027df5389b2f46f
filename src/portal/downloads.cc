// SPDX-License-Identifier: Apache-2.0
#include "portal/downloads.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>

#include "config/error.h"
#include "crypto/hash.h"

namespace openunison::portal {
namespace {

constexpr std::string_view kSums = "SHA256SUMS", kManifest = "oulogin.yaml";
constexpr std::size_t kMaxDownload = 64 * 1024 * 1024;
constexpr std::size_t kMaxList = 64 * 1024;
constexpr std::size_t kMaxDownloads = 32;

struct Kind {
  std::string_view ending;  // of the name
  std::string_view system;
  std::string_view label;
};
// In the order in which they are listed.
constexpr std::array<Kind, 6> kKinds = {{
    {"_linux_amd64.tar.gz", "linux", "Linux, x86-64"},
    {"_linux_arm64.tar.gz", "linux", "Linux, arm64"},
    {"_darwin_arm64.tar.gz", "darwin", "macOS, Apple silicon"},
    {"_darwin_amd64.tar.gz", "darwin", "macOS, Intel"},
    {"_windows_amd64.zip", "windows", "Windows, x86-64"},
    {"_windows_arm64.zip", "windows", "Windows, arm64"},
}};

bool is_digest(std::string_view text) {
  return text.size() == 64 && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

// "0.1.0": what may stand between the name's beginning and its system.
bool is_version(std::string_view text) {
  return !text.empty() && text.size() <= 32 && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '.' || c == '-';
  });
}

std::size_t order_of(const Download& download) {
  return static_cast<std::size_t>(std::ranges::find(kKinds, download.label, &Kind::label) -
                                  kKinds.begin());
}

std::unexpected<Error> bad(const std::string& file, const std::string& why) {
  return fail(config::Errc::bad_argument,
              "openunison.portal.plugin_downloads: " + file + " " + why);
}

Result<std::string> read_file(const std::filesystem::path& file, std::size_t limit) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return bad(file.string(), "can't be read");
  std::string content;
  std::array<char, 64 * 1024> part{};
  while (in.read(part.data(), part.size()) || in.gcount() > 0) {
    content.append(part.data(), static_cast<std::size_t>(in.gcount()));
    if (content.size() > limit) return bad(file.string(), "is too large");
  }
  return content;
}

// The manifest with each archive's address at this portal.
std::string at_this_portal(const std::string& manifest, const std::string& origin,
                           const std::vector<Download>& all) {
  std::istringstream in(manifest);
  std::string made, line;
  while (std::getline(in, line)) {
    const std::size_t key = line.find("uri: ");
    const std::string_view name = std::string_view(line).substr(line.rfind('/') + 1);
    const bool ours = key != std::string::npos && line.find_first_not_of(' ') == key &&
                      std::ranges::find(all, name, &Download::name) != all.end();
    made +=
        ours ? line.substr(0, key) + "uri: " + origin + std::string(kDownloads) + std::string(name)
             : line;
    made += '\n';
  }
  return made;
}

http::Response file(std::string type, std::shared_ptr<const std::string> body,
                    std::string_view saved_as) {
  http::Response response;
  response.headers = {{"content-type", std::move(type)},
                      {"cache-control", "public, max-age=300"},
                      {"content-security-policy", "default-src 'none'; sandbox"}};
  if (!saved_as.empty())
    response.headers.add("content-disposition",
                         "attachment; filename=\"" + std::string(saved_as) + "\"");
  response.shared_body = std::move(body);
  return response;
}

// The system and, where it tells, the architecture. An Intel Mac and one of Apple's own say the
// same.
bool fits(const Download& download, std::string_view user_agent) {
  const auto says = [&](std::string_view word) {
    return user_agent.find(word) != std::string_view::npos;
  };
  if (says("Android") || says("iPhone") || says("iPad")) return false;
  if (says("Windows")) return download.system == "windows";
  if (says("Macintosh")) return download.system == "darwin";
  if (!says("Linux") && !says("X11")) return false;
  const bool arm = says("aarch64") || says("arm64");
  return download.system == "linux" && download.label.ends_with(arm ? "arm64" : "x86-64");
}

}  // namespace

std::optional<Download> download_of(std::string_view name) {
  constexpr std::string_view kBegins = "kubectl-oulogin_v";
  for (const Kind& kind : kKinds) {
    if (!name.starts_with(kBegins) || !name.ends_with(kind.ending) ||
        name.size() <= kBegins.size() + kind.ending.size())
      continue;
    const std::string_view version =
        name.substr(kBegins.size(), name.size() - kBegins.size() - kind.ending.size());
    if (!is_version(version)) return std::nullopt;
    return Download{std::string(name), std::string(kind.system), std::string(kind.label), "",
                    nullptr};
  }
  return std::nullopt;
}

Result<Downloads> Downloads::read(const std::string& folder, const std::string& origin) {
  const std::filesystem::path root(folder);
  std::istringstream lines(TRY(read_file(root / kSums, kMaxList)));
  Downloads made;
  std::string digest, name, sums;
  while (lines >> digest >> name) {
    auto download = download_of(name);
    if (!download) continue;
    if (!is_digest(digest)) return bad((root / kSums).string(), "has no SHA-256 sum for " + name);
    if (made.all_.size() == kMaxDownloads) return bad(folder, "has too many archives");
    std::string content = TRY(read_file(root / name, kMaxDownload));
    if (crypto::hex(crypto::view(crypto::sha256(content))) != digest)
      return bad((root / name).string(),
                 "isn't what SHA256SUMS says; copy the folder again, whole");
    download->sha256 = digest;
    download->body = std::make_shared<const std::string>(std::move(content));
    made.all_.push_back(std::move(*download));
    sums += digest + "  " + name + "\n";
  }
  if (made.all_.empty())
    return bad((root / kSums).string(),
               "lists no archive of kubectl-oulogin; `make package` makes them");
  std::ranges::sort(made.all_, {},
                    [](const Download& each) { return std::pair(order_of(each), each.name); });
  made.sums_ = std::make_shared<const std::string>(std::move(sums));
  std::error_code failed;
  if (std::filesystem::exists(root / kManifest, failed)) {
    made.manifest_ = std::make_shared<const std::string>(
        at_this_portal(TRY(read_file(root / kManifest, kMaxList)), origin, made.all_));
  }
  return made;
}

Downloads::Choice Downloads::for_visitor(std::string_view user_agent) const {
  Choice choice;
  for (const Download& each : all_) {
    if (fits(each, user_agent)) choice.all.push_back(&each);
  }
  choice.fitting = choice.all.size();
  for (const Download& each : all_) {
    if (!fits(each, user_agent)) choice.all.push_back(&each);
  }
  return choice;
}

http::Response Downloads::serve(const http::Request& request) const {
  const std::string_view path = request.path;
  const std::string_view name = path.starts_with(kDownloads) ? path.substr(kDownloads.size()) : "";
  if (sums_ && name == kSums) return file("text/plain; charset=utf-8", sums_, "");
  if (manifest_ && name == kManifest) return file("application/yaml", manifest_, kManifest);
  const auto found = std::ranges::find(all_, name, &Download::name);
  if (found != all_.end()) {
    return file(name.ends_with(".zip") ? "application/zip" : "application/gzip", found->body, name);
  }
  http::Response response;
  response.status = 404;
  response.headers = {{"content-type", "text/plain; charset=utf-8"}, {"cache-control", "no-store"}};
  response.body = "There is no such file.\n";
  return response;
}

}  // namespace openunison::portal
