// SPDX-License-Identifier: Apache-2.0
//
// Gives bytes to a connection in memory and collects what it answers until it closes.
#pragma once

#include <string>

#include "http/router.h"
#include "http/server.h"
#include "net/runtime.h"
#include "net/stream.h"

namespace openunison::http {

inline Task<Response> fixed(const char* text) { co_return Response{200, {{"content-type", "text/plain"}}, text}; }

inline Task<Response> echo(Request& request) {
  auto body = co_await read_all(*request.body, 1 << 20);
  if (!body) co_return Response{status_of(body.error().code()), {}, body.error().message()};
  co_return Response{200, {}, *body};
}

inline Task<void> talk(Service& service, std::string bytes, std::size_t split, Limits limits, bool stay, std::string& answer) {
  auto [ours, theirs] = net::memory_pipe(split);
  const net::Executor executor = co_await net::current_executor();
  net::Runtime::spawn_on(executor, serve_connection(std::move(theirs), service, limits));
  const net::Deadline end = net::in(Millis(5000));
  auto written = co_await ours->write(bytes, end);
  if (!stay) co_await ours->shutdown_write(end);
  char buffer[4096];
  for (;;) {
    auto got = co_await ours->read_some(buffer, end);
    if (!got || *got == 0) co_return;
    answer.append(buffer, *got);
  }
}

inline std::string answer_to(std::string bytes, std::size_t split, Limits limits = {}, bool stay = false) {
  Router router;
  router.route({"POST"}, "/echo", Handler(echo));
  router.route({"GET"}, "/page", Handler([](Request&) { return fixed("page"); }));
  // Everything else that is a well-formed request.
  for (const char* path : {"/", "/x", "/a/", "/a/b", "*"}) {
    router.route({"GET", "POST", "OPTIONS"}, path, Handler([](Request&) { return fixed("ok"); }));
  }
  net::Runtime runtime(1);
  std::string answer;
  runtime.block_on(talk(router, std::move(bytes), split, limits, stay, answer));
  return answer;
}

}  // namespace openunison::http
