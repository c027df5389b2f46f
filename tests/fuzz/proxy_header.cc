// SPDX-License-Identifier: Apache-2.0
//
// PROXY headers and the fields that proxies write: what is accepted names an address that reads
// back as itself, and one byte less of a header is none.
#include "fuzz.h"
#include "http/proxies.h"

FUZZ(bytes) {
  using namespace openunison;
  if (const auto header = http::parse_proxy_header(bytes)) {
    if (header->source) {
      const auto address = text::IpAddress::parse(header->source->ip);
      MUST(address && address->text() == header->source->ip);
    }
    MUST(!http::parse_proxy_header(bytes.substr(0, bytes.size() - 1)));
  }
  const auto node = http::forwarded_node(bytes);
  if (node) MUST(text::IpAddress::parse(node->ip));
  const auto elements = http::parse_forwarded(bytes);
  if (elements) MUST(elements->size() <= bytes.size());
}
