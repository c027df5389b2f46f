// SPDX-License-Identifier: Apache-2.0
#include "cli/state.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/file.h"
#include "cli/error.h"
#include "cli/machine.h"
#include "cli/members.h"
#include "cli/state_file.h"
#include "text/json.h"
#include "text/url.h"

namespace openunison::cli {
namespace {

constexpr std::int64_t kVersion = 1;
constexpr std::size_t kMaxFile = 1 << 20;
constexpr std::string_view kCredentialPrefix = "cluster-";
constexpr std::string_view kSuffix = ".json";

// A file's name of any text: percent-encoded, and never "." or "..".
std::string as_name(std::string_view text) {
  std::string name = text::percent_encode(text);
  if (name.starts_with('.')) name.replace(0, 1, "%2E");
  return name;
}

Result<std::optional<text::Json>> read(const std::string& file) {
  const FileDescriptor in(open_to_read(file));
  if (!in && errno == ENOENT) return std::nullopt;
  if (!in) return fail(Errc::state, file + " can't be read: " + std::strerror(errno));
  std::string content;
  char buffer[16 * 1024];
  for (;;) {
    const ssize_t got = ::read(in.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(Errc::state, file + " can't be read: " + std::strerror(errno));
    if (got == 0) break;
    content.append(buffer, static_cast<std::size_t>(got));
    if (content.size() > kMaxFile)
      return fail(Errc::state, file + " is no file of ours: too large");
  }
  auto json = text::Json::parse(content, kMaxFile);
  if (!json)
    return fail(Errc::state,
                file + " is damaged (" + json.error().message() + "); remove it and sign in again");
  const text::Json* version = json->find("version");
  if (version == nullptr || version->integer() == nullptr || *version->integer() != kVersion)
    return fail(Errc::state, file +
                                 " was written by another version of this program; remove it "
                                 "and sign in again");
  return std::move(*json);
}

Result<void> write(const std::string& file, const text::Json& json) {
  const auto written = replace_file(file, json.dump() + "\n", {.for_us_alone = true});
  if (!written) return fail(Errc::state, written.error().text());
  return {};
}

KeptToken token_of(const text::Json& json) {
  return {Secret(text_of(json, "refresh_token")), text_of(json, "sealed_refresh_token")};
}

void set_token(text::Json& json, const KeptToken& token) {
  if (token.sealed.empty()) {
    json.set("refresh_token", token.plain.reveal());
  } else {
    json.set("sealed_refresh_token", token.sealed);
  }
}

Result<void> remove(const std::string& file) {
  if (::unlink(file.c_str()) != 0 && errno != ENOENT)
    return fail(Errc::state, file + " can't be removed: " + std::strerror(errno));
  return {};
}

}  // namespace

Result<std::optional<text::Json>> read_state_file(const std::string& file) {
  return read(file);
}

Result<void> write_state_file(const std::string& file, const text::Json& json) {
  return write(file, json);
}

std::optional<Millis> Credential::left(const BootTime& now) const {
  const auto age = now.since_when(received);
  if (!age || id_token.empty()) return std::nullopt;
  return std::max(Millis(0), Millis(life) - *age);
}

Result<std::string> State::folder_by(const Variables& variables) {
  const auto state = variables("XDG_STATE_HOME");
  // Others are to be ignored (XDG Base Directory Specification).
  if (state && state->starts_with('/')) return *state + "/kubectl-oulogin";
  if (const auto usual = state_home(variables)) return *usual + "/kubectl-oulogin";
  return fail(Errc::state, "neither XDG_STATE_HOME nor HOME says where to keep the sign-in");
}

std::string State::folder_of(const Host& host) const {
  return folder_ + "/" + as_name(host.name) +
         (host.port == 443 ? "" : "_" + std::to_string(host.port));
}

Result<void> State::make_folder_of(const Host& host) const {
  const std::string folder = folder_of(host);
  std::error_code failed;
  const std::filesystem::path above = std::filesystem::path(folder_).parent_path();
  std::filesystem::create_directories(above, failed);
  for (const std::string& each : {folder_, folder}) {
    if (!make_folder(each))
      return fail(Errc::state, each + " can't be made: " + std::strerror(errno));
  }
  if (!only_ours(folder)) return fail(Errc::state, folder + " may be read by others: chmod 700 it");
  return {};
}

std::string State::credential_file(const Host& host, std::string_view cluster) const {
  return folder_of(host) + "/" + std::string(kCredentialPrefix) + text::percent_encode(cluster) +
         std::string(kSuffix);
}

Result<std::optional<SignIn>> State::sign_in(const Host& host) const {
  const auto json = TRY(read(sign_in_file(host)));
  if (!json) return std::nullopt;
  SignIn sign_in;
  sign_in.portal_name = text_of(*json, "portal_name");
  sign_in.issuer = text_of(*json, "issuer");
  sign_in.account_endpoint = text_of(*json, "account_endpoint");
  sign_in.sign_out_endpoint = text_of(*json, "sign_out_endpoint");
  sign_in.authority_pem = text_of(*json, "certificate_authority");
  sign_in.user = text_of(*json, "user");
  // What a later version knows besides is as good as no wish.
  sign_in.storage = parse_storage(text_of(*json, "storage")).value_or(Storage::automatic);
  sign_in.refresh_token = token_of(*json);
  return sign_in;
}

Result<std::optional<Credential>> State::credential(const Host& host,
                                                    std::string_view cluster) const {
  const auto json = TRY(read(credential_file(host, cluster)));
  if (!json) return std::nullopt;
  Credential credential;
  credential.issuer = text_of(*json, "issuer");
  credential.client_id = text_of(*json, "client_id");
  credential.id_token = Secret(text_of(*json, "id_token"));
  credential.received = {text_of(*json, "boot"), Millis(number_of(*json, "received_millis"))};
  credential.life = Seconds(number_of(*json, "life_seconds"));
  credential.refresh_token = token_of(*json);
  return credential;
}

Result<void> State::save(const Host& host, const SignIn& sign_in) const {
  text::Json json;
  json.set("version", kVersion);
  json.set("host", host.text());
  json.set("portal_name", sign_in.portal_name);
  json.set("issuer", sign_in.issuer);
  json.set("account_endpoint", sign_in.account_endpoint);
  json.set("sign_out_endpoint", sign_in.sign_out_endpoint);
  json.set("certificate_authority", sign_in.authority_pem);
  json.set("user", sign_in.user);
  json.set("storage", name_of(sign_in.storage));
  set_token(json, sign_in.refresh_token);
  return write(sign_in_file(host), json);
}

Result<void> State::save(const Host& host, std::string_view cluster,
                         const Credential& credential) const {
  text::Json json;
  json.set("version", kVersion);
  json.set("host", host.text());
  json.set("cluster", cluster);
  json.set("issuer", credential.issuer);
  json.set("client_id", credential.client_id);
  json.set("id_token", credential.id_token.reveal());
  json.set("boot", credential.received.boot);
  json.set("received_millis", credential.received.since.count());
  json.set("life_seconds", credential.life.count());
  set_token(json, credential.refresh_token);
  return write(credential_file(host, cluster), json);
}

Result<void> State::forget(const Host& host) const {
  std::error_code failed;
  std::filesystem::remove_all(folder_of(host), failed);
  if (failed) return fail(Errc::state, folder_of(host) + " can't be removed: " + failed.message());
  return {};
}

Result<void> State::remove_credential(const Host& host, std::string_view cluster) const {
  return remove(credential_file(host, cluster));
}

std::vector<Host> State::hosts() const {
  std::vector<Host> found;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, failed)) {
    const std::string name = entry.path().filename().string();
    const std::size_t port = name.find('_');
    const auto host = text::percent_decode(name.substr(0, port));
    if (!host) continue;
    const std::string shown = host->find(':') == std::string::npos ? *host : "[" + *host + "]";
    auto parsed =
        Host::parse(port == std::string::npos ? shown : shown + ":" + name.substr(port + 1));
    if (parsed) found.push_back(std::move(*parsed));
  }
  std::ranges::sort(found, {}, &Host::text);
  return found;
}

std::vector<std::string> State::clusters(const Host& host) const {
  std::vector<std::string> found;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(folder_of(host), failed)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kCredentialPrefix) || !name.ends_with(kSuffix)) continue;
    auto cluster = text::percent_decode(std::string_view(name).substr(
        kCredentialPrefix.size(), name.size() - kCredentialPrefix.size() - kSuffix.size()));
    if (cluster) found.push_back(std::move(*cluster));
  }
  std::ranges::sort(found);
  return found;
}

}  // namespace openunison::cli
