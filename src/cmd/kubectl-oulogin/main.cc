#include <iostream>
#include "http/client.h"
#include "net/tls.h"
#include "text/yaml.h"
using namespace openunison;
int main(int argc, char** argv) {
  if (argc < 2) return 2;
  net::Runtime runtime(1);
  http::ClientOptions options;
  options.tls = *net::TlsClientContext::create({});
  http::Client client(runtime, std::move(options));
  http::ClientRequest request;
  request.url = *text::Url::parse(argv[1]);
  auto response = runtime.block_on(client.fetch(std::move(request)));
  if (!response) { std::cerr << response.error().message() << "\n"; return 1; }
  std::cout << response->status << "\n" << response->body.size() << "\n";
}
