// SPDX-License-Identifier: Apache-2.0
#include "text/yaml_quirks.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>

#include "text/utf8.h"

namespace openunison::text {
namespace {

// Of a document only whether it has something.
struct Presence final : YAML::EventHandler {
  using Mark = YAML::Mark;
  using Anchor = YAML::anchor_t;
  using Style = YAML::EmitterStyle::value;
  std::optional<Position> found;
  int begun = -1;

  void see(const Mark& mark) {
    if (!found) found = Position{mark.line + 1, mark.column + 1};
  }
  void OnDocumentStart(const Mark& mark) override {
    if (mark.pos <= begun) see(mark);
    begun = mark.pos;
  }
  void OnDocumentEnd() override {}
  void OnNull(const Mark&, Anchor) override {}
  void OnAlias(const Mark& mark, Anchor) override { see(mark); }
  void OnScalar(const Mark& mark, const std::string&, Anchor, const std::string&) override {
    see(mark);
  }
  void OnSequenceStart(const Mark& mark, const std::string&, Anchor, Style) override { see(mark); }
  void OnSequenceEnd() override {}
  void OnMapStart(const Mark& mark, const std::string&, Anchor, Style) override { see(mark); }
  void OnMapEnd() override {}
};

std::size_t length_of(unsigned char lead) {
  return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

// Whether the quotation mark at `begin` has its other one.
bool closes(std::string_view text, std::size_t begin) {
  const char mark = text[begin];
  for (std::size_t i = begin + 1; i < text.size(); ++i) {
    if (mark == '"' && text[i] == '\\') {
      ++i;
    } else if (text[i] == mark) {
      if (mark == '"' || i + 1 == text.size() || text[i + 1] != mark) return true;
      ++i;
    }
  }
  return false;
}

// The slow way, for the rare case: a mark of the document's end may not stand within quotes.
bool ends_outside_of_quotes(const std::string& text) {
  try {
    std::istringstream in(text + "\n...\n");
    YAML::Parser parser(in);
    Presence first;
    if (parser.HandleNextDocument(first)) content_behind(parser);
  } catch (const YAML::Exception&) {
    return false;
  }
  return true;
}

}  // namespace

std::optional<Position> unclosed_quote(const std::string& text, std::size_t last_scalar) {
  const bool is_open =
      last_scalar < text.size() && (text[last_scalar] == '"' || text[last_scalar] == '\''
                                        ? !closes(text, last_scalar)
                                        : (text[last_scalar] == '&' || text[last_scalar] == '!') &&
                                              !ends_outside_of_quotes(text));
  if (!is_open) return std::nullopt;
  const std::size_t line = text.rfind('\n');
  const std::size_t column = line == std::string::npos ? text.size() : text.size() - line - 1;
  return Position{static_cast<int>(std::ranges::count(text, '\n')) + 1,
                  static_cast<int>(column) + 1};
}

std::optional<Position> content_behind(YAML::Parser& parser) {
  Presence documents;
  while (!documents.found && parser.HandleNextDocument(documents)) continue;
  return documents.found;
}

std::string with_escapes_mended(std::string scalar) {
  if (valid_utf8(scalar)) return scalar;
  std::string out;
  for (std::size_t i = 0; i < scalar.size();) {
    const auto byte = static_cast<unsigned char>(scalar[i]);
    // Between characters, where nothing else begins with these.
    if (byte == 0x85 || byte == 0xa0) {
      out += '\xc2';
      out += scalar[i++];
      continue;
    }
    const std::size_t length = length_of(byte);
    out.append(scalar, i, length);
    i += length;
  }
  return out;
}

}  // namespace openunison::text
