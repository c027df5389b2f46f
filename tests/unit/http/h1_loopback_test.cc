// SPDX-License-Identifier: Apache-2.0
//
// Our client and our server joined together, over HTTP/1.1: what the client is asked to send is
// refused by it, or reaches the service as it was meant and as one request, or is refused by the
// server; and what the service answers reaches the client's caller likewise. Never anything else:
// no second request, no field or body that nobody gave.
#include <gtest/gtest.h>

#include <random>

#include "connection_fixture.h"
#include "http/client.h"
#include "http/syntax.h"
#include "net/listener.h"
#include "test_certificates.h"
#include "text/utf8.h"

namespace openunison::http::testing {
namespace {

struct Seen {
  std::string method, target, body;
  std::vector<Field> fields;
};

// Keeps what it sees, and answers what it is told to.
class Keeper final : public Service {
 public:
  Task<void> handle(Request& request, Responder& responder) override {
    Seen seen{request.method, request.path, "", request.headers.fields()};
    if (!request.query.empty()) seen.target += "?" + request.query;
    auto body = co_await read_all(*request.body, 1 << 20);
    if (!body) co_return;
    seen.body = std::move(*body);
    requests.push_back(std::move(seen));
    if (streams) {
      auto writer = co_await responder.start({answer.status, answer.headers}, std::nullopt);
      if (!writer) co_return;
      auto written = co_await (*writer)->write(answer.body);
      if (written) co_await (*writer)->finish();
      co_return;
    }
    co_await responder.send(answer);
  }

  std::vector<Seen> requests;
  Response answer{200, {}, "answer"};
  bool streams = false;  // in chunks
};

class Loopback : public ::testing::Test {
 protected:
  Loopback() {
    ClientOptions options;
    options.tls = *net::TlsClientContext::create({kOneCertificate}, false);
    client_ = std::make_unique<Client>(runtime_, options);
    listener_ = std::move(
        *net::Listener::open(runtime_, "127.0.0.1:0", [this](std::unique_ptr<net::Stream> stream) {
          return serve_connection(std::move(stream), keeper_, limits_);
        }));
  }

  ClientRequest request(const std::string& method = "GET", const std::string& body = "") const {
    ClientRequest made;
    made.method = method;
    made.url = *text::Url::parse("http://127.0.0.1:" + std::to_string(listener_->port()) + "/path");
    made.body = body;
    return made;
  }
  Result<Response> fetch(ClientRequest request) {
    return runtime_.block_on(client_->fetch(std::move(request)));
  }
  // What the next request on the same connection shows: that nothing was left on it.
  void expect_all_is_well() {
    keeper_.requests.clear();
    keeper_.answer = {200, {}, "well"};
    keeper_.streams = false;
    const auto response = fetch(request());
    ASSERT_TRUE(response) << response.error().message();
    EXPECT_EQ(response->body, "well");
    ASSERT_EQ(keeper_.requests.size(), 1u);
    EXPECT_EQ(keeper_.requests[0].target, "/path");
    keeper_.requests.clear();
  }

  net::Runtime runtime_{1};
  const Limits limits_;
  Keeper keeper_;
  std::unique_ptr<net::Listener> listener_;
  std::unique_ptr<Client> client_;
};

std::string with_nul(const char* before, const char* after) {
  return std::string(before) + '\0' + after;
}

// --- Requests ---

TEST_F(Loopback, MethodsThatWouldSplitAreNotSent) {
  const std::string methods[] = {"", " ", "G T", "GET ", " GET", "GET\r\n",
                                 "GET / HTTP/1.1\r\n\r\nGET", "GET\n", "GET\r", "GET\t",
                                 "G\xc3\xa9T", with_nul("G", "T"), "GET:",
                                 // Its answer would be a tunnel's.
                                 "CONNECT"};
  for (const std::string& method : methods) {
    const auto response = fetch(request(method));
    ASSERT_FALSE(response) << method;
    EXPECT_TRUE(response.error().is(Errc::internal)) << method << response.error().message();
  }
  EXPECT_TRUE(keeper_.requests.empty());
  expect_all_is_well();
}

TEST_F(Loopback, MethodsArriveAsTheyAre) {
  for (const char* method : {"GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW", "A-B.C"}) {
    for (const char* body : {"", "body"}) {
      keeper_.requests.clear();
      ASSERT_TRUE(fetch(request(method, body))) << method;
      ASSERT_EQ(keeper_.requests.size(), 1u) << method;
      EXPECT_EQ(keeper_.requests[0].method, method);
      EXPECT_EQ(keeper_.requests[0].body, body) << method;
    }
  }
  expect_all_is_well();
}

TEST_F(Loopback, TargetsThatWouldSplitAreNotSent) {
  const std::string paths[] = {"/ HTTP/1.1\r\nx: y\r\n\r\n",
                               "/a\rb",
                               "/a\nb",
                               "/a b",
                               "/a\tb",
                               "/ HTTP/1.0",
                               with_nul("/a", "b"),
                               "/a\x7f",
                               "/caf\xc3\xa9",
                               "/a#b",
                               "a",
                               "*",
                               "http://other/",
                               "/a?b\r\nx: y"};
  for (const std::string& path : paths) {
    ClientRequest bad = request();
    bad.url.path = path;
    const auto response = fetch(bad);
    ASSERT_FALSE(response) << path;
    EXPECT_TRUE(response.error().is(Errc::internal)) << path << response.error().message();
  }
  const std::string queries[] = {"a b", "a\r\nb",           "a\nb", "a HTTP/1.1",
                                 "a#b", with_nul("a", "b"), "\xff"};
  for (const std::string& query : queries) {
    ClientRequest bad = request();
    bad.url.query = query;
    const auto response = fetch(bad);
    ASSERT_FALSE(response) << query;
    EXPECT_TRUE(response.error().is(Errc::internal)) << query << response.error().message();
  }
  EXPECT_TRUE(keeper_.requests.empty());
  expect_all_is_well();
}

TEST_F(Loopback, TargetsArriveAsTheyAreOrAreRefusedByTheServer) {
  struct Case {
    const char* target;
    int status;
  };
  const Case cases[] = {{"/", 200},         {"", 200},          {"/a/b", 200},  {"/a?b=c&d", 200},
                        {"/a%2fb", 200},    {"/?a=/../b", 200}, {"//a", 400},   {"/a/../b", 400},
                        {"/a/%2e./b", 400}, {"/a%00", 400},     {"/a%zz", 400}, {"/a?b?c", 200}};
  for (const Case& each : cases) {
    keeper_.requests.clear();
    ClientRequest made = request();
    const std::string target = each.target;
    const std::size_t question = target.find('?');
    made.url.path = target.substr(0, question);
    if (question != std::string::npos) made.url.query = target.substr(question + 1);
    const auto response = fetch(made);
    ASSERT_TRUE(response) << target;
    EXPECT_EQ(response->status, each.status) << target;
    EXPECT_EQ(keeper_.requests.size(), each.status == 200 ? 1u : 0u) << target;
    if (!keeper_.requests.empty())
      EXPECT_EQ(keeper_.requests[0].target, target.empty() ? "/" : target);
  }
  expect_all_is_well();
}

TEST_F(Loopback, FieldsThatWouldSplitAreNotSent) {
  const std::string evil = "\r\nx-evil: 1";
  const Field fields[] = {{"x-a", "b" + evil},
                          {"x-a", "b\nc"},
                          {"x-a", "b\rc"},
                          {"x-a", with_nul("b", "c")},
                          {"x-a", "b\x7f"},
                          {"x-a", "\x0b"},
                          {"x-a", "b\r\n\r\nGET / HTTP/1.1"},
                          {"", "b"},
                          {"x a", "b"},
                          {"x-a:", "b"},
                          {"x-a" + evil, "b"},
                          {"x-a\t", "b"},
                          {"x\xc3\xa9", "b"},
                          {with_nul("x", "a"), "b"},
                          {"(x)", "b"}};
  for (const Field& field : fields) {
    ClientRequest bad = request("POST", "body");
    bad.headers.add(field.name, field.value);
    const auto response = fetch(bad);
    ASSERT_FALSE(response) << field.name << ": " << field.value;
    EXPECT_TRUE(response.error().is(Errc::internal)) << response.error().message();
  }
  EXPECT_TRUE(keeper_.requests.empty());
  expect_all_is_well();
}

TEST_F(Loopback, FieldsAboutFramingAreTheClientsOwn) {
  const Field fields[] = {{"content-length", "1"},    {"transfer-encoding", "chunked"},
                          {"host", "other.example"},  {"connection", "x-a"},
                          {"expect", "100-continue"}, {"upgrade", "websocket"},
                          {"Content-Length", "1"},    {"Transfer-Encoding", "chunked"},
                          {"Host", "other.example"},  {"CONNECTION", "close, x-a"},
                          {"Expect", "200-ok"},       {"Upgrade", "h2c"}};
  for (const Field& field : fields) {
    keeper_.requests.clear();
    ClientRequest made = request("POST", "body");
    made.headers.add(field.name, field.value);
    made.headers.add("x-a", "b");
    const auto response = fetch(made);
    ASSERT_TRUE(response) << field.name << response.error().message();
    EXPECT_EQ(response->status, 200) << field.name << response->body;
    ASSERT_EQ(keeper_.requests.size(), 1u) << field.name;
    EXPECT_EQ(keeper_.requests[0].body, "body") << field.name;
    ASSERT_EQ(keeper_.requests[0].fields.size(), 2u) << field.name;
    EXPECT_EQ(keeper_.requests[0].fields[1].name, "x-a");
  }
  expect_all_is_well();
}

TEST_F(Loopback, FieldsArriveAsTheyAre) {
  ClientRequest made = request();
  const Field fields[] = {{"x-empty", ""},
                          {"x-long", std::string(8000, 'a')},
                          {"x-a", "b:c, d; \"e\" \xff"},
                          {"x-a", "again"},
                          {"cookie", "a=b; c=d"},
                          {"x!#$%&'*+-.^_`|~9", "\\"}};
  for (const Field& field : fields) made.headers.add(field.name, field.value);
  ASSERT_TRUE(fetch(made));
  ASSERT_EQ(keeper_.requests.size(), 1u);
  std::vector<Field> seen = keeper_.requests[0].fields;
  ASSERT_EQ(seen.size(), std::size(fields) + 1);  // user-agent
  for (std::size_t i = 0; i < std::size(fields); ++i) {
    EXPECT_EQ(seen[i + 1].name, fields[i].name);
    EXPECT_EQ(seen[i + 1].value, fields[i].value);
  }
}

TEST_F(Loopback, BodiesThatLookLikeFramingArriveAsTheyAre) {
  const std::string smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::string bodies[] = {"\r\n",
                                "\r\n\r\n",
                                "0\r\n\r\n",
                                "5\r\nhello\r\n0\r\n\r\n",
                                smuggled,
                                "\r\n\r\n" + smuggled,
                                with_nul("a", "b"),
                                "\xff\xfe",
                                std::string(100'000, '\n'),
                                std::string(1 << 20, 'a')};
  for (const char* method : {"POST", "GET", "DELETE"}) {
    for (const std::string& body : bodies) {
      keeper_.requests.clear();
      const auto response = fetch(request(method, body));
      ASSERT_TRUE(response) << response.error().message();
      ASSERT_EQ(keeper_.requests.size(), 1u);
      EXPECT_EQ(keeper_.requests[0].body, body);
    }
  }
  expect_all_is_well();
}

// Anything at all in any part, the same in every run.
TEST_F(Loopback, WhateverIsAskedForIsRefusedOrUnderstood) {
  std::mt19937 random(1);
  const auto below = [&](std::size_t count) { return random() % count; };
  const std::string_view pieces[] = {"a",         "B",
                                     "/",         "GET",
                                     "\r\n",      "\n",
                                     "\r",        " ",
                                     ":",         "%",
                                     "%2e",       "..",
                                     "?",         "#",
                                     "&",         "\t",
                                     "\x01",      "\x7f",
                                     "\x80",      "chunked",
                                     "host",      "content-length",
                                     " HTTP/1.1", "0",
                                     ",",         ";",
                                     "\\"};
  const auto anything = [&](std::size_t most) {
    std::string text;
    for (std::size_t count = below(most + 1); count > 0; --count)
      text += pieces[below(std::size(pieces))];
    if (below(20) == 0) text += '\0';
    return text;
  };
  int understood = 0, not_sent = 0, refused = 0;
  for (int i = 0; i < 2000; ++i) {
    ClientRequest made = request(below(4) == 0 ? anything(2) : "POST", anything(6));
    if (below(2) == 0) made.url.path = "/" + anything(3);
    if (below(3) == 0) made.url.query = anything(3);
    if (below(2) == 0) made.headers.add(below(2) == 0 ? "x-a" : anything(2), anything(4));
    keeper_.requests.clear();
    const auto response = fetch(made);
    if (!response) {
      ASSERT_TRUE(response.error().is(Errc::internal)) << i << response.error().message();
      ASSERT_TRUE(keeper_.requests.empty()) << i;
      ++not_sent;
    } else if (response->status != 200) {
      ASSERT_TRUE(keeper_.requests.empty()) << i;
      ++refused;
    } else {
      ASSERT_EQ(keeper_.requests.size(), 1u) << i;
      const Seen& seen = keeper_.requests[0];
      ASSERT_EQ(seen.method, made.method) << i;
      std::string target = made.url.path;
      if (made.url.query && !made.url.query->empty()) target += "?" + *made.url.query;
      ASSERT_EQ(seen.target, target) << i;
      ASSERT_EQ(seen.body, made.body) << i;
      for (const Field& field : seen.fields) {
        if (field.name == "user-agent") continue;
        ASSERT_EQ(made.headers.fields().size(), 1u) << i;
        ASSERT_EQ(field.name, text::ascii_lower(made.headers.fields()[0].name)) << i;
        ASSERT_EQ(field.value, trim_white_space(made.headers.fields()[0].value)) << i;
      }
      ++understood;
    }
  }
  EXPECT_GT(understood, 100);
  EXPECT_GT(not_sent, 100);
  EXPECT_GT(refused, 20);
  expect_all_is_well();
}

// --- Answers ---

TEST_F(Loopback, AnswersArriveAsTheyAre) {
  const std::string second = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
  const std::string bodies[] = {"",
                                "hello",
                                "\r\n\r\n",
                                "0\r\n\r\n",
                                second,
                                "5\r\nhello\r\n0\r\n\r\n",
                                with_nul("a", "b"),
                                std::string(100'000, 'a')};
  for (const bool streams : {false, true}) {
    for (const int status : {200, 201, 204, 205, 304, 400, 404, 500, 599}) {
      for (const std::string& body : bodies) {
        keeper_.streams = streams;
        keeper_.answer = {status, {{"x-a", "b"}}, body};
        for (const char* method : {"GET", "HEAD", "POST"}) {
          const auto response = fetch(request(method));
          ASSERT_TRUE(response) << status << method << response.error().message();
          const bool has_body = status != 204 && status != 304 && method != std::string("HEAD");
          EXPECT_EQ(response->status, status);
          EXPECT_EQ(response->body, has_body ? body : "") << status << method << streams;
          EXPECT_EQ(response->headers.get("x-a"), "b");
        }
      }
    }
  }
  expect_all_is_well();
}

TEST_F(Loopback, AnswersThatWouldSplitBecome500) {
  const Field fields[] = {{"location", "/a\r\nset-cookie: a=b"},
                          {"x-a", "b\r\n\r\nHTTP/1.1 200 OK"},
                          {"x-a", "b\nc"},
                          {"x-a", with_nul("b", "c")},
                          {"x-a: b\r\nx-evil", "c"},
                          {"x a", "b"},
                          {"", "b"}};
  for (const Field& field : fields) {
    keeper_.answer = {302, {field}, "body"};
    const auto response = fetch(request());
    ASSERT_TRUE(response) << response.error().message();
    EXPECT_EQ(response->status, 500) << field.name << field.value;
    EXPECT_FALSE(response->headers.contains("set-cookie"));
    EXPECT_FALSE(response->headers.contains("x-evil"));
  }
  expect_all_is_well();
}

}  // namespace
}  // namespace openunison::http::testing
