// SPDX-License-Identifier: Apache-2.0
#include "config/schema.h"

#include <unordered_map>
#include <vector>

#include "config/schema_parts.h"

namespace openunison::config {

std::span<const Key> schema() {
  static const std::vector<Key> kAll = [] {
    std::vector<Key> all;
    for (const std::span<const Key> part : {settings_keys(), server_keys(), openunison_keys()})
      all.insert(all.end(), part.begin(), part.end());
    return all;
  }();
  return kAll;
}

const Key* find_key(std::string_view path) {
  static const std::unordered_map<std::string_view, const Key*> kByPath = [] {
    std::unordered_map<std::string_view, const Key*> by_path;
    for (const Key& key : schema()) by_path.emplace(key.path, &key);
    return by_path;
  }();
  const auto found = kByPath.find(path);
  return found != kByPath.end() ? found->second : nullptr;
}

bool has_choice(std::string_view choices, std::string_view value) {
  bool found = false;
  for_each_choice(choices, [&](std::string_view choice) { found = found || choice == value; });
  return found;
}

}  // namespace openunison::config
