// SPDX-License-Identifier: Apache-2.0
//
// Private to kube/: entries of a kubeconfig as nodes of a document, and back. Fields that aren't
// named here are never looked at.
#pragma once

#include <string>
#include <string_view>

#include "kube/kubeconfig.h"
#include "text/yaml_document.h"

namespace openunison::kube {

// One of the three lists of named entries.
struct Section {
  const char* list;   // "clusters"
  const char* value;  // "cluster"
};
inline constexpr Section kClusters{"clusters", "cluster"};
inline constexpr Section kUsers{"users", "user"};
inline constexpr Section kContexts{"contexts", "context"};

// A map without merge keys and doubles: what was merged stands in it, of doubles the last, as
// kubectl has it.
text::YamlNode flattened(const text::YamlNode& map);
// The text of a field that is a scalar, else "".
std::string text_of(const text::YamlNode& map, std::string_view field);

// `value` is what stands below "cluster:" and so on; `folder` what relative paths are of.
ClusterEntry read_cluster(std::string name, const text::YamlNode& value, const std::string& folder);
UserEntry read_user(std::string name, const text::YamlNode& value, const std::string& folder);
ContextEntry read_context(std::string name, const text::YamlNode& value);

// Changes what is below "cluster:" and so on; what has that meaning already stays as it is written.
void write_cluster(text::YamlNode& value, const ClusterEntry& entry);
void write_user(text::YamlNode& value, const ExecUser& entry);
void write_user(text::YamlNode& value, const AuthProviderUser& entry);
void write_context(text::YamlNode& value, const ContextEntry& entry);
// Gives the field this text, unless it has it.
void set_text(text::YamlNode& map, std::string_view field, std::string_view text);

}  // namespace openunison::kube
