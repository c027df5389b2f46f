// SPDX-License-Identifier: Apache-2.0
//
// The proxies in front of us that are believed, and what they say about who is behind them: the
// PROXY protocol (versions 1 and 2, https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt),
// or X-Forwarded-For, or Forwarded (RFC 7239). Of others nothing is believed, and the fields are
// taken off every request. What is asked for, the Host, is never taken from them. Pure but for
// read_proxy_header.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"
#include "net/stream.h"
#include "text/ip.h"

namespace openunison::http {

// Which field a proxy writes. One only: a proxy that appends to one of the two hands the other on
// as the client wrote it.
enum class ForwardedField { none, x_forwarded_for, forwarded };

struct Proxies {
  std::vector<text::IpRange> trusted;
  bool proxy_protocol = false;  // each connection from them begins with its header
  ForwardedField field = ForwardedField::x_forwarded_for;

  bool trusts(std::string_view ip) const;
  // Whether request.peer is a client, or a trusted proxy that doesn't say whose request it is.
  enum class Client { known, unsaid };
  // Puts the true client's address into request.peer, and takes off the fields. With a trusted peer
  // that is the right-most address that isn't a trusted proxy's: what stands further left was
  // written by somebody who isn't believed. Error bad_request: a trusted proxy's Forwarded can't be
  // read, so that nobody hides behind the proxy's own address.
  Result<Client> reveal(Request& request) const;
};

// "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:80". nullopt: none of
// these, such as RFC 7239's "unknown" and "_hidden".
std::optional<net::PeerAddress> forwarded_node(std::string_view text);
// The `for` of each of the last 16 elements, left to right; "" where an element has none. nullopt:
// RFC 7239 §4 is broken, or an element has more than 16 parameters. Takes time in proportion to the
// value's length.
std::optional<std::vector<std::string>> parse_forwarded(std::string_view value);

// What a PROXY header says.
struct ProxyHeader {
  // nullopt: the proxy speaks for itself (LOCAL), or of a kind of connection without addresses.
  std::optional<net::PeerAddress> source;
};
// Everything before the connection's own bytes; at most 107 bytes in version 1 and 16 + 2,048 in
// version 2. Error bad_request: not exactly one header.
Result<ProxyHeader> parse_proxy_header(std::string_view bytes);
// Reads no byte further than the header's last, since TLS goes on from there. Errors: bad_request;
// the stream's.
Task<Result<ProxyHeader>> read_proxy_header(net::Stream& stream, net::Deadline deadline);

}  // namespace openunison::http
