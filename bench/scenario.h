// SPDX-License-Identifier: Apache-2.0
//
// What virtual clients do. An operation is one or more requests, each made from the answer before
// it; it is what is counted and timed.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/message.h"

namespace openunison::bench {

class Operation {
 public:
  virtual ~Operation() = default;
  // The first request (`answer` is null), or the one that follows an answer; none: the operation is
  // over.
  virtual std::optional<Request> next(const Response* answer) = 0;
  // Once it is over: why it went wrong; empty: it didn't.
  const std::string& failure() const { return failure_; }

 protected:
  std::nullopt_t fail(const std::string& why) {
    failure_ = why;
    return std::nullopt;
  }

 private:
  std::string failure_;
};

class Scenario {
 public:
  virtual ~Scenario() = default;
  // Null: nobody is free for one more.
  virtual std::unique_ptr<Operation> begin() = 0;
  // After the load has ended.
  virtual void finish() {}
};

struct ScenarioOptions {
  std::string path;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string chains;          // refresh: file with a refresh token a line; gets the newest ones
  std::string form;            // refresh: the other parameters of the form
  std::string user, password;  // sign-in
  std::string client_id, redirect_uri;
};

// GET of one path; anything but 200 is a failure.
std::unique_ptr<Scenario> get_scenario(const ScenarioOptions& options);
// grant_type=refresh_token. Every line of the file is one kubectl, which keeps the newest token
// that it was given; the one that has waited longest is next.
std::unique_ptr<Scenario> refresh_scenario(const ScenarioOptions& options);
// A person's browser and a client with PKCE: authorize, the page, the password, the code, the
// token. Every operation is a new browser without cookies.
std::unique_ptr<Scenario> sign_in_scenario(const ScenarioOptions& options);

}  // namespace openunison::bench
