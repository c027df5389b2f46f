// SPDX-License-Identifier: Apache-2.0
#include "net/tls.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <openssl/ssl.h>

#include <thread>

#include "base/base64.h"
#include "certificates.h"
#include "crypto/hash.h"
#include "loopback.h"
#include "net/fd_stream.h"
#include "net/tls_context.h"
#include "segments.h"

namespace openunison::net::testing {
namespace {

using ::testing::HasSubstr;
using ServerContext = std::shared_ptr<const TlsServerContext>;
using ClientContext = std::shared_ptr<const TlsClientContext>;

struct Handshaken {
  Result<std::unique_ptr<Stream>> client, server;
};

Task<void> accept_into(std::unique_ptr<Stream> tcp, ServerContext context,
                       Result<std::unique_ptr<Stream>>& server, Completion& done) {
  server = co_await tls_accept(std::move(tcp), std::move(context), in(kPatience));
  done.complete();
}

class Tls : public Loopback {
 protected:
  static ServerContext serving(std::vector<CertificatePair> pairs,
                               std::vector<std::string> alpn = {"http/1.1"}) {
    auto context = TlsServerContext::create(std::move(pairs), std::move(alpn));
    EXPECT_TRUE(context) << context.error().message();
    return context ? *context : nullptr;
  }
  static ClientContext trusting(const std::vector<std::string>& roots,
                                std::vector<std::string> alpn = {"http/1.1"}) {
    auto context = TlsClientContext::create(roots, false, std::move(alpn));
    EXPECT_TRUE(context) << context.error().message();
    return context ? *context : nullptr;
  }
  // `near`: gets the socket below the client's side, to ask the kernel about it.
  Handshaken handshake(ServerContext server, ClientContext client, std::string name,
                       std::shared_ptr<Socket>* near = nullptr) {
    Pair pair = connect();
    if (near != nullptr) {
      auto& plain = dynamic_cast<FdStream&>(*pair.near);
      *near = plain.release();
      pair.near = std::make_unique<FdStream>(*near, plain.peer());
    }
    return run(both(std::move(pair), std::move(server), std::move(client), std::move(name)));
  }

  const CertificatePair one_ = make_certificate("DNS:one.example,IP:127.0.0.1");
  const CertificatePair two_ = make_certificate("DNS:two.example,DNS:*.wild.example");

 private:
  Task<Handshaken> both(Pair pair, ServerContext server, ClientContext client, std::string name) {
    Handshaken result{fail(Errc::io, "not yet"), fail(Errc::io, "not yet")};
    Completion done;
    runtime_.spawn(0, accept_into(std::move(pair.far), std::move(server), result.server, done));
    result.client = co_await tls_connect(std::move(pair.near), std::move(client), std::move(name),
                                         in(kPatience));
    // A client that refused hangs up, which ends the server's side too.
    if (!result.client) result.client = std::unexpected(result.client.error());
    const bool ended = co_await done.wait(in(kPatience));
    EXPECT_TRUE(ended);
    co_return result;
  }
};

TEST_F(Tls, BothEndsSayWhatWasAgreed) {
  const Handshaken both =
      handshake(serving({one_}, {"h2", "http/1.1"}), trusting({one_.chain_pem}), "one.example");
  ASSERT_TRUE(both.client) << both.client.error().message();
  ASSERT_TRUE(both.server) << both.server.error().message();
  for (const auto* end : {&both.client, &both.server}) {
    EXPECT_TRUE((**end)->tls().active);
    EXPECT_EQ((**end)->tls().protocol, "TLSv1.3");
    EXPECT_EQ((**end)->tls().alpn, "http/1.1");
  }
  EXPECT_EQ((*both.server)->tls().server_name, "one.example");
  EXPECT_EQ((*both.server)->peer().ip, "127.0.0.1");
}

TEST_F(Tls, TheServersOrderDecidesTheProtocol) {
  const Handshaken both = handshake(serving({one_}, {"h2", "http/1.1"}),
                                    trusting({one_.chain_pem}, {"http/1.1", "h2"}), "one.example");
  ASSERT_TRUE(both.client);
  EXPECT_EQ((*both.client)->tls().alpn, "h2");
}

// --- what a client refuses ---

TEST_F(Tls, AnotherHostsCertificateIsUntrusted) {
  for (const char* name : {"two.example", "127.0.0.2", "one.example.evil.example", "example"}) {
    const Handshaken both = handshake(serving({one_}), trusting({one_.chain_pem}), name);
    ASSERT_FALSE(both.client) << name;
    EXPECT_TRUE(both.client.error().is(Errc::untrusted)) << both.client.error().message();
  }
  EXPECT_TRUE(handshake(serving({one_}), trusting({one_.chain_pem}), "127.0.0.1").client);
}

TEST_F(Tls, AnUnknownAuthorityIsUntrusted) {
  const Handshaken both = handshake(serving({one_}), trusting({two_.chain_pem}), "one.example");
  ASSERT_FALSE(both.client);
  EXPECT_TRUE(both.client.error().is(Errc::untrusted));
  EXPECT_THAT(both.client.error().message(), HasSubstr("self"));
  EXPECT_FALSE(both.server);
}

// So that a person can compare it with what the owner of the server says.
TEST_F(Tls, TheFingerprintOfWhatIsntTrustedIsTold) {
  const std::string_view pem = one_.chain_pem;
  constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
  const std::size_t begin = pem.find(kBegin) + kBegin.size();
  const auto der =
      base64_decode_loosely(pem.substr(begin, pem.find("-----END CERTIFICATE-----") - begin));
  ASSERT_TRUE(der);
  std::string expected;
  for (const std::uint8_t byte : crypto::sha256(*der))
    expected += fmt::format("{}{:02X}", expected.empty() ? "" : ":", byte);
  for (const auto& [trusted, name] :
       {std::pair(two_, "one.example"), std::pair(one_, "two.example")}) {
    const Handshaken both = handshake(serving({one_}), trusting({trusted.chain_pem}), name);
    ASSERT_FALSE(both.client);
    EXPECT_THAT(both.client.error().message(), HasSubstr(expected));
  }
}

TEST_F(Tls, ACertificateIsAlwaysHeldAgainstAName) {
  using namespace std::string_literals;
  for (const auto& name : {""s, "one.example\0.evil.example"s})
    EXPECT_FALSE(handshake(serving({one_}), trusting({one_.chain_pem}), name).client);
}

TEST_F(Tls, WildcardsStandForOneLabel) {
  const auto server = serving({two_});
  const auto client = trusting({two_.chain_pem});
  EXPECT_TRUE(handshake(server, client, "a.wild.example").client);
  EXPECT_FALSE(handshake(server, client, "a.b.wild.example").client);
  EXPECT_FALSE(handshake(server, client, "wild.example").client);
}

// --- which certificate a server shows ---

TEST_F(Tls, TheServerNameChoosesTheCertificate) {
  const auto server = serving({one_, two_});
  // Each client trusts one of the two only.
  EXPECT_TRUE(handshake(server, trusting({one_.chain_pem}), "one.example").client);
  EXPECT_TRUE(handshake(server, trusting({two_.chain_pem}), "two.example").client);
  EXPECT_TRUE(handshake(server, trusting({two_.chain_pem}), "TWO.example").client);
  EXPECT_TRUE(handshake(server, trusting({two_.chain_pem}), "a.wild.example").client);
  EXPECT_FALSE(handshake(server, trusting({one_.chain_pem}), "two.example").client);
  EXPECT_TRUE(handshake(server, trusting({one_.chain_pem}), "127.0.0.1").client) << "the first";
}

TEST_F(Tls, AnExactNameGoesBeforeAnothersWildcard) {
  const auto wide = make_certificate("DNS:*.wild.example"),
             exact = make_certificate("DNS:a.wild.example");
  for (const auto& server : {serving({wide, exact}), serving({exact, wide})}) {
    EXPECT_TRUE(handshake(server, trusting({exact.chain_pem}), "a.wild.example").client);
    EXPECT_TRUE(handshake(server, trusting({exact.chain_pem}), "A.WILD.example").client);
    EXPECT_TRUE(handshake(server, trusting({wide.chain_pem}), "b.wild.example").client);
  }
}

// By the server name that was asked for and the host of the request.
TEST_F(Tls, MisdirectsTable) {
  const auto server = serving({one_, two_, make_certificate("DNS:three.example,DNS:two.example")});
  const std::tuple<const char*, const char*, bool> cases[] = {
      {"one.example", "one.example", false},
      {"one.example", "two.example", true},
      {"two.example", "one.example", true},
      {"two.example", "x.wild.example", false},  // one certificate for both
      {"two.example", "TWO.example", false},
      {"two.example", "three.example", true},
      {"three.example", "two.example", false},
      {"", "one.example", false},  // no name: the first
      {"", "two.example", true},
      {"", "127.0.0.1", false},
      {"nobody.example", "one.example", false},
      {"nobody.example", "two.example", true},
      {"one.example", "nobody.example", false},  // no certificate would do
      {"one.example", "", false},
  };
  for (const auto& [server_name, host, misdirected] : cases)
    EXPECT_EQ(server->misdirects(server_name, host), misdirected) << server_name << " " << host;
  EXPECT_TRUE(server->has_several());
  EXPECT_FALSE(serving({one_})->has_several());
}

TEST_F(Tls, HasNameTable) {
  const auto server = serving({one_, two_});
  for (const char* name : {"one.example", "ONE.example", "two.example", "x.wild.example"})
    EXPECT_TRUE(server->has_name(name)) << name;
  for (const char* name :
       {"three.example", "wild.example", "x.y.wild.example", ".wild.example", ""})
    EXPECT_FALSE(server->has_name(name)) << name;
}

// --- files that can't be used ---

TEST_F(Tls, CertificatesThatCannotBeUsedAreNamed) {
  const std::string key(one_.key_pem.reveal());
  struct Case {
    std::string chain, key, why;
  };
  const Case cases[] = {
      {one_.chain_pem, std::string(two_.key_pem.reveal()), "doesn't belong"},
      {"", key, "no certificate"},
      {"not PEM", key, "no certificate"},
      {one_.chain_pem, "", "no unencrypted private key"},
      {one_.chain_pem, one_.chain_pem, "no unencrypted private key"},
  };
  for (const Case& each : cases) {
    const auto context = TlsServerContext::create({{each.chain, Secret(each.key), "the-file"}});
    ASSERT_FALSE(context) << each.why;
    EXPECT_TRUE(context.error().is(Errc::bad_certificate));
    EXPECT_THAT(context.error().message(), HasSubstr("the-file"));
    EXPECT_THAT(context.error().message(), HasSubstr(each.why));
  }
  EXPECT_FALSE(TlsServerContext::create({}));
  const auto client = TlsClientContext::create({"not PEM"}, false);
  ASSERT_FALSE(client);
  EXPECT_TRUE(client.error().is(Errc::bad_certificate));
}

// --- handshakes that go wrong ---

Task<Result<std::unique_ptr<Stream>>> greet_with(std::unique_ptr<Stream> near,
                                                 std::unique_ptr<Stream> far, ServerContext context,
                                                 std::string bytes, Deadline deadline) {
  auto written = co_await near->write(bytes, in(kPatience));
  EXPECT_TRUE(written);
  auto accepted = co_await tls_accept(std::move(far), std::move(context), deadline);
  co_return accepted;
}

TEST_F(Tls, WhatIsNoHandshakeIsRefused) {
  using namespace std::string_literals;
  // Plain HTTP; application data before any handshake.
  for (const auto& bytes : {"GET / HTTP/1.1\r\nhost: a\r\n\r\n"s, "\x17\x03\x03\x00\x05hello"s}) {
    Pair pair = connect();
    const auto accepted = run(greet_with(std::move(pair.near), std::move(pair.far), serving({one_}),
                                         bytes, in(kPatience)));
    ASSERT_FALSE(accepted);
    EXPECT_TRUE(accepted.error().is(Errc::tls_failed)) << accepted.error().message();
  }
}

// `text` behind its length, in so many bytes.
std::string counted(std::size_t bytes, const std::string& text) {
  std::string out;
  for (std::size_t shift = 8 * bytes; shift > 0; shift -= 8)
    out += static_cast<char>(text.size() >> (shift - 8) & 0xff);
  return out + text;
}

// A first message of TLS 1.2 that is sound but for its server_name extension (RFC 5246 §7.4.1.2).
std::string client_hello(const std::string& server_name) {
  using namespace std::string_literals;
  const auto extension = [](const std::string& type, const std::string& content) {
    return type + counted(2, content);
  };
  const std::string extensions = extension("\0\0"s, server_name) +
                                 extension("\0\x0a"s, counted(2, "\0\x1d\0\x17"s)) +
                                 extension("\0\x0d"s, counted(2, "\4\3\x08\4"s));
  const std::string hello = "\3\3"s + std::string(32, 'r') + counted(1, "") +
                            counted(2, "\xc0\x2b\xc0\x2f"s) + counted(1, "\0"s) +
                            counted(2, extensions);
  return "\x16\3\1"s + counted(2, "\1"s + counted(3, hello));
}

// The certificate is chosen before OpenSSL has looked at the name: whatever stands there.
TEST_F(Tls, NamesThatAreNoNamesAreRefused) {
  using namespace std::string_literals;
  const auto list = [](const std::string& name) { return counted(2, "\0"s + counted(2, name)); };
  const auto answer_to = [&](const std::string& server_name) {
    Pair pair = connect();
    const auto accepted =
        run(greet_with(std::move(pair.near), std::move(pair.far), serving({one_, two_}),
                       client_hello(server_name), in(Millis(300))));
    EXPECT_FALSE(accepted);
    return accepted ? std::error_code() : accepted.error().code();
  };
  for (const std::string& sound : {list("two.example"), list("nobody.example"), list("")})
    EXPECT_EQ(answer_to(sound), make_error_code(Errc::timed_out)) << "the client's turn";
  const std::string bad[] = {
      "",
      "\0"s,
      "\0\0"s,
      "\0\5\0\0"s,
      "\0\5\0\0\x20\x61\x62"s,        // the name is longer than all of it
      "\xff\xff\0\0\3\x61\x62\x63"s,  // the list is
      list("two.example") + "more",
      "\0\6\1\0\3\x61\x62\x63"s,  // another type
      list("two.example\0"s),
      list(std::string(256, 'a')),
  };
  for (const std::string& each : bad)
    EXPECT_EQ(answer_to(each), make_error_code(Errc::tls_failed)) << ::testing::PrintToString(each);
}

Task<Result<std::unique_ptr<Stream>>> say_nothing(std::unique_ptr<Stream> far,
                                                  ServerContext context) {
  co_return co_await tls_accept(std::move(far), std::move(context), in(Millis(10)));
}

TEST_F(Tls, AHandshakeHasADeadline) {
  Pair pair = connect();
  const auto accepted = run(say_nothing(std::move(pair.far), serving({one_})));
  ASSERT_FALSE(accepted);
  EXPECT_TRUE(accepted.error().is(Errc::timed_out));
}

// --- a client of OpenSSL's own, which offers what ours wouldn't ---

struct ForeignClient {
  int max_version = 0;
  const char* ciphers = nullptr;
  SSL_SESSION* session = nullptr;    // to resume
  const char* name = "one.example";  // null: none
  // What became of it:
  bool connected = false, resumed = false;
  SSL_SESSION* ticket = nullptr;

  ~ForeignClient() { SSL_SESSION_free(ticket); }

  void run(std::uint16_t port) {
    SSL_CTX* context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
    if (max_version != 0) SSL_CTX_set_max_proto_version(context, max_version);
    if (ciphers != nullptr) SSL_CTX_set_cipher_list(context, ciphers);
    BIO* bio = BIO_new_ssl_connect(context);
    SSL* ssl = nullptr;
    BIO_get_ssl(bio, &ssl);
    if (name != nullptr) SSL_set_tlsext_host_name(ssl, name);
    if (session != nullptr) SSL_set_session(ssl, session);
    BIO_set_conn_hostname(bio, ("127.0.0.1:" + std::to_string(port)).c_str());
    connected = BIO_do_handshake(bio) == 1;
    resumed = connected && SSL_session_reused(ssl) == 1;
    char buffer[16];
    while (connected && BIO_read(bio, buffer, sizeof buffer) > 0) {
    }  // the tickets of 1.3 come with the data
    if (connected) ticket = SSL_get1_session(ssl);
    BIO_free_all(bio);
    SSL_CTX_free(context);
  }
};

class TlsForeign : public Tls {
 protected:
  struct Seen {
    bool accepted = false;
    TlsInfo tls;
  };
  // Accepts one, greets it and hangs up.
  Seen serve(ServerContext context, ForeignClient& client) {
    Seen seen;
    Completion done;
    auto listener =
        Listener::open(runtime_, "127.0.0.1:0", [&](std::unique_ptr<Stream> stream) -> Task<void> {
          return greet(std::move(stream), context, seen, done);
        });
    EXPECT_TRUE(listener);
    std::thread thread([&, port = (*listener)->port()] { client.run(port); });
    EXPECT_TRUE(run(done.wait(in(kPatience))));
    thread.join();
    return seen;
  }

 private:
  static Task<void> greet(std::unique_ptr<Stream> tcp, ServerContext context, Seen& seen,
                          Completion& done) {
    auto stream = co_await tls_accept(std::move(tcp), std::move(context), in(kPatience));
    seen.accepted = stream.has_value();
    if (stream) {
      seen.tls = (*stream)->tls();
      auto written = co_await (*stream)->write("hello", in(kPatience));
      EXPECT_TRUE(written);
      co_await (*stream)->shutdown_write(in(kPatience));
    }
    done.complete();
  }
};

TEST_F(TlsForeign, VersionsBefore12AreRefused) {
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
    ForeignClient client;
    client.max_version = version;
    EXPECT_FALSE(serve(serving({one_}), client).accepted);
    EXPECT_FALSE(client.connected);
  }
  ForeignClient client;
  client.max_version = TLS1_2_VERSION;
  const Seen seen = serve(serving({one_}), client);
  EXPECT_TRUE(seen.accepted);
  EXPECT_EQ(seen.tls.protocol, "TLSv1.2");
}

TEST_F(TlsForeign, SuitesWithoutForwardSecrecyOrAeadAreRefused) {
  for (const char* suite : {"ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "AES128-SHA"}) {
    ForeignClient client;
    client.max_version = TLS1_2_VERSION;
    client.ciphers = suite;
    EXPECT_FALSE(serve(serving({one_}), client).accepted) << suite;
  }
  ForeignClient client;
  client.max_version = TLS1_2_VERSION;
  client.ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256";
  EXPECT_TRUE(serve(serving({one_}), client).accepted);
}

class TlsResumption : public TlsForeign, public ::testing::WithParamInterface<int> {};
INSTANTIATE_TEST_SUITE_P(Versions, TlsResumption,
                         ::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION));

TEST_P(TlsResumption, ATicketSpares) {
  const auto context = serving({one_});
  ForeignClient first;
  first.max_version = GetParam();
  EXPECT_FALSE(serve(context, first).tls.resumed);
  ASSERT_NE(first.ticket, nullptr);
  ForeignClient second;
  second.max_version = GetParam();
  second.session = first.ticket;
  EXPECT_TRUE(serve(context, second).tls.resumed);
  EXPECT_TRUE(second.resumed);
}

TEST_P(TlsResumption, NotAcrossCertificatesThatWereReplaced) {
  ForeignClient first;
  first.max_version = GetParam();
  serve(serving({one_}), first);
  ForeignClient second;
  second.max_version = GetParam();
  second.session = first.ticket;
  const Seen seen = serve(serving({make_certificate("DNS:one.example")}), second);
  EXPECT_TRUE(seen.accepted);
  EXPECT_FALSE(seen.tls.resumed);
}

// RFC 6066 §3: what began by one name isn't resumed by another one's, whose certificate the client
// never saw. It gets a full handshake, and that name's certificate.
TEST_P(TlsResumption, NotByTheNameOfAnotherCertificate) {
  const auto context = serving({one_, two_});
  const std::tuple<const char*, const char*, bool> cases[] = {
      {"one.example", "one.example", true},
      {"two.example", "two.example", true},
      {"one.example", "two.example", false},
      {"two.example", "one.example", false},
      {nullptr, nullptr, true},
      {nullptr, "two.example", false},
      {"two.example", nullptr, false},
  };
  for (const auto& [first_name, second_name, resumed] : cases) {
    const std::string label = std::string(first_name != nullptr ? first_name : "-") + " " +
                              (second_name != nullptr ? second_name : "-");
    ForeignClient first;
    first.max_version = GetParam();
    first.name = first_name;
    EXPECT_TRUE(serve(context, first).accepted) << label;
    ForeignClient second;
    second.max_version = GetParam();
    second.name = second_name;
    second.session = first.ticket;
    const Seen seen = serve(context, second);
    EXPECT_TRUE(seen.accepted) << label;
    EXPECT_EQ(seen.tls.resumed, resumed) << label;
    EXPECT_EQ(seen.tls.server_name, second_name != nullptr ? second_name : "") << label;
  }
}

// New contexts have new keys: what is sealed with the former ones isn't opened, and nobody is kept
// out by it.
TEST_P(TlsResumption, NotWithFormerTicketKeysButWithTheNewOnes) {
  ForeignClient first;
  first.max_version = GetParam();
  serve(serving({one_}), first);
  const auto renewed = serving({one_});  // the very same certificate
  ForeignClient second;
  second.max_version = GetParam();
  second.session = first.ticket;
  const Seen seen = serve(renewed, second);
  EXPECT_TRUE(seen.accepted);
  EXPECT_FALSE(seen.tls.resumed);
  ASSERT_NE(second.ticket, nullptr);
  ForeignClient third;
  third.max_version = GetParam();
  third.session = second.ticket;
  EXPECT_TRUE(serve(renewed, third).tls.resumed);
}

// Whoever comes back again and again needs a ticket from each time: those of 1.3 are used once.
TEST_P(TlsResumption, AResumedSessionCanBeResumedAgain) {
  const auto context = serving({one_});
  ForeignClient clients[4];
  for (int i = 0; i < 4; ++i) {
    clients[i].max_version = GetParam();
    if (i > 0) clients[i].session = clients[i - 1].ticket;
    EXPECT_EQ(serve(context, clients[i]).tls.resumed, i > 0);
    ASSERT_NE(clients[i].ticket, nullptr);
  }
}

// --- the end ---

TEST_F(Tls, AnEndWithoutCloseNotifyIsNoEnd) {
  for (const bool properly : {true, false}) {
    Handshaken both = handshake(serving({one_}), trusting({one_.chain_pem}), "one.example");
    ASSERT_TRUE(both.client && both.server);
    ASSERT_TRUE(run((*both.server)->write("part", in(kPatience))));
    if (properly) run((*both.server)->shutdown_write(in(kPatience)));
    (*both.server)->close();
    both.server->reset();
    char buffer[16];
    const auto part = run((*both.client)->read_some(buffer, in(kPatience)));
    ASSERT_TRUE(part);
    EXPECT_EQ(*part, 4u);
    const auto end = run((*both.client)->read_some(buffer, in(kPatience)));
    if (properly) {
      ASSERT_TRUE(end);
      EXPECT_EQ(*end, 0u);
    } else {
      ASSERT_FALSE(end);
      EXPECT_TRUE(end.error().is(Errc::closed)) << end.error().message();
    }
  }
}

TEST(TlsServerContext, SaysWhichFileIsWrongAndWhichPairAnswers) {
  CertificatePair one = make_certificate("DNS:one.example", "one.crt");
  CertificatePair two = make_certificate("DNS:*.two.example", "two.crt");
  one.key_origin = "one.key";
  two.key_origin = "two.key";
  const auto both = TlsServerContext::create({one, two});
  ASSERT_TRUE(both);
  EXPECT_EQ((*both)->pair_of("one.example"), 0u);
  EXPECT_EQ((*both)->pair_of("www.two.example"), 1u);
  EXPECT_EQ((*both)->pair_of("three.example"), std::nullopt);

  CertificatePair mixed = one;
  mixed.key_pem = Secret(std::string(two.key_pem.reveal()));
  const auto foreign = TlsServerContext::create({mixed});
  ASSERT_FALSE(foreign);
  EXPECT_THAT(foreign.error().message(),
              HasSubstr("one.key: the private key doesn't belong to the certificate in one.crt"));
  mixed.key_pem = Secret(one.chain_pem);
  const auto no_key = TlsServerContext::create({mixed});
  ASSERT_FALSE(no_key);
  EXPECT_THAT(no_key.error().message(), HasSubstr("one.key: there is no unencrypted private key"));
}

TEST(TlsClientContext, SaysWhyItWouldNotTakeACertificate) {
  const CertificatePair one = make_certificate("DNS:one.example");
  const CertificatePair two = make_certificate("DNS:two.example");
  const auto client = TlsClientContext::create({one.chain_pem}, false);
  ASSERT_TRUE(client);
  EXPECT_EQ((*client)->distrust(one.chain_pem), "");
  EXPECT_EQ((*client)->distrust(two.chain_pem), "self-signed certificate");
  EXPECT_EQ((*client)->distrust(two.chain_pem + one.chain_pem), "self-signed certificate");
  EXPECT_EQ((*client)->distrust("nothing"), "there is no certificate in PEM form");
}

Task<void> write_much(Stream& stream, std::string data) {
  auto written = co_await stream.write(data, in(kPatience));
  EXPECT_TRUE(written);
  co_await stream.shutdown_write(in(kPatience));
}
Task<std::string> transfer(Runtime& runtime, Stream& from, Stream& to, std::string data) {
  runtime.spawn(0, write_much(from, std::move(data)));
  std::string all = co_await read_all(to);
  co_return all;
}

TEST_F(Tls, ManyRecordsArriveInOrder) {
  const Handshaken both = handshake(serving({one_}), trusting({one_.chain_pem}), "one.example");
  ASSERT_TRUE(both.client && both.server);
  std::string data(4u << 20, ' ');
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 13 + i / 257);
  EXPECT_TRUE(run(transfer(runtime_, **both.client, **both.server, data)) == data);
}

constexpr std::size_t kTwoRecords = 20 * 1024;  // of 16 KiB at most; a segment of loopback has room

// What a write costs, with all of it read at the other end.
Task<std::uint32_t> segments_of_write(Socket& below, Stream& from, Stream& to,
                                      std::string_view head, std::string body) {
  const std::uint32_t before = segments_sent(below.fd());
  auto written = co_await from.write(head, body, in(kPatience));
  EXPECT_TRUE(written);
  std::vector<char> buffer(head.size() + body.size());
  for (std::size_t read = 0; read < buffer.size();) {
    auto got = co_await to.read_some(std::span(buffer).subspan(read), in(kPatience));
    EXPECT_TRUE(got && *got > 0);
    if (!got || *got == 0) break;
    read += *got;
  }
  co_return segments_sent(below.fd()) - before;
}

// Each record used to go out by itself, and its way through the kernel cost more than its
// encryption.
TEST_F(Tls, RecordsOfOneWriteGoOutTogether) {
  std::shared_ptr<Socket> socket;
  const Handshaken both =
      handshake(serving({one_}), trusting({one_.chain_pem}), "one.example", &socket);
  ASSERT_TRUE(both.client && both.server);
  const std::string data(kTwoRecords, 'a');
  EXPECT_EQ(run(segments_of_write(*socket, **both.client, **both.server, data, "")), 1u);
  // The head of an answer, and a body that is longer than the rest of its record.
  EXPECT_EQ(run(segments_of_write(*socket, **both.client, **both.server, "head", data)), 1u);
}

}  // namespace
}  // namespace openunison::net::testing
