// SPDX-License-Identifier: Apache-2.0
#include "cli/workload_state.h"

#include <algorithm>
#include <filesystem>

#include "cli/error.h"
#include "cli/members.h"
#include "cli/state_file.h"
#include "crypto/hash.h"
#include "text/url.h"

namespace openunison::cli {
namespace {

constexpr std::int64_t kVersion = 1;
constexpr std::string_view kPrefix = "workload-";
constexpr std::string_view kSuffix = ".json";
constexpr std::size_t kDigits = 16;

KeptWorkload kept_by(const text::Json& json) {
  KeptWorkload kept;
  kept.cluster = text_of(json, "cluster");
  kept.token_file = text_of(json, "token_file");
  kept.digest = text_of(json, "token_digest");
  kept.credential.issuer = text_of(json, "issuer");
  kept.credential.client_id = text_of(json, "client_id");
  kept.credential.id_token = Secret(text_of(json, "id_token"));
  kept.credential.received = {text_of(json, "boot"), Millis(number_of(json, "received_millis"))};
  kept.credential.life = Seconds(number_of(json, "life_seconds"));
  return kept;
}

std::vector<std::string> files_of(const State& state, const Host& host) {
  std::vector<std::string> files;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(state.folder_of(host), failed)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(kPrefix) && name.ends_with(kSuffix))
      files.push_back(entry.path().string());
  }
  std::ranges::sort(files);
  return files;
}

}  // namespace

WorkloadState::WorkloadState(const State& state, Host host, std::string cluster,
                             std::string token_file)
    : host_(std::move(host)),
      cluster_(std::move(cluster)),
      token_file_(std::move(token_file)),
      file_(state.folder_of(host_) + "/" + std::string(kPrefix) + text::percent_encode(cluster_) +
            "-" + crypto::hex(crypto::view(crypto::sha256(token_file_))).substr(0, kDigits) +
            std::string(kSuffix)) {}

Result<std::optional<KeptWorkload>> WorkloadState::read() const {
  const auto json = TRY(read_state_file(file_));
  if (!json) return std::nullopt;
  KeptWorkload kept = kept_by(*json);
  if (kept.cluster != cluster_ || kept.token_file != token_file_) return std::nullopt;
  return kept;
}

Result<void> WorkloadState::save(const std::string& digest, const Credential& credential) const {
  text::Json json;
  json.set("version", kVersion);
  json.set("host", host_.text());
  json.set("cluster", cluster_);
  json.set("token_file", token_file_);
  json.set("token_digest", digest);
  json.set("issuer", credential.issuer);
  json.set("client_id", credential.client_id);
  json.set("id_token", credential.id_token.reveal());
  json.set("boot", credential.received.boot);
  json.set("received_millis", std::int64_t{credential.received.since.count()});
  json.set("life_seconds", std::int64_t{credential.life.count()});
  return write_state_file(file_, json);
}

std::vector<KeptWorkload> WorkloadState::all(const State& state, const Host& host) {
  std::vector<KeptWorkload> found;
  for (const std::string& file : files_of(state, host)) {
    const auto json = read_state_file(file);
    if (json && *json) found.push_back(kept_by(**json));
  }
  return found;
}

Result<void> WorkloadState::forget_all(const State& state, const Host& host) {
  for (const std::string& file : files_of(state, host)) {
    std::error_code failed;
    std::filesystem::remove(file, failed);
    if (failed) return fail(Errc::state, file + " can't be removed: " + failed.message());
  }
  return {};
}

}  // namespace openunison::cli
