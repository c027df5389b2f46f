// SPDX-License-Identifier: Apache-2.0
//
// A portal's answers in a script: what was asked is noted, what is answered was put there before.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "base/base64.h"
#include "cli/portal_client.h"
#include "text/form.h"

namespace openunison::cli {

inline constexpr const char* kIssuer = "https://k8sou.example.com/auth/idp/k8sIdp";

inline std::string jwt(const std::string& audience, const std::string& more = "",
                       const std::string& issuer = kIssuer, int life = 60) {
  return "e30." +
         base64url_encode("{\"iss\":\"" + issuer + "\",\"aud\":\"" + audience +
                          "\",\"iat\":1000,\"exp\":" + std::to_string(1000 + life) + more + "}") +
         ".c2ln";
}

inline http::Response json_response(int status, std::string body) {
  return {status, {{"content-type", "application/json"}}, std::move(body), {}};
}

inline http::Response tokens_response(const std::string& audience, const std::string& refresh,
                                      const std::string& more = "") {
  return json_response(200, "{\"access_token\":\"access-" + refresh + "\",\"id_token\":\"" +
                                jwt(audience, more) + "\",\"refresh_token\":\"" + refresh +
                                "\",\"token_type\":\"Bearer\",\"expires_in\":60}");
}

inline http::Response refusal(const std::string& error, int status = 400,
                              const std::string& description = "") {
  return json_response(
      status, "{\"error\":\"" + error + "\",\"error_description\":\"" + description + "\"}");
}

struct ScriptedPortal {
  std::deque<Result<http::Response>> answers;
  std::vector<http::ClientRequest> asked;

  Fetch fetch() {
    return [this](http::ClientRequest request) { return answer(std::move(request)); };
  }
  text::Form form(std::size_t i) const { return text::Form::parse(asked.at(i).body).value(); }

 private:
  Task<Result<http::Response>> answer(http::ClientRequest request) {
    asked.push_back(std::move(request));
    if (answers.empty()) co_return fail(Errc::unreachable, "nothing is in the script");
    auto next = std::move(answers.front());
    answers.pop_front();
    co_return next;
  }
};

class FixedBootClock final : public BootClock {
 public:
  BootTime time{"boot-1", Millis(100'000)};
  BootTime now() const override { return time; }
};

}  // namespace openunison::cli
