// SPDX-License-Identifier: Apache-2.0
#include "bench/scenario.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <deque>
#include <fstream>
#include <map>
#include <stdexcept>

namespace openunison::bench {
namespace {

constexpr char kFormType[] = "application/x-www-form-urlencoded";

std::string percent_encoded(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
        c == '_' || c == '.' || c == '~') {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

std::string_view between(std::string_view text, std::string_view before, std::string_view after) {
  const std::size_t start = text.find(before);
  if (start == std::string_view::npos) return {};
  text.remove_prefix(start + before.size());
  return text.substr(0, text.find(after));
}

std::string status_of(const Response& answer) {
  return "status " + std::to_string(answer.status) + " " + answer.body.substr(0, 160);
}

// --- get ---

class Get final : public Operation {
 public:
  explicit Get(const Request& request) : request_(request) {}
  std::optional<Request> next(const Response* answer) override {
    if (answer == nullptr) return request_;
    if (answer->status != 200) return fail(status_of(*answer));
    return std::nullopt;
  }

 private:
  const Request& request_;
};

class GetScenario final : public Scenario {
 public:
  explicit GetScenario(const ScenarioOptions& options)
      : request_{"GET", options.path, options.headers, ""} {}
  std::unique_ptr<Operation> begin() override { return std::make_unique<Get>(request_); }

 private:
  const Request request_;
};

// --- refresh ---

class RefreshScenario final : public Scenario {
 public:
  explicit RefreshScenario(const ScenarioOptions& options)
      : file_(options.chains), path_(options.path), headers_(options.headers), form_(options.form) {
    headers_.emplace_back("content-type", kFormType);
    std::ifstream in(file_);
    for (std::string line; std::getline(in, line);) {
      if (!line.empty()) chains_.push_back(std::move(line));
    }
    if (chains_.empty()) throw std::runtime_error(file_ + " has no refresh tokens");
  }

  std::unique_ptr<Operation> begin() override {
    if (chains_.empty()) return nullptr;
    auto operation = std::make_unique<Refresh>(*this, std::move(chains_.front()));
    chains_.pop_front();
    return operation;
  }

  void finish() override {
    std::ofstream out(file_, std::ios::trunc);
    for (const std::string& token : chains_) out << token << '\n';
  }

 private:
  class Refresh final : public Operation {
   public:
    Refresh(RefreshScenario& scenario, std::string token)
        : scenario_(scenario), token_(std::move(token)) {}
    // One that was cut keeps its token: within the grace it gets the newest again.
    ~Refresh() override { scenario_.chains_.push_back(std::move(token_)); }

    std::optional<Request> next(const Response* answer) override {
      if (answer == nullptr) {
        return Request{"POST", scenario_.path_, scenario_.headers_,
                       "grant_type=refresh_token&refresh_token=" + token_ + scenario_.form_};
      }
      if (answer->status != 200) return fail(status_of(*answer));
      const std::string_view newest = between(answer->body, "\"refresh_token\":\"", "\"");
      if (newest.empty() || between(answer->body, "\"id_token\":\"", "\"").empty())
        return fail("an answer without tokens");
      if (newest == token_) return fail("the refresh token was not replaced");
      token_ = newest;
      return std::nullopt;
    }

   private:
    RefreshScenario& scenario_;
    std::string token_;
  };

  const std::string file_, path_;
  std::vector<std::pair<std::string, std::string>> headers_;
  const std::string form_;
  std::deque<std::string> chains_;
};

// --- sign-in ---

std::string random_token() {
  std::array<unsigned char, 32> bytes{};
  RAND_bytes(bytes.data(), static_cast<int>(bytes.size()));
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  for (const unsigned char byte : bytes) {
    out += kAlphabet[byte & 63];
    out += kAlphabet[byte >> 2];
  }
  return out;
}

// RFC 7636 §4.2.
std::string challenge_of(const std::string& verifier) {
  std::array<unsigned char, 32> digest{};
  EVP_Digest(verifier.data(), verifier.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  std::array<unsigned char, 64> text{};
  EVP_EncodeBlock(text.data(), digest.data(), static_cast<int>(digest.size()));
  std::string out(reinterpret_cast<const char*>(text.data()));
  for (char& c : out) c = c == '+' ? '-' : c == '/' ? '_' : c;
  while (out.ends_with('=')) out.pop_back();
  return out;
}

class SignIn final : public Operation {
 public:
  explicit SignIn(const ScenarioOptions& options) : options_(options) {}

  std::optional<Request> next(const Response* answer) override {
    if (answer == nullptr) return get(authorization());
    keep_cookies(*answer);
    switch (step_) {
      case Step::to_the_form:
        if (answer->status == 200) return submit_form(*answer);
        break;
      case Step::to_the_code:
        if (answer->header("location").starts_with(options_.redirect_uri))
          return redeem(answer->header("location"));
        break;
      case Step::token:
        if (answer->status != 200 || answer->body.find("\"id_token\"") == std::string::npos)
          return fail(status_of(*answer));
        return std::nullopt;
    }
    const std::string_view location = answer->header("location");
    if (answer->status < 300 || answer->status >= 400 || location.empty())
      return fail(status_of(*answer));
    // Of another origin: only the callback, which was handled.
    if (location.starts_with("https://")) {
      return get(std::string(location.substr(std::min(location.find('/', 8), location.size()))));
    }
    return get(std::string(location));
  }

 private:
  enum class Step { to_the_form, to_the_code, token };

  std::string authorization() const {
    return options_.path +
           "/auth?response_type=code&scope=openid%20profile%20email%20groups&client_id=" +
           percent_encoded(options_.client_id) +
           "&redirect_uri=" + percent_encoded(options_.redirect_uri) + "&state=" + random_token() +
           "&nonce=" + random_token() +
           "&code_challenge_method=S256&code_challenge=" + challenge_of(verifier_);
  }

  std::optional<Request> submit_form(const Response& page) {
    const std::string_view action = between(page.body, "<form method=\"post\" action=\"", "\"");
    const std::string_view csrf = between(page.body, "name=\"csrf\" value=\"", "\"");
    std::string return_to(between(page.body, "name=\"return_to\" value=\"", "\""));
    for (std::size_t at = 0; (at = return_to.find("&amp;", at)) != std::string::npos; ++at)
      return_to.erase(at + 1, 4);
    if (action.empty() || csrf.empty()) return fail("a page without the sign-in form");
    step_ = Step::to_the_code;
    return post(std::string(action), "csrf=" + percent_encoded(csrf) +
                                         "&return_to=" + percent_encoded(return_to) +
                                         "&username=" + percent_encoded(options_.user) +
                                         "&password=" + percent_encoded(options_.password));
  }

  std::optional<Request> redeem(std::string_view location) {
    const std::string_view query = location.substr(std::min(location.find('?'), location.size()));
    std::string_view code = between(query, "?code=", "&");
    if (code.empty()) code = between(query, "&code=", "&");
    if (code.empty()) return fail("no code: " + std::string(location));
    step_ = Step::token;
    return post(options_.path + "/token",
                "grant_type=authorization_code&code=" + std::string(code) +
                    "&client_id=" + percent_encoded(options_.client_id) + "&redirect_uri=" +
                    percent_encoded(options_.redirect_uri) + "&code_verifier=" + verifier_);
  }

  void keep_cookies(const Response& answer) {
    for (const auto& [name, value] : answer.headers) {
      if (name != "set-cookie") continue;
      const std::string_view pair = std::string_view(value).substr(0, value.find(';'));
      const std::size_t equals = pair.find('=');
      if (equals == std::string_view::npos) continue;
      if (value.find("Max-Age=0") != std::string::npos) {
        cookies_.erase(std::string(pair.substr(0, equals)));
      } else {
        cookies_[std::string(pair.substr(0, equals))] = pair.substr(equals + 1);
      }
    }
  }

  Request get(std::string target) const { return {"GET", std::move(target), headers(), ""}; }
  Request post(std::string target, std::string form) const {
    auto fields = headers();
    fields.emplace_back("content-type", kFormType);
    return {"POST", std::move(target), std::move(fields), std::move(form)};
  }
  std::vector<std::pair<std::string, std::string>> headers() const {
    auto fields = options_.headers;
    std::string cookie;
    for (const auto& [name, value] : cookies_)
      cookie.append(cookie.empty() ? "" : "; ").append(name).append("=").append(value);
    if (!cookie.empty()) fields.emplace_back("cookie", std::move(cookie));
    return fields;
  }

  const ScenarioOptions& options_;
  const std::string verifier_ = random_token();
  std::map<std::string, std::string> cookies_;
  Step step_ = Step::to_the_form;
};

class SignInScenario final : public Scenario {
 public:
  explicit SignInScenario(ScenarioOptions options) : options_(std::move(options)) {}
  std::unique_ptr<Operation> begin() override { return std::make_unique<SignIn>(options_); }

 private:
  const ScenarioOptions options_;
};

}  // namespace

std::unique_ptr<Scenario> get_scenario(const ScenarioOptions& options) {
  return std::make_unique<GetScenario>(options);
}
std::unique_ptr<Scenario> refresh_scenario(const ScenarioOptions& options) {
  return std::make_unique<RefreshScenario>(options);
}
std::unique_ptr<Scenario> sign_in_scenario(const ScenarioOptions& options) {
  return std::make_unique<SignInScenario>(options);
}

}  // namespace openunison::bench
