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

struct Nothing final : YAML::EventHandler {
  using Mark = YAML::Mark;
  using Anchor = YAML::anchor_t;
  using Style = YAML::EmitterStyle::value;
  void OnDocumentStart(const Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const Mark&, Anchor) override {}
  void OnAlias(const Mark&, Anchor) override {}
  void OnScalar(const Mark&, const std::string&, Anchor, const std::string&) override {}
  void OnSequenceStart(const Mark&, const std::string&, Anchor, Style) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const Mark&, const std::string&, Anchor, Style) override {}
  void OnMapEnd() override {}
};

std::size_t length_of(unsigned char lead) {
  return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

}  // namespace

std::optional<Position> unclosed_quote(const std::string& text) {
  // A mark of the document's end may not stand within quotes.
  try {
    std::istringstream in(text + "\n...\n");
    YAML::Parser parser(in);
    Nothing ignored;
    while (parser.HandleNextDocument(ignored)) continue;
  } catch (const YAML::Exception&) {
    const std::size_t line = text.rfind('\n');
    const std::size_t column = line == std::string::npos ? text.size() : text.size() - line - 1;
    return Position{static_cast<int>(std::ranges::count(text, '\n')) + 1,
                    static_cast<int>(column) + 1};
  }
  return std::nullopt;
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
