// SPDX-License-Identifier: Apache-2.0
//
// Private to kube/: the files of a list as documents of which it is known that they are
// kubeconfigs.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kube/entries.h"
#include "kube/kubeconfig.h"
#include "text/yaml_document.h"

namespace openunison::kube {

struct LoadedFile {
  std::string path;  // as in Files::paths
  bool exists = false;
  std::string content;
  text::YamlDocument document;
};

// Errors: broken, too_big, unreadable; each says "FILE:line:column: ...".
// A file that still is as in `before`, where that is given, isn't parsed again.
Result<std::vector<LoadedFile>> load(const Files& files,
                                     const std::vector<LoadedFile>* before = nullptr);
// The same where nobody holds a lock for us: while another program does, what it has half-written
// (kubectl truncates, and then writes) isn't taken for the file.
Result<std::vector<LoadedFile>> load_unlocked(const Files& files);

// Of an item of one of the lists; "" where it has none.
std::string item_name(const text::YamlNode& item);
// The item of the list with the name, or nullptr. The root as load() has let it pass.
const text::YamlNode* find_item(const text::YamlNode& root, const Section& section,
                                std::string_view name);
// What is below "cluster:" and so on; nullptr where that is nothing.
const text::YamlNode* value_of(const text::YamlNode& item, const Section& section);
std::string current_context(const text::YamlNode& root);

}  // namespace openunison::kube
