// SPDX-License-Identifier: Apache-2.0
//
// Kubeconfigs: what is read and written as a whole is read as the same, and so is every change.
#include "text/yaml_document.h"

#include "fuzz.h"

using namespace openunison::text;

namespace {

void hold(const YamlDocument& document, const YamlNode& root) {
  const auto text = document.with(root);
  // It may refuse (line breaks that readers dispute about), never mean something else.
  if (!text) {
    MUST(!text.error().why.empty());
    return;
  }
  const auto again = YamlDocument::parse(*text);
  MUST(again && again->root().same_as(root));
}

}  // namespace

FUZZ(text) {
  const auto document = YamlDocument::parse(text);
  if (!document) {
    MUST(document.error().position.line > 0 && document.error().position.column > 0);
    MUST(!document.error().why.empty());
    return;
  }
  const auto again = YamlDocument::parse(emit_yaml(document->root()));
  MUST(again && again->root().same_as(document->root()));
  const auto same = document->with(document->root());
  MUST(same && *same == text);

  YamlNode root = document->root();
  if (root.kind != YamlNode::Kind::map) return;
  YamlNode item = YamlNode::map();
  item.set("name", YamlNode::string("true"));
  item.set("args", YamlNode::sequence()).items.push_back(YamlNode::string("a\n\tb"));
  root.set("current-context", YamlNode::string("0x1f"));
  hold(*document, root);
  for (YamlNode::Entry& entry : root.entries) {
    if (entry.value.kind != YamlNode::Kind::sequence) continue;
    entry.value.items.push_back(item);
    hold(*document, root);
    entry.value.items.erase(entry.value.items.begin());
    hold(*document, root);
    if (entry.value.items.size() > 1) {
      item.position = entry.value.items[0].position;
      item.begin = entry.value.items[0].begin;
      entry.value.items[0] = item;
      hold(*document, root);
    }
    break;
  }
  root.entries.erase(root.entries.begin());
  hold(*document, root);
}
