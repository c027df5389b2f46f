// SPDX-License-Identifier: Apache-2.0
//
// values.schema.json (JSON Schema draft-07, which Helm takes) and the reference page, from the
// schema. What the schema refuses, parse_values() refuses too; rules between keys are only there.
#include <fmt/format.h>

#include <charconv>

#include "config/schema.h"
#include "config/values.h"
#include "text/json.h"

namespace openunison::config {
namespace {

using text::Json;

Json describe(const Key& key);

// The schema of a map: every key directly below `prefix`.
Json describe_map(std::string_view prefix) {
  Json properties{Json::Object()};
  for (const Key& key : schema()) {
    if (!key.path.starts_with(prefix)) continue;
    const std::string_view rest = key.path.substr(prefix.size());
    if (rest.find_first_of(".[") == std::string_view::npos) properties.set(rest, describe(key));
  }
  Json json;
  json.set("properties", std::move(properties));
  json.set("additionalProperties", false);
  return json;
}

// `key:` alone is null and means that nothing is written.
Json types(std::initializer_list<const char*> names) {
  Json::Array all(names.begin(), names.end());
  all.emplace_back("null");
  return Json(std::move(all));
}

// Only what asks for nothing, or for what happens anyway.
Json describe_refused(const Key& key) {
  Json::Array allowed = {nullptr, Json(Json::Array()), Json(Json::Object())};
  if (key.type != Type::boolean) allowed.emplace_back("");
  if (key.harmless.empty()) allowed.emplace_back(false);
  for_each_choice(key.harmless, [&](std::string_view value) {
    if (key.type == Type::boolean) {
      allowed.emplace_back(value == "true");
    } else {
      allowed.emplace_back(value);
    }
  });
  Json json;
  json.set("enum", Json(std::move(allowed)));
  return json;
}

Json describe_integer(const Key& key) {
  Json json;
  json.set("type", types({"integer", "string"}));
  json.set("pattern", "^-?[0-9]+$");
  if (key.max > 0) {
    json.set("minimum", key.min);
    json.set("maximum", key.max);
  }
  return json;
}

Json describe_text(const Key& key) {
  Json json;
  if (key.choices.empty()) {
    json.set("type", types({"string", "number", "boolean"}));
    return json;
  }
  Json::Array choices;
  for_each_choice(key.choices, [&](std::string_view choice) { choices.emplace_back(choice); });
  choices.emplace_back(nullptr);
  json.set("enum", Json(std::move(choices)));
  return json;
}

Json describe_list(Json items) {
  Json json;
  json.set("type", types({"array"}));
  json.set("items", std::move(items));
  return json;
}

Json describe_type(const Key& key) {
  Json json{Json::Object()};
  switch (key.type) {
    case Type::map:
      json = describe_map(std::string(key.path) + ".");
      json.set("type", types({"object"}));
      return json;
    case Type::list: {
      Json item = describe_map(std::string(key.path) + "[].");
      item.set("type", "object");
      return describe_list(std::move(item));
    }
    case Type::strings: {
      Json item;
      item.set("type", Json(Json::Array{"string", "number", "boolean"}));
      item.set("minLength", 1);
      return describe_list(std::move(item));
    }
    case Type::boolean:
      json.set("type", types({"boolean"}));
      return json;
    case Type::integer:
      return describe_integer(key);
    case Type::string:
    case Type::block:
      return describe_text(key);
    case Type::anything:
      break;
  }
  return json;
}

// nullopt: lists and keys without a default.
std::optional<Json> default_of(const Key& key) {
  if (key.fallback.empty() || key.status == Status::ignored || key.status == Status::refused)
    return std::nullopt;
  if (key.type == Type::boolean) return Json(key.fallback == "true");
  if (key.type == Type::string) return Json(key.fallback);
  std::int64_t number = 0;
  if (key.type != Type::integer) return std::nullopt;
  std::from_chars(key.fallback.data(), key.fallback.data() + key.fallback.size(), number);
  return Json(number);
}

Json describe(const Key& key) {
  Json json{Json::Object()};
  if (key.status == Status::refused) {
    json = describe_refused(key);
  } else if (key.status != Status::ignored) {
    json = describe_type(key);
  }
  if (auto fallback = default_of(key)) json.set("default", std::move(*fallback));
  json.set("description", key.meaning);
  return json;
}

const char* type_word(const Key& key) {
  switch (key.type) {
    case Type::boolean:
      return "true or false";
    case Type::integer:
      return "number";
    case Type::strings:
      return "list of text";
    case Type::anything:
      return "map";
    default:
      return "text";
  }
}

std::string origin_word(const Key& key) {
  if (key.status == Status::ours) return "";
  return key.status == Status::enforced ? "OpenUnison, enforced" : "OpenUnison";
}

std::string type_cell(const Key& key) {
  std::string cell = type_word(key);
  if (key.max > 0) cell += fmt::format(", {} to {}", key.min, key.max);
  std::string choices;
  for_each_choice(key.choices, [&](std::string_view choice) {
    choices += fmt::format("{}`{}`", choices.empty() ? "" : ", ", choice);
  });
  return choices.empty() ? cell : choices;
}

std::string settings_table(std::string_view top) {
  std::string rows;
  for (const Key& key : schema()) {
    const bool described = key.status == Status::ours || key.status == Status::honoured ||
                           key.status == Status::enforced;
    if (!described || key.type == Type::map || key.type == Type::list ||
        key.path.substr(0, key.path.find_first_of(".[")) != top)
      continue;
    const std::string fallback =
        key.fallback.empty() ? std::string() : fmt::format("`{}`", key.fallback);
    rows += fmt::format("| `{}` | {} | {} | {} | {} |\n", key.path, type_cell(key), fallback,
                        key.meaning, origin_word(key));
  }
  return rows;
}

constexpr std::string_view kTableHead =
    "| key | value | default | meaning | known from |\n|---|---|---|---|---|\n";

// One section for each map or list at the top, and one for the plain keys there.
std::string settings_sections() {
  std::string plain, sections;
  for (const Key& key : schema()) {
    if (key.path.find_first_of(".[") != std::string_view::npos) continue;
    const std::string rows = settings_table(key.path);
    if (rows.empty()) continue;
    if (key.type != Type::map && key.type != Type::list) {
      plain += rows;
    } else {
      sections += fmt::format("\n### {}\n\n{}\n\n{}{}", key.path, key.meaning, kTableHead, rows);
    }
  }
  return fmt::format("\n### Top level\n\n{}{}", kTableHead, plain) + sections;
}

std::string reasons(Status status) {
  std::string out = "| key | why |\n|---|---|\n";
  for (const Key& key : schema()) {
    if (key.status != status) continue;
    std::string harmless;
    for_each_choice(key.harmless, [&](std::string_view value) {
      harmless = fmt::format(" `{}` is accepted.", value);
    });
    out += fmt::format("| `{}` | {}{} |\n", key.path, key.meaning, harmless);
  }
  return out;
}

}  // namespace

std::string json_schema() {
  Json json;
  json.set("$schema", "http://json-schema.org/draft-07/schema#");
  json.set("title", "values.yaml");
  json.set("type", "object");
  const Json root = describe_map("");
  for (const Json::Member& member : *root.object()) json.set(member.first, member.second);
  std::string text = json.dump_pretty();
  if (!text.ends_with('\n')) text += '\n';
  return text;
}

std::string reference_markdown() {
  return "# values.yaml\n\n"
         "Every key, what it may be, its default and its meaning. `openunison check -f "
         "values.yaml` says everything that is wrong with a "
         "file: unknown keys with the nearest known name, wrong values, and which of OpenUnison's "
         "keys are ignored or refused, and why.\n\n"
         "Keys of lists are written with `[]`. A key without a value (`key:`) counts as not "
         "written. Anchors, aliases and tags aren't "
         "accepted. Secrets are never in this file: they are files in the directory given as "
         "`--secrets`.\n\n"
         "This page and `values.schema.json` beside it are made from the program's own schema; "
         "after a change of the schema they are "
         "written anew by `OPENUNISON_WRITE_GOLDEN=1 ou_config_test`.\n\n"
         "## Settings\n" +
         settings_sections() +
         "\n## OpenUnison's keys that are ignored\n\n"
         "They are accepted, each with a warning, so that an existing file can be used as it "
         "is.\n\n" +
         reasons(Status::ignored) +
         "\n## OpenUnison's keys that are refused\n\n"
         "Each decides who is let in, or as whom, in a way that this version can't; ignoring it "
         "would change that silently. Empty values are "
         "accepted, and where no other value is named, `false`.\n\n" +
         reasons(Status::refused);
}

}  // namespace openunison::config
