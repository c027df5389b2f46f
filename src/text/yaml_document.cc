// SPDX-License-Identifier: Apache-2.0
#include "text/yaml_document.h"

#include <fmt/format.h>
#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <optional>
#include <sstream>

#include "text/utf8.h"
#include "text/yaml_emit.h"
#include "text/yaml_quirks.h"

namespace openunison::text {
namespace {

using Kind = YamlNode::Kind;

// What yaml-cpp makes of "!" at the end of the file.
constexpr std::string_view kEmptyTag = "tag:yaml.org,2002:";
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

Position position_of(const YAML::Mark& mark) {
  return {mark.line + 1, mark.column + 1};
}

Position position_at(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const std::size_t line = before.rfind('\n');
  const std::size_t column = line == std::string_view::npos ? offset : offset - line - 1;
  return {static_cast<int>(std::ranges::count(before, '\n')) + 1, static_cast<int>(column) + 1};
}

// Characters that YAML has no place for (YAML 1.2 §5.1). yaml-cpp takes byte 4 for the end of the
// file, and would lose what follows; and a carriage return alone, which ends a line for others, for
// text.
std::optional<std::size_t> forbidden_character(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == '\r' && text.substr(i, 2) != "\r\n") return i;
    if (byte < 0x20 ? byte != '\t' && byte != '\n' && byte != '\r' : byte == 0x7f) return i;
    if (byte == 0xc2 && i + 1 < text.size()) {
      const auto next = static_cast<unsigned char>(text[i + 1]);
      if (next < 0xa0 && next != 0x85) return i;  // C1, but for NEL
    }
    if (byte == 0xef &&
        (text.substr(i, 3) == kByteOrderMark || text.substr(i, 3) == "\xef\xbf\xbe" ||
         text.substr(i, 3) == "\xef\xbf\xbf"))
      return i;
  }
  return std::nullopt;
}

// Read as line breaks by YAML 1.1, as text by 1.2.
bool has_disputed_breaks(std::string_view text) {
  return text.find("\xc2\x85") != std::string_view::npos ||
         text.find("\xe2\x80\xa8") != std::string_view::npos ||
         text.find("\xe2\x80\xa9") != std::string_view::npos;
}

std::size_t size_of(const YamlNode& node) {
  std::size_t size = 1;
  for (const YamlNode& item : node.items) size += size_of(item);
  for (const YamlNode::Entry& entry : node.entries) size += 1 + size_of(entry.value);
  return size;
}

std::size_t depth_of(const YamlNode& node) {
  std::size_t depth = 0;
  for (const YamlNode& item : node.items) depth = std::max(depth, depth_of(item) + 1);
  for (const YamlNode::Entry& entry : node.entries)
    depth = std::max(depth, depth_of(entry.value) + 1);
  return depth;
}

struct Builder final : YAML::EventHandler {
  struct Frame {
    YamlNode node;
    YAML::anchor_t anchor = 0;
    bool expects_key = false;
  };
  const YamlLimits& limits;
  std::vector<Frame> open;
  std::map<YAML::anchor_t, YamlNode> anchors;
  YamlNode root;
  std::optional<YamlFault> fault;
  std::size_t nodes = 0;
  std::size_t aliased = 0;
  std::size_t last_scalar = 0;

  explicit Builder(const YamlLimits& bounds) : limits(bounds) {}

  // Also ends the parser, which would go through the rest of what is too big.
  struct Stopped {};
  [[noreturn]] void stop(Position at, std::string_view why, bool too_big = false) {
    fault = YamlFault{at, std::string(why), too_big};
    throw Stopped();
  }
  void put(YamlNode node, YAML::anchor_t anchor) {
    if (++nodes > limits.nodes) stop(node.position, "there are too many values", true);
    if (anchor != 0) anchors[anchor] = node;
    if (open.empty()) {
      root = std::move(node);
      return;
    }
    Frame& frame = open.back();
    if (frame.node.kind == Kind::sequence) {
      frame.node.items.push_back(std::move(node));
    } else if (frame.expects_key) {
      if (node.kind != Kind::scalar && node.kind != Kind::null)
        stop(node.position, "a key must be plain text");
      frame.node.entries.push_back({std::move(node), {}});
      frame.expects_key = false;
    } else {
      frame.node.entries.back().value = std::move(node);
      frame.expects_key = true;
    }
  }
  YamlNode made(const YAML::Mark& mark, Kind kind, const std::string& tag) {
    YamlNode node;
    node.kind = kind;
    node.position = position_of(mark);
    node.begin = static_cast<std::size_t>(std::max(mark.pos, 0));
    if (tag != "?" && tag != "!" && tag != kEmptyTag) node.tag = tag;
    return node;
  }
  void begin(const YAML::Mark& mark, Kind kind, const std::string& tag, YAML::anchor_t anchor,
             YAML::EmitterStyle::value style) {
    if (open.size() >= limits.depth)
      stop(position_of(mark), "the values are nested too deeply", true);
    Frame frame{made(mark, kind, tag), anchor, kind == Kind::map};
    frame.node.flow = style == YAML::EmitterStyle::Flow;
    open.push_back(std::move(frame));
  }
  void end() {
    Frame frame = std::move(open.back());
    open.pop_back();
    put(std::move(frame.node), frame.anchor);
  }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    put(made(mark, Kind::null, ""), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors.find(anchor);
    if (found == anchors.end()) stop(position_of(mark), "an alias stands within its anchor");
    aliased += size_of(found->second);
    nodes += size_of(found->second);
    if (aliased > limits.aliased || nodes > limits.nodes)
      stop(position_of(mark), "its aliases expand to too many values", true);
    if (open.size() + depth_of(found->second) > limits.depth)
      stop(position_of(mark), "the values are nested too deeply", true);
    YamlNode node = found->second;
    node.position = position_of(mark);
    node.begin = static_cast<std::size_t>(std::max(mark.pos, 0));
    put(std::move(node), 0);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode node = made(mark, Kind::scalar, tag);
    last_scalar = node.begin;
    node.scalar = with_escapes_mended(value);
    // "!" is what yaml-cpp gives to quoted scalars. Where a tag is written it decides, quoted or
    // not; and no reader takes text of several lines for anything else.
    node.quoted = tag == "!" || tag == kEmptyTag || !node.tag.empty() ||
                  value.find('\n') != std::string::npos;
    put(std::move(node), anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override {
    begin(mark, Kind::sequence, tag, anchor, style);
  }
  void OnSequenceEnd() override { end(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    begin(mark, Kind::map, tag, anchor, style);
  }
  void OnMapEnd() override { end(); }
};

std::unexpected<YamlFault> fault(Position at, std::string_view why, bool too_big = false) {
  return std::unexpected(YamlFault{at, std::string(why), too_big});
}

}  // namespace

std::expected<YamlDocument, YamlFault> YamlDocument::parse(std::string_view text,
                                                           const YamlLimits& limits) {
  if (text.size() > limits.bytes) {
    return fault({1, 1}, fmt::format("the file is over {} KiB", limits.bytes / 1024), true);
  }
  YamlDocument document;
  document.limits_ = limits;
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff"))
    return fault({1, 1}, "the file is UTF-16; save it as UTF-8");
  document.byte_order_mark_ = text.starts_with(kByteOrderMark);
  if (document.byte_order_mark_) text.remove_prefix(kByteOrderMark.size());
  if (!valid_utf8(text)) return fault({1, 1}, "the file is not UTF-8");
  if (const auto at = forbidden_character(text))
    return fault(position_at(text, *at), "there is a control character");
  document.text_ = text;
  Builder builder(limits);
  try {
    std::istringstream in(document.text_);
    YAML::Parser parser(in);
    if (!parser.HandleNextDocument(builder)) return document;
    if (const auto second = content_behind(parser)) {
      return fault(*second,
                   "there is a second document; a program that reads the file sees only one");
    }
  } catch (const Builder::Stopped&) {
    return std::unexpected(*builder.fault);
  } catch (const YAML::DeepRecursion& exception) {
    return fault(position_of(exception.mark), "the values are nested too deeply", true);
  } catch (const YAML::Exception& exception) {
    return fault(position_of(exception.mark), exception.msg);
  }
  if (const auto at = unclosed_quote(document.text_, builder.last_scalar))
    return fault(*at, "a quotation mark is missing");
  document.root_ = std::move(builder.root);
  return document;
}

std::expected<std::string, YamlFault> YamlDocument::with(const YamlNode& root) const {
  const auto means_root = [&](const std::string& text) {
    const auto again = parse(text, limits_);
    return again && again->root_.same_as(root);
  };
  const std::string mark(byte_order_mark_ ? kByteOrderMark : "");
  if (root.same_as(root_)) return mark + text_;
  const std::size_t first_line = text_.find('\n');
  const bool crlf =
      first_line != std::string::npos && first_line > 0 && text_[first_line - 1] == '\r';
  const std::string_view line_end = crlf ? "\r\n" : "\n";
  if (auto spliced = splice_yaml(text_, root_, root, line_end); spliced && means_root(*spliced))
    return mark + *spliced;
  if (has_disputed_breaks(text_)) {
    return fault(root_.position,
                 "the file has a character that some readers take for a line break (U+0085, U+2028 "
                 "or U+2029); write it as an escape in double quotes");
  }
  std::string whole = emit_yaml(root, line_end);
  if (!means_root(whole)) {
    return fault(root_.position, "the file can't be written again without changing what it means");
  }
  return mark + whole;
}

YamlNode YamlNode::string(std::string_view text) {
  YamlNode node = plain(text);
  node.quoted = true;
  return node;
}

YamlNode YamlNode::plain(std::string_view text) {
  YamlNode node;
  node.kind = Kind::scalar;
  node.scalar = text;
  return node;
}

YamlNode YamlNode::sequence() {
  YamlNode node;
  node.kind = Kind::sequence;
  return node;
}

YamlNode YamlNode::map() {
  YamlNode node;
  node.kind = Kind::map;
  return node;
}

const YamlNode* YamlNode::find(std::string_view key) const {
  for (const Entry& entry : entries) {
    if (entry.key.kind == Kind::scalar && entry.key.scalar == key) return &entry.value;
  }
  return nullptr;
}

YamlNode* YamlNode::find(std::string_view key) {
  return const_cast<YamlNode*>(std::as_const(*this).find(key));
}

YamlNode& YamlNode::set(std::string_view key, YamlNode value) {
  YamlNode* there = find(key);
  if (!there) {
    entries.push_back({plain(key), std::move(value)});
    return entries.back().value;
  }
  value.position = there->position;
  value.begin = there->begin;
  *there = std::move(value);
  return *there;
}

void YamlNode::erase(std::string_view key) {
  std::erase_if(entries, [&](const Entry& entry) {
    return entry.key.kind == Kind::scalar && entry.key.scalar == key;
  });
}

bool YamlNode::same_as(const YamlNode& other) const {
  if (kind != other.kind || tag != other.tag || scalar != other.scalar ||
      (kind == Kind::scalar && quoted != other.quoted))
    return false;
  const auto same_entry = [](const Entry& one, const Entry& two) {
    return one.key.same_as(two.key) && one.value.same_as(two.value);
  };
  const auto same_item = [](const YamlNode& one, const YamlNode& two) { return one.same_as(two); };
  return std::ranges::equal(items, other.items, same_item) &&
         std::ranges::equal(entries, other.entries, same_entry);
}

std::string emit_yaml(const YamlNode& root, std::string_view line_end) {
  YamlEmitter emitter{line_end, {}};
  emitter.document(root);
  return std::move(emitter.out);
}

}  // namespace openunison::text
