// SPDX-License-Identifier: Apache-2.0
//
// values.schema.json and the reference page, from the schema.
#include "config/schema.h"
#include "config/values.h"
#include "text/json.h"

namespace openunison::config {
namespace {

text::Json describe(const Key& key);

// The schema of a map: every key directly below `prefix`.
text::Json describe_map(std::string_view prefix) {
  text::Json properties{text::Json::Object()};
  for (const Key& key : schema()) {
    if (!key.path.starts_with(prefix)) continue;
    const std::string_view rest = key.path.substr(prefix.size());
    if (rest.empty() || rest.find('.') != std::string_view::npos || rest.find('[') != std::string_view::npos) continue;
    properties.set(rest, describe(key));
  }
  text::Json json;
  json.set("type", "object");
  json.set("properties", std::move(properties));
  json.set("additionalProperties", false);
  return json;
}

text::Json describe(const Key& key) {
  text::Json json;
  switch (key.type) {
    case Type::map: json = describe_map(std::string(key.path) + "."); break;
    case Type::list:
      json.set("type", "array");
      json.set("items", describe_map(std::string(key.path) + "[]."));
      break;
    case Type::strings: {
      text::Json item;
      item.set("type", text::Json(text::Json::Array{"string", "number", "boolean"}));
      json.set("type", "array");
      json.set("items", std::move(item));
      break;
    }
    case Type::boolean: json.set("type", "boolean"); break;
    case Type::integer:
      json.set("type", text::Json(text::Json::Array{"integer", "string"}));
      if (key.max > 0) {
        json.set("minimum", key.min);
        json.set("maximum", key.max);
      }
      break;
    case Type::string:
      json.set("type", text::Json(text::Json::Array{"string", "number", "boolean", "null"}));
      if (!key.choices.empty()) {
        text::Json::Array choices;
        for (std::string_view rest = key.choices; !rest.empty();) {
          const std::size_t end = std::min(rest.find('|'), rest.size());
          choices.emplace_back(rest.substr(0, end));
          rest.remove_prefix(std::min(end + 1, rest.size()));
        }
        json.set("enum", text::Json(std::move(choices)));
      }
      break;
    case Type::anything: json = text::Json(text::Json::Object()); break;
  }
  json.set("description", key.meaning);
  return json;
}

}  // namespace

std::string json_schema() {
  text::Json json = describe_map("");
  json.set("$schema", "http://json-schema.org/draft-07/schema#");
  json.set("title", "values.yaml");
  // Helm adds its own.
  json.set("additionalProperties", false);
  return json.dump_pretty();
}

std::string reference_markdown() {
  std::string out =
      "# values.yaml\n\nEvery key, its default and what it means. This page is made from the program's schema "
      "(`openunison check --help` tells how to check a file).\n\n| key | default | meaning |\n|---|---|---|\n";
  std::string ignored, refused;
  for (const Key& key : schema()) {
    const std::string row = "| `" + std::string(key.path) + "` | ";
    if (key.status == Status::ignored) {
      ignored += row + std::string(key.meaning) + " |\n";
    } else if (key.status == Status::refused) {
      refused += row + std::string(key.meaning) + " |\n";
    } else if (key.type != Type::map && key.type != Type::list) {
      out += row + (key.fallback.empty() ? "" : "`" + std::string(key.fallback) + "`") + " | " + std::string(key.meaning);
      if (!key.choices.empty()) {
        std::string choices;
        for (const char c : key.choices) choices += c == '|' ? std::string(", ") : std::string(1, c);
        out += " One of: " + choices + ".";
      }
      out += " |\n";
    }
  }
  out += "\n## OpenUnison's keys that are accepted and not needed\n\nEach gives a warning.\n\n| key | why |\n|---|---|\n" + ignored;
  out += "\n## OpenUnison's keys that are refused\n\nThey restrict or grant something that this version doesn't do; ignoring them would change who gets in.\n\n| key | why |\n|---|---|\n" + refused;
  return out;
}

}  // namespace openunison::config
