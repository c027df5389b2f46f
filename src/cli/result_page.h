// SPDX-License-Identifier: Apache-2.0
//
// What the browser shows when it has come back to this machine: one page that needs nothing else
// (no script, no image, no font) in the portal's look, light and dark. Private to cli/.
#pragma once

#include <string>

#include "http/message.h"
#include "text/html.h"

namespace openunison::cli {

class ResultPages {
 public:
  // `product`: the portal's name. `portal`: its https address, or "".
  ResultPages(std::string product, std::string portal);

  http::Response signed_in(const std::string& user) const;
  // The program has the answer and hasn't said yet how it went.
  http::Response received() const;
  // The provider said no, in its words.
  http::Response refused(const std::string& error, const std::string& description) const;
  // The provider said yes, and then something failed.
  http::Response failed(const std::string& problem) const;
  http::Response late() const;
  // Not the answer that is waited for.
  http::Response unexpected(int status) const;

 private:
  struct Text {
    int status;
    const char* mark;  // "good", "bad", "plain"
    const char* title;
    std::string lede;
    std::string said = {}, code = {};  // of others
    std::string advice = {};
  };
  http::Response render(const Text& text) const;

  std::string product_, portal_, policy_;
  text::TemplateSet templates_;
};

}  // namespace openunison::cli
