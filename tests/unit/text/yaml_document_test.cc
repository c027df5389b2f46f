// SPDX-License-Identifier: Apache-2.0
#include "text/yaml_document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "text/yaml_emit.h"

namespace openunison::text {
namespace {

namespace fs = std::filesystem;

YamlDocument parsed(std::string_view text) {
  auto document = YamlDocument::parse(text);
  if (!document) {
    ADD_FAILURE() << document.error().why << " in " << text;
    return {};
  }
  return *std::move(document);
}

struct Fault {
  std::string text;
  int line, column;
  std::string why;
  bool too_big = false;
};

void PrintTo(const Fault& fault, std::ostream* out) {
  *out << fault.text.substr(0, 80);
}

class Refused : public testing::TestWithParam<Fault> {};

TEST_P(Refused, WithPositionAndReason) {
  const auto document = YamlDocument::parse(GetParam().text);
  ASSERT_FALSE(document);
  EXPECT_EQ(document.error().position.line, GetParam().line) << document.error().why;
  EXPECT_EQ(document.error().position.column, GetParam().column) << document.error().why;
  EXPECT_THAT(document.error().why, testing::HasSubstr(GetParam().why));
  EXPECT_EQ(document.error().too_big, GetParam().too_big);
}

std::string repeated(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

// Nine anchors, each ten times the one before.
std::string laughs() {
  std::string text = "a: &a [x,x,x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c <= 'i'; ++c) {
    const std::string alias = std::string("*") + static_cast<char>(c - 1) + ",";
    text += std::string(1, c) + ": &" + c + " [" + repeated(alias, 10) + "]\n";
  }
  return text;
}

std::string deep_aliases() {
  std::string text = "a0: &a0 [x]\n";
  for (int i = 1; i < 80; ++i) {
    const std::string number = std::to_string(i);
    text += "a" + number + ": &a" + number + " [*a" + std::to_string(i - 1) + "]\n";
  }
  return text;
}

INSTANTIATE_TEST_SUITE_P(
    Table, Refused,
    testing::Values(
        Fault{"a: b\n---\nc: d\n", 3, 1, "second document"},
        Fault{"a: 1\n...\n---\n- 2\n", 4, 1, "second document"},
        Fault{"a: 1\n---\n---\n- 2\n", 4, 1, "second document"},
        Fault{"&!<tag:e,1:a> \nf", 1, 9, "second document"},
        Fault{"a: b\rc: d\n", 1, 5, "control character"},
        Fault{"a: b\r\r\n", 1, 5, "control character"},
        Fault{"a: \"b\n", 2, 1, "a quotation mark is missing"},
        Fault{"a: 'b\n  c: d\n", 3, 1, "a quotation mark is missing"},
        Fault{"{\"a\": \"b", 1, 9, ""}, Fault{"a: [b\n", 2, 1, ""},
        Fault{"a: b\n c: d\n", 2, 3, "illegal map value"},
        Fault{"a:\n\tb: c\n", 2, 3, "illegal map value"},
        Fault{"a: b\nc: \"\x04\"\nd: e\n", 2, 5, "control character"},
        Fault{std::string("a: b\0", 5), 1, 5, "control character"},
        Fault{"a: b\x7f", 1, 5, "control character"},
        Fault{"a: \xc2\x81", 1, 4, "control character"},
        Fault{"a: \xef\xbb\xbf", 1, 4, "control character"}, Fault{"a: \xff", 1, 1, "UTF-8"},
        Fault{"\xff\xfe"
              "a",
              1, 1, "UTF-16"},
        Fault{"? [a]\n: b\n", 1, 3, "a key must be plain text"},
        Fault{"a: &x {b: c}\n? *x\n: d\n", 2, 3, "a key must be plain text"},
        Fault{"a: &x [*x]\n", 1, 8, "within its anchor"}, Fault{"a: *x\n", 1, 4, "anchor"},
        Fault{laughs(), 5, 8, "its aliases expand to too many values", true},
        Fault{deep_aliases(), 64, 12, "nested too deeply", true},
        Fault{"a: " + repeated("[", 100) + repeated("]", 100), 1, 67, "nested too deeply", true},
        Fault{"a: " + repeated("[", 100'000), 1, 36, "nested too deeply", true},
        Fault{"a: " + repeated("{a: ", 100'000), 1, 256, "nested too deeply", true},
        Fault{repeated("- ", 100'000), 1, 129, "nested too deeply", true},
        Fault{std::string((4 << 20) + 1, '#'), 1, 1, "over 4096 KiB", true},
        Fault{"a: [" + repeated("1,", 250'001) + "1]", 1, 500'003, "too many values", true}));

TEST(YamlDocument, HasTheScalarsAsTheyAreWritten) {
  const YamlDocument document =
      parsed("a: [true, \"true\", 'x', ~, 0x1f, !!str 12, ! 12]\nb: |\n  x\n");
  const auto& items = document.root().find("a")->items;
  EXPECT_TRUE(items[0].same_as(YamlNode::plain("true")));
  EXPECT_TRUE(items[1].same_as(YamlNode::string("true")));
  EXPECT_FALSE(items[0].same_as(items[1]));
  EXPECT_TRUE(items[2].same_as(YamlNode::string("x")));
  EXPECT_EQ(items[3].kind, YamlNode::Kind::null);
  EXPECT_TRUE(items[4].same_as(YamlNode::plain("0x1f")));
  EXPECT_EQ(items[5].tag, "tag:yaml.org,2002:str");
  EXPECT_TRUE(items[6].same_as(YamlNode::string("12")));
  EXPECT_TRUE(document.root().find("b")->same_as(YamlNode::string("x\n")));
}

TEST(YamlDocument, EscapesThatTheLibraryGivesAsBytesAreCharacters) {
  const YamlDocument document = parsed("a: \"é\\N\\_\\L\\Pü\"\n");
  EXPECT_EQ(document.root().find("a")->scalar, "é\xc2\x85\xc2\xa0\xe2\x80\xa8\xe2\x80\xa9ü");
  EXPECT_EQ(emit_yaml(document.root()), "a: \"é\\u0085\xc2\xa0\\u2028\\u2029ü\"\n");
}

TEST(YamlDocument, AnEmptyDocumentBehindTheFirstIsNone) {
  EXPECT_TRUE(parsed("a: b\n---\n").root().same_as(parsed("a: b").root()));
  EXPECT_EQ(parsed("").root().kind, YamlNode::Kind::null);
  EXPECT_EQ(parsed("# x\n").root().kind, YamlNode::Kind::null);
  EXPECT_EQ(parsed("\xef\xbb\xbf"
                   "a: b")
                .root()
                .find("a")
                ->scalar,
            "b");
}

TEST(YamlDocument, EqualIsWhatNoReaderCouldTellApart) {
  const YamlNode base = parsed("a: [1, {b: c}]\nd: !x e\n").root();
  for (const std::string_view other :
       {"a: [1, {b: c}]\nd: !y e\n", "a: [1, {b: \"c\"}]\nd: !x e\n", "a: [{b: c}, 1]\nd: !x e\n",
        "d: !x e\na: [1, {b: c}]\n", "a: [1, {b: c, b: c}]\nd: !x e\n", "a: [1]\nd: !x e\n",
        "\"a\": [1, {b: c}]\nd: !x e\n", "a: [~, {b: c}]\nd: !x e\n"})
    EXPECT_FALSE(base.same_as(parsed(other).root())) << other;
  EXPECT_TRUE(base.same_as(parsed("# c\na:\n- 1\n- b: c\nd: !x \"e\"").root()));
}

// What is written as a whole is read as what it was.
TEST(YamlDocument, EmitsWhatItReads) {
  int files = 0;
  for (const auto& entry : fs::directory_iterator(OPENUNISON_TEST_DATA "/kube/good")) {
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string text(std::istreambuf_iterator<char>(in), {});
    const YamlDocument document = parsed(text);
    for (const std::string_view line_end : {"\n", "\r\n"}) {
      const std::string emitted = emit_yaml(document.root(), line_end);
      EXPECT_TRUE(parsed(emitted).root().same_as(document.root())) << entry.path() << emitted;
    }
    EXPECT_EQ(document.with(document.root()).value_or("none"), text) << entry.path();
    ++files;
  }
  EXPECT_GT(files, 20);
}

TEST(YamlDocument, EmitsBlocksAsKubectlDoesAndFlowOnOneLine) {
  const std::string_view text =
      "a:\n- b: c\n  d:\n  - - 1\n    - \"2\"\n  - {}\n- []\ne:\n  f: {g: [h, null], \"i\": j}\n";
  EXPECT_EQ(emit_yaml(parsed(text).root()), text);
  EXPECT_EQ(
      emit_yaml(parsed("{\"a\":[1,{\"b\":\"c\\u0007\"}],\"d\":{}}").root()),
      "{\n  \"a\": [\n    1,\n    {\n      \"b\": \"c\\u0007\"\n    }\n  ],\n  \"d\": {}\n}\n");
  EXPECT_EQ(emit_yaml(parsed("--- !x\na: !!set {b: }\nc: !<tag:e.org,1:d>\n  - e\n").root()),
            "--- !x\na: !!set {b: null}\nc: !<tag:e.org,1:d>\n- e\n");
  const std::string long_key(2000, 'k');
  EXPECT_EQ(emit_yaml(parsed("? " + long_key + "\n: v\n").root()), "? " + long_key + "\n: v\n");
}

struct Edit {
  std::string name, before;
  void (*change)(YamlNode& root);
  std::string after;
};

void PrintTo(const Edit& edit, std::ostream* out) {
  *out << edit.name;
}

class Edited : public testing::TestWithParam<Edit> {};

TEST_P(Edited, ChangesItsPlaceOnly) {
  const YamlDocument document = parsed(GetParam().before);
  YamlNode root = document.root();
  GetParam().change(root);
  EXPECT_EQ(document.with(root).value_or("none"), GetParam().after);
}

YamlNode item(std::string_view name) {
  YamlNode map = YamlNode::map();
  map.set("name", YamlNode::plain(name));
  map.set("value", YamlNode::map()).set("x", YamlNode::string("1"));
  return map;
}
void append(YamlNode& root) {
  root.find("list")->items.push_back(item("new"));
}
void replace_first(YamlNode& root) {
  root.find("list")->items[0].set("name", YamlNode::plain("b"));
}
void remove_first(YamlNode& root) {
  root.find("list")->items.erase(root.find("list")->items.begin());
}
void remove_last(YamlNode& root) {
  root.find("list")->items.pop_back();
}
void make_list(YamlNode& root) {
  root.set("list", YamlNode::sequence()).items.push_back(item("new"));
}
void set_text(YamlNode& root) {
  root.set("text", YamlNode::string("new"));
}
void from_nothing(YamlNode& root) {
  root = YamlNode::map();
  make_list(root);
}

constexpr const char* kCommented =
    "# top\nlist:   # list\n# one\n- name: a  # a\n  # in it\n  value: 1\n\n# two\n-\n  name: b\n\n"
    "# text\ntext: old   # t\n# end\n";

INSTANTIATE_TEST_SUITE_P(
    Table, Edited,
    testing::Values(
        Edit{"append", kCommented, append,
             "# top\nlist:   # list\n# one\n- name: a  # a\n  # in it\n  value: 1\n\n# two\n-\n  "
             "name: "
             "b\n- name: new\n  value:\n    x: \"1\"\n\n# text\ntext: old   # t\n# end\n"},
        Edit{"replace", kCommented, replace_first,
             "# top\nlist:   # list\n# one\n- name: b\n  value: 1\n\n# two\n-\n  name: b\n\n# "
             "text\ntext: old   # t\n# end\n"},
        Edit{"remove_first", kCommented, remove_first,
             "# top\nlist:   # list\n# one\n\n# two\n-\n  name: b\n\n# text\ntext: old   # t\n# "
             "end\n"},
        Edit{"remove_last", kCommented, remove_last,
             "# top\nlist:   # list\n# one\n- name: a  # a\n  # in it\n  value: 1\n\n# two\n\n# "
             "text\ntext: old   # t\n# end\n"},
        Edit{"scalar", kCommented, set_text,
             "# top\nlist:   # list\n# one\n- name: a  # a\n  # in it\n  value: 1\n\n# two\n-\n  "
             "name: "
             "b\n\n# text\ntext: \"new\"\n# end\n"},
        Edit{"last_item_removed", "list:\n- a\nb: c # d\n", remove_first, "list: []\nb: c # d\n"},
        Edit{"empty_list", "list: [] # e\nb: c # d\n", make_list,
             "list:\n- name: new\n  value:\n    x: \"1\"\nb: c # d\n"},
        Edit{"null_list", "list:\n# d\nb: c\n", make_list,
             "list:\n- name: new\n  value:\n    x: \"1\"\n# d\nb: c\n"},
        Edit{"new_list", "b: c # d", make_list,
             "b: c # d\nlist:\n- name: new\n  value:\n    x: \"1\"\n"},
        Edit{"before_the_end_of_the_document", "b: c # d\n...\n# e\n", set_text,
             "b: c # d\ntext: \"new\"\n...\n# e\n"},
        Edit{"comments_only", "# c\n", from_nothing,
             "# c\nlist:\n- name: new\n  value:\n    x: \"1\"\n"},
        Edit{"nothing", "", from_nothing, "list:\n- name: new\n  value:\n    x: \"1\"\n"},
        Edit{"carriage_returns", "list:\r\n- a # b\r\n", append,
             "list:\r\n- a # b\r\n- name: new\r\n  value:\r\n    x: \"1\"\r\n"},
        Edit{"byte_order_mark", "\xef\xbb\xbf# ü\nlist: [a] # b\nc: d # e\n", set_text,
             "\xef\xbb\xbf# ü\nlist: [a] # b\nc: d # e\ntext: \"new\"\n"},
        Edit{"characters_of_many_bytes", "# 日本 😀\nlist:\n- é # é\nc: d # é\n", append,
             "# 日本 😀\nlist:\n- é # é\n- name: new\n  value:\n    x: \"1\"\nc: d # é\n"},
        Edit{"indented", "  list:\n    - a # b\n  c: d # e\n", append,
             "  list:\n    - a # b\n    - name: new\n      value:\n        x: \"1\"\n  c: d # e\n"},
        Edit{"flow_list", "list: [a]\nc: d # e\n", append,
             "list: [a, {name: new, value: {x: \"1\"}}]\nc: d # e\n"},
        // A block scalar that keeps its blank lines can't be followed by lines: all is written.
        Edit{"keeps_blank_lines", "# c\nlist:\n- |+\n  a\n\n", append,
             "list:\n- \"a\\n\\n\"\n- name: new\n  value:\n    x: \"1\"\n"},
        // What an alias refers to is still there where all is written.
        Edit{"anchor_removed", "list:\n- &x a # c\n- *x\n", remove_first, "list:\n- a\n"},
        Edit{"dash_within_quotes", "list:\n- \"a\n- b\"\n- c # d\n", remove_last,
             "list:\n- \"a\n- b\"\n"},
        Edit{"json", "{\"list\": [1]}", append,
             "{\n  \"list\": [\n    1,\n    {\n      name: new,\n      value: {\n        x: "
             "\"1\"\n      "
             "}\n    }\n  ]\n}\n"}),
    [](const auto& parameter) { return parameter.param.name; });

// U+2028 ends a line for some readers: a file that has one is changed in places, or not at all.
TEST(YamlDocument, DoesNotWriteAgainWhatReadersDisputeAbout) {
  const YamlDocument document = parsed(
      "list:\n- a\xe2\x80\xa8"
      "b # c\nd: e\n");
  YamlNode root = document.root();
  set_text(root);
  EXPECT_EQ(document.with(root).value_or("none"),
            "list:\n- a\xe2\x80\xa8"
            "b # c\nd: e\ntext: \"new\"\n");
  const YamlDocument flow = parsed(
      "{list: [a\xe2\x80\xa8"
      "b]}");
  root = flow.root();
  set_text(root);
  const auto refused = flow.with(root);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().why, testing::HasSubstr("U+2028"));
}

}  // namespace
}  // namespace openunison::text
