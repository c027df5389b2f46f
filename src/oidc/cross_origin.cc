// SPDX-License-Identifier: Apache-2.0
//
// What scripts of other origins may read (the CORS protocol of the Fetch standard). Discovery and
// keys are for everybody. Token, revocation and userinfo (OpenID Connect Core §5.3) are for the
// origins that public clients of values return to: applications in a browser. None of these looks
// at cookies, so that a script gets no further than with the credentials it has itself. The
// authorization and sign-out endpoints are for browsers alone and allow nobody.
#include <algorithm>

#include "oidc/provider_impl.h"
#include "text/url.h"

namespace openunison::oidc {

std::vector<std::string> script_origins_of(const std::vector<Client>& clients) {
  std::vector<std::string> origins;
  for (const Client& client : clients) {
    // With paths on loopback it is a program on the person's machine, kubectl first of all.
    if (!client.is_public || client.cluster != nullptr || !client.loopback_paths.empty()) continue;
    for (const std::string& uri : client.redirect_uris) {
      const auto url = text::Url::parse(uri);
      if (url) origins.push_back(url->origin());
    }
  }
  return origins;
}

void Provider::Impl::allow_origin(const http::Request& request, http::Response& response) const {
  const auto origin = request.headers.unique("origin");
  if (!origin || !*origin || std::ranges::find(script_origins, **origin) == script_origins.end())
    return;
  response.headers.add("access-control-allow-origin", std::string(**origin));
  response.headers.add("vary", "Origin");
}

Task<http::Response> Provider::Impl::for_scripts(http::Request& request, Endpoint endpoint) {
  http::Response response = co_await (this->*endpoint)(request);
  allow_origin(request, response);
  response.headers.add("access-control-expose-headers", "WWW-Authenticate, Retry-After");
  co_return response;
}

http::Response Provider::Impl::preflight(const http::Request& request) const {
  http::Response response;
  response.status = 204;
  allow_origin(request, response);
  response.headers.add("access-control-allow-methods", "GET, POST");
  response.headers.add("access-control-allow-headers", "Authorization, Content-Type");
  response.headers.add("access-control-max-age", "600");
  return response;
}

}  // namespace openunison::oidc
