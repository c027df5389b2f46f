// SPDX-License-Identifier: Apache-2.0
#include "jose/key_file.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/file.h"

namespace openunison::jose {
namespace {

std::unexpected<Error> unavailable(const std::string& file, const std::string& why) {
  return fail(Errc::keys_unavailable, file + ": " + why);
}

std::string to_text(const std::vector<StoredKey>& keys) {
  std::string out;
  text::JsonWriter writer(out);
  writer.begin_object().member("version", 1).key("keys").begin_array();
  for (const StoredKey& key : keys) {
    writer.begin_object()
        .member("kid", key.info.kid)
        .member("alg", crypto::name(key.info.algorithm))
        .member("state", name(key.info.state))
        .member("created", key.info.created.time_since_epoch().count())
        .member("activates", key.info.activates.time_since_epoch().count())
        .member("leaves", key.info.leaves.time_since_epoch().count())
        .member("pem", key.pem.reveal())
        .end_object();
  }
  writer.end_array().end_object();
  return out;
}

std::optional<StoredKey> key_from(const text::Json& json) {
  const auto text = [&](const char* name) { return json.find_string(name); };
  const auto time = [&](const char* name) -> std::optional<WallTime> {
    const text::Json* value = json.find(name);
    if (value == nullptr || value->integer() == nullptr) return std::nullopt;
    return WallTime(Millis(*value->integer()));
  };
  if (text("kid") == nullptr || text("alg") == nullptr || text("state") == nullptr ||
      text("pem") == nullptr)
    return std::nullopt;
  const auto algorithm = crypto::parse_algorithm(*text("alg"));
  const auto created = time("created"), activates = time("activates"), leaves = time("leaves");
  if (!algorithm || !created || !activates || !leaves) return std::nullopt;
  for (const KeyState state : {KeyState::pending, KeyState::active, KeyState::retiring}) {
    if (*text("state") == name(state)) {
      return StoredKey{{*text("kid"), *algorithm, state, *created, *activates, *leaves},
                       Secret(*text("pem"))};
    }
  }
  return std::nullopt;
}

}  // namespace

Result<std::vector<StoredKey>> read_key_file(const std::string& file,
                                             const crypto::Sealer& sealer) {
  std::error_code missing;
  if (!std::filesystem::exists(file, missing) && !missing) return std::vector<StoredKey>();
  std::ifstream in(file, std::ios::binary);
  std::ostringstream content;
  content << in.rdbuf();
  if (!in) return unavailable(file, "the signing keys can't be read");
  const auto plain = sealer.open_raw(content.str());
  if (!plain) {
    return unavailable(file,
                       "the signing keys don't open with OU_MASTER_KEY; put the key back with "
                       "which they were sealed, as "
                       "OU_MASTER_KEY or OU_MASTER_KEY.previous, or, where the file is damaged, "
                       "restore it");
  }
  const auto json = text::Json::parse(*plain);
  const text::Json* list = json ? json->find("keys") : nullptr;
  if (list == nullptr || list->array() == nullptr)
    return unavailable(file, "this is no key file of this version");
  std::vector<StoredKey> keys;
  for (const text::Json& entry : *list->array()) {
    auto key = key_from(entry);
    if (!key) return unavailable(file, "this is no key file of this version");
    keys.push_back(std::move(*key));
  }
  return keys;
}

Result<void> write_key_file(const std::string& file, const crypto::Sealer& sealer,
                            crypto::Random& random, const std::vector<StoredKey>& keys) {
  std::string plain = to_text(keys);
  const std::string sealed = sealer.seal_raw(plain, random);
  const Secret wiped(std::move(plain));
  if (const auto replaced = replace_file(file, sealed); !replaced)
    return fail(Errc::keys_unavailable, replaced.error().text());
  return {};
}

}  // namespace openunison::jose
