// SPDX-License-Identifier: Apache-2.0
#include "text/yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <optional>
#include <set>
#include <sstream>

#include "text/error.h"
#include "text/utf8.h"
#include "text/yaml_quirks.h"

namespace openunison::text {
namespace {

constexpr std::size_t kMaxBytes = 1 << 20;
constexpr int kMaxDepth = 32;
constexpr std::size_t kMaxNodes = 100'000;

Position position_of(const YAML::Mark& mark) {
  return {mark.line + 1, mark.column + 1};
}

std::unexpected<Error> bad(Position at, std::string_view why) {
  return fail(Errc::bad_yaml, fmt::format("line {}, column {}: {}", at.line, at.column, why));
}

// Collects the events that a tree of nodes no longer shows: aliases, and a second document.
struct Builder final : YAML::EventHandler {
  struct Frame {
    Yaml node;
    std::set<std::string> keys;
    bool expects_key = false;
  };
  std::vector<Frame> open;
  Yaml root;
  std::optional<Error> error;
  std::size_t nodes = 0;
  std::size_t last_scalar = 0;

  void stop(const YAML::Mark& mark, std::string_view why) {
    if (!error) error = bad(position_of(mark), why).error();
  }
  void put(Yaml node, const YAML::Mark& mark) {
    if (error) return;
    if (++nodes > kMaxNodes) return stop(mark, "there are too many values");
    if (open.empty()) {
      root = std::move(node);
      return;
    }
    Frame& frame = open.back();
    if (frame.node.kind == Yaml::Kind::sequence) {
      frame.node.items.push_back(std::move(node));
    } else if (frame.expects_key) {
      if (node.kind != Yaml::Kind::scalar) return stop(mark, "a key must be plain text");
      if (!frame.keys.insert(node.scalar).second)
        return stop(mark, "the key \"" + node.scalar + "\" is given twice");
      frame.node.entries.push_back({std::move(node.scalar), position_of(mark), {}});
      frame.expects_key = false;
    } else {
      frame.node.entries.back().value = std::move(node);
      frame.expects_key = true;
    }
  }
  void begin(const YAML::Mark& mark, Yaml::Kind kind, const std::string& tag) {
    check_tag(mark, tag);
    Frame frame;
    frame.node.kind = kind;
    frame.node.position = position_of(mark);
    frame.expects_key = kind == Yaml::Kind::map;
    if (open.size() >= kMaxDepth) stop(mark, "the values are nested too deeply");
    if (!open.empty() && open.back().node.kind == Yaml::Kind::map && open.back().expects_key)
      stop(mark, "a key must be plain text");
    open.push_back(std::move(frame));
  }
  void end() {
    if (open.empty()) return;
    Yaml node = std::move(open.back().node);
    open.pop_back();
    const YAML::Mark unused = YAML::Mark::null_mark();
    put(std::move(node), unused);
  }
  void check_tag(const YAML::Mark& mark, const std::string& tag) {
    if (!tag.empty() && tag != "?" && tag != "!")
      stop(mark, "tags such as " + tag + " are not accepted");
  }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (anchor != 0) stop(mark, "anchors are not accepted");
    Yaml node;
    node.position = position_of(mark);
    put(std::move(node), mark);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    stop(mark, "aliases are not accepted");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    if (anchor != 0) stop(mark, "anchors are not accepted");
    check_tag(mark, tag);
    Yaml node;
    node.kind = Yaml::Kind::scalar;
    node.position = position_of(mark);
    last_scalar = static_cast<std::size_t>(mark.pos);
    node.scalar = with_escapes_mended(value);
    node.quoted = tag == "!";  // what yaml-cpp gives to quoted scalars
    const bool is_null = !node.quoted && (value.empty() || value == "~" || value == "null" ||
                                          value == "Null" || value == "NULL");
    const bool as_key =
        !open.empty() && open.back().node.kind == Yaml::Kind::map && open.back().expects_key;
    if (is_null && !as_key) {
      node.kind = Yaml::Kind::null;
      node.scalar.clear();
    }
    put(std::move(node), mark);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    if (anchor != 0) stop(mark, "anchors are not accepted");
    begin(mark, Yaml::Kind::sequence, tag);
  }
  void OnSequenceEnd() override { end(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    if (anchor != 0) stop(mark, "anchors are not accepted");
    begin(mark, Yaml::Kind::map, tag);
  }
  void OnMapEnd() override { end(); }
};

// yaml-cpp recurses on nesting before any handler could stop it: flow brackets are counted
// beforehand, and indentation bounds block nesting by the line's length.
bool nests_too_deeply(std::string_view text) {
  std::size_t indent = 0, brackets = 0;
  bool at_start = true;
  for (const char c : text) {
    if (c == '\n') {
      at_start = true;
      indent = 0;
    } else if (at_start && (c == ' ' || c == '-')) {
      if (++indent > 512) return true;
    } else {
      at_start = false;
      if (c == '[' || c == '{') ++brackets;
      if (brackets > 5'000) return true;
    }
  }
  return false;
}

}  // namespace

Result<Yaml> Yaml::parse(std::string_view text) {
  if (text.size() > kMaxBytes) return bad({1, 1}, "the file is over 1 MiB");
  if (!valid_utf8(text)) return bad({1, 1}, "the file is not UTF-8");
  if (nests_too_deeply(text)) return bad({1, 1}, "the values are nested too deeply");
  Builder builder;
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser(in);
    if (!parser.HandleNextDocument(builder)) return Yaml{.position = {1, 1}};
    if (!builder.error) {
      Builder second;
      if (parser.HandleNextDocument(second))
        return bad(second.root.position, "there is a second document");
    }
  } catch (const YAML::Exception& exception) {
    // It stumbles a line or more after the mistake.
    if (!builder.error)
      return bad(position_of(exception.mark),
                 exception.msg +
                     " (look at the indentation, or for a missing bracket or quote, in the lines "
                     "before too)");
  }
  if (builder.error) return std::unexpected(*builder.error);
  if (const auto at = unclosed_quote(std::string(text), builder.last_scalar))
    return bad(*at, "a quotation mark is missing");
  return std::move(builder.root);
}

const Yaml* Yaml::find(std::string_view key) const {
  for (const Entry& entry : entries) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

std::string yaml_scalar(std::string_view value) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == '/' || c == '@';
  };
  const bool starts_well =
      !value.empty() && ((value[0] >= 'a' && value[0] <= 'z') ||
                         (value[0] >= 'A' && value[0] <= 'Z') || value[0] == '/');
  bool safe = starts_well;
  for (const char c : value) safe = safe && plain(c);
  for (const std::string_view word :
       {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}) {
    if (iequals_ascii(value, word)) safe = false;
  }
  if (safe) return std::string(value);
  std::string out = "\"";
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') out += '\\';
    if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02X}", byte);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace openunison::text
