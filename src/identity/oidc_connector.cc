// SPDX-License-Identifier: Apache-2.0
//
// Signing in through an OpenID provider: authorization code with PKCE, state and nonce (OpenID
// Connect Core §3.1, RFC 7636, RFC 9207), re-reading by refresh grant or userinfo, sign-out both
// ways. Without an issuer in values there is no verified ID token: people are then known by
// userinfo alone.
#include "identity/oidc_connector.h"

#include "base/base64.h"
#include "base/metrics.h"
#include "crypto/hash.h"
#include "identity/names.h"
#include "identity/oidc_answers.h"
#include "identity/oidc_upstream.h"
#include "identity/places.h"
#include "identity/rescued_grants.h"

namespace openunison::identity {
namespace {

using text::Json;

constexpr Millis kBeginDeadline{15'000};
constexpr Millis kFinishDeadline{25'000};
constexpr Millis kLogoutTokenDeadline{10'000};
constexpr Millis kHealthAge{30'000};
// What may wait for the provider, by the metric's label.
constexpr const char* kSignIns = "sign-ins";
constexpr const char* kRereads = "re-reads";
constexpr const char* kLogoutTokens = "logout-tokens";
constexpr std::size_t kMaxCodeBytes = 4'096;
constexpr std::size_t kMaxHintBytes = 6'000;  // an id_token_hint goes into a URL
constexpr std::size_t kVerifierCharacters =
    43;  // 32 bytes of base64url: PKCE verifier and nonce alike

std::unexpected<Error> bad(std::string message) {
  return fail(Errc::bad_response, std::move(message));
}

// What begin() hands over for finish().
struct Attempt {
  std::string verifier, nonce;
  std::string text() const { return verifier + '.' + nonce; }
  static std::optional<Attempt> parse(std::string_view text) {
    if (text.size() != 2 * kVerifierCharacters + 1 || text[kVerifierCharacters] != '.')
      return std::nullopt;
    return Attempt{std::string(text.substr(0, kVerifierCharacters)),
                   std::string(text.substr(kVerifierCharacters + 1))};
  }
};

// As written. Google alone refuses offline_access and wants a parameter of its own instead.
std::string scopes_to_send(const config::IdentityProvider& settings) {
  if (!settings.is_google()) return settings.scopes;
  std::string out;
  for (std::size_t at = 0; at < settings.scopes.size();) {
    const std::size_t end = std::min(settings.scopes.find(' ', at), settings.scopes.size());
    const std::string_view scope = std::string_view(settings.scopes).substr(at, end - at);
    if (!scope.empty() && scope != "offline_access")
      out.append(out.empty() ? "" : " ").append(scope);
    at = end + 1;
  }
  return out;
}

std::string prompt_of(const RedirectConnector::BeginRequest& request,
                      const config::IdentityProvider& settings) {
  const bool ask = request.force || request.select_account;
  if (settings.is_google()) return ask ? "select_account consent" : "consent";
  // Others refuse what they don't know, and ask for an account wherever they ask for a password.
  if (settings.profile == config::ProviderProfile::entra && !request.force && ask)
    return "select_account";
  return ask ? "login" : "";
}

Error wait_asked(Millis wait) {
  return Error(Errc::throttled, "the identity provider asked us to wait; " +
                                    std::to_string(std::chrono::ceil<Seconds>(wait).count()) +
                                    " seconds are left");
}

bool is_lost_grant(const std::string& code) {
  return code == "invalid_grant" || code == "interaction_required" || code == "login_required" ||
         code == "consent_required";
}

class OidcConnector final : public Connector, public RedirectConnector {
 public:
  OidcConnector(OidcConnectorOptions options, Fetcher fetch)
      : Connector(options.settings),
        random_(options.random),
        clock_(options.clock),
        sign_ins_(options.most_waiting),
        rereads_(options.most_waiting),
        logout_tokens_(options.most_waiting),
        upstream_(std::move(options.settings), std::move(options.client_secret), std::move(fetch),
                  options.clock) {
    for (const char* what : {kSignIns, kRereads, kLogoutTokens}) crowded_total(what);
  }

  RedirectConnector* redirect() override { return this; }

  Task<Result<Begun>> begin(BeginRequest request) override;
  Task<Result<Identity>> finish(FinishRequest request) override;
  Task<Result<Identity>> reread(std::string subject, Grant grant, Call call) override;
  std::optional<std::string> logout_url(const Grant& grant, std::string_view return_to) override;
  Task<Result<LogoutNotice>> logout_token(std::string token) override;
  Task<Health> health(net::Deadline deadline) override;

 private:
  using Rules = IdTokenRules;

  Result<void> check_iss_parameter(const Metadata& about, const text::Form& parameters) const;
  Error exchange_refused(const http::Response& response) const;
  Error refresh_refused(const http::Response& response) const;
  Error userinfo_refused(const http::Response& response, bool access_token_is_fresh,
                         bool token_was_rotated) const;
  Grant grant_of(const TokenAnswer& answer) const;

  Task<Result<Identity>> reread_by_userinfo(std::string subject, Grant grant, Call call);
  // The verified claims of the answer's ID token; null if there is none.
  Task<Result<Json>> id_token_claims(Secret id_token, Secret access_token,
                                     std::optional<std::string> nonce, Rules rules, Call call);
  Task<Result<http::Response>> ask_userinfo(Secret access_token, Call call);
  Task<Result<Json>> userinfo_claims(http::Response response, std::string subject, Call call);
  // What the answer of the token endpoint says of the person.
  Task<Result<Identity>> describe(TokenAnswer answer, std::optional<std::string> nonce, Rules rules,
                                  bool is_reread, Call call);
  Result<Identity> identity_of(const Json& id_token, const Json& userinfo) const;

  // What a request is told that finds no place.
  Error crowded(const char* what, Errc code) const;
  metrics::Counter& crowded_total(const char* what) const;

  crypto::Random* random_;
  const Clock* clock_;
  // Apart: sign-ins of strangers must keep neither re-reads nor the provider's logout tokens away.
  // Forged logout tokens share the places of genuine ones, for as long as keys are being fetched.
  Places sign_ins_, rereads_, logout_tokens_;
  Upstream upstream_;
  RescuedGrants rescued_;
};

metrics::Counter& OidcConnector::crowded_total(const char* what) const {
  return metrics::counter(
      "openunison_identity_provider_crowded_total",
      "What was turned away because too much was waiting for the provider already.",
      {{"provider", name()}, {"waiting", what}});
}

Error OidcConnector::crowded(const char* what, Errc code) const {
  crowded_total(what).add();
  return Error(code, std::string("too many ") + what + " wait for the identity provider already");
}

// --- Sign-in ---

Task<Result<RedirectConnector::Begun>> OidcConnector::begin(BeginRequest request) {
  const auto place = sign_ins_.take();
  if (!place) co_return std::unexpected(crowded(kSignIns, Errc::unreachable));
  auto about = co_await upstream_.metadata(net::in(kBeginDeadline));
  if (!about) co_return std::unexpected(about.error());
  const Attempt attempt{random_->token(32), random_->token(32)};
  const std::string challenge = base64url_encode(crypto::view(crypto::sha256(attempt.verifier)));

  std::string url = (*about)->authorization_endpoint;
  const auto add = [&url](std::string_view name, std::string_view value) {
    url = text::add_query(std::move(url), name, value);
  };
  add("response_type", "code");
  add("client_id", settings().client_id);
  add("redirect_uri", request.redirect_uri);
  add("scope", scopes_to_send(settings()));
  add("state", request.state);
  add("nonce", attempt.nonce);
  add("code_challenge", challenge);
  add("code_challenge_method", "S256");
  const std::string prompt = prompt_of(request, settings());
  if (!prompt.empty()) add("prompt", prompt);
  if (!request.login_hint.empty()) add("login_hint", request.login_hint);
  if (!request.acr_values.empty()) add("acr_values", request.acr_values);
  if (settings().is_google()) {
    add("access_type", "offline");
    if (!settings().domain.empty())
      add("hd", settings().domain);  // a hint; the token's is what counts
  }
  co_return Begun{std::move(url), attempt.text()};
}

// RFC 9207 §2.4: against a provider that mixes its answer up with another's.
Result<void> OidcConnector::check_iss_parameter(const Metadata& about,
                                                const text::Form& parameters) const {
  const auto iss = parameters.get("iss");
  if (!iss) {
    if (about.iss_parameter_supported)
      return bad("the identity provider's answer doesn't say whose it is (iss)");
    return {};
  }
  if (about.issuer.empty() || *iss == expected_issuer(about, settings(), std::string(*iss)))
    return {};
  return bad("the answer is of another identity provider: " + printable(*iss, 200));
}

Task<Result<Identity>> OidcConnector::finish(FinishRequest request) {
  const Call call(net::in(kFinishDeadline), request.trace);
  const auto place = sign_ins_.take();
  if (!place) co_return std::unexpected(crowded(kSignIns, Errc::unreachable));
  const auto attempt = Attempt::parse(request.attempt);
  if (!attempt) co_return bad("this sign-in wasn't started here");
  if (const auto repeated = request.parameters.repeated()) {
    co_return bad("the identity provider's answer has " + printable(*repeated, 64) + " twice");
  }
  auto about = co_await upstream_.metadata(call.deadline);
  if (!about) co_return std::unexpected(about.error());
  auto iss = check_iss_parameter(**about, request.parameters);
  if (!iss) co_return std::unexpected(iss.error());
  if (auto error = callback_error(request.parameters)) co_return std::unexpected(std::move(*error));
  const std::string code(request.parameters.value("code"));
  if (code.empty() || code.size() > kMaxCodeBytes)
    co_return bad("the identity provider's answer has no usable code");

  text::Form form;
  form.add("grant_type", "authorization_code");
  form.add("code", code);
  form.add("redirect_uri", request.redirect_uri);
  form.add("code_verifier", attempt->verifier);
  auto response = co_await upstream_.token(std::move(form), call);
  if (!response) co_return std::unexpected(response.error());
  if (response->status != 200) co_return std::unexpected(exchange_refused(*response));
  auto answer = parse_token_answer(*response);
  if (!answer) co_return std::unexpected(answer.error());
  if (answer->id_token.empty() && (*about)->verifies_id_tokens()) {
    co_return bad("the identity provider sent no ID token; oidc.scopes must contain openid");
  }

  Grant grant = grant_of(*answer);
  auto identity = co_await describe(std::move(*answer), attempt->nonce, Rules(), false, call);
  if (!identity) co_return std::unexpected(identity.error());
  // With an access token alone the person's standing could be asked for an hour at most: that it is
  // over then says nothing of the person, so it isn't called rechecking.
  identity->recheckable = !grant.refresh_token.empty();
  identity->grant = std::move(grant);
  co_return identity;
}

Error OidcConnector::exchange_refused(const http::Response& response) const {
  if (response.status == 429) {
    return Error(Errc::unreachable,
                 "the identity provider has too much to do at the moment; try again in a minute");
  }
  const Refusal refusal = parse_refusal(response);
  if (response.status >= 500)
    return Error(Errc::unreachable, "the identity provider failed: " + refusal.text);
  if (refusal.code == "invalid_client" || refusal.code == "unauthorized_client") {
    return Error(Errc::bad_response,
                 "the identity provider doesn't accept our client id or secret: " + refusal.text);
  }
  return Error(Errc::bad_response,
               "the identity provider didn't accept the sign-in: " + refusal.text);
}

Grant OidcConnector::grant_of(const TokenAnswer& answer) const {
  Grant grant;
  grant.refresh_token = answer.refresh_token;
  grant.access_token = answer.access_token;
  if (!answer.access_token.empty() && answer.expires_in)
    grant.access_expires_at = clock_->now() + *answer.expires_in;
  // Without keys to verify it with, an ID token is no more than a rumour.
  const auto about = upstream_.known_metadata();
  if (about && about->verifies_id_tokens()) grant.id_token = answer.id_token;
  return grant;
}

// --- What the person is ---

Task<Result<Json>> OidcConnector::id_token_claims(Secret id_token, Secret access_token,
                                                  std::optional<std::string> nonce, Rules rules,
                                                  Call call) {
  const auto about = upstream_.known_metadata();
  if (id_token.empty() || !about || !about->verifies_id_tokens()) co_return Json();
  jose::Expectations expected;
  expected.nonce = std::move(nonce);
  auto verified =
      co_await upstream_.verify(std::string(id_token.reveal()), std::move(expected), call.deadline);
  if (!verified) co_return std::unexpected(verified.error());
  rules.client_id = settings().client_id;
  rules.access_token = access_token.reveal();
  rules.algorithm = verified->algorithm;
  auto checked = check_id_token(verified->jwt, rules);
  if (!checked) co_return std::unexpected(checked.error());
  co_return verified->jwt.claims();
}

Task<Result<http::Response>> OidcConnector::ask_userinfo(Secret access_token, Call call) {
  const auto about = upstream_.known_metadata();
  if (access_token.empty() || !about || !about->userinfo_endpoint)
    co_return bad("there is no userinfo to ask");
  auto response = co_await upstream_.userinfo(std::move(access_token), call);
  co_return response;
}

Task<Result<Json>> OidcConnector::userinfo_claims(http::Response response, std::string subject,
                                                  Call call) {
  const std::string type = std::string(response.headers.get("content-type").value_or(""));
  Json claims;
  if (response.status == 200 && type.starts_with("application/jwt")) {
    // Core §5.3.2: signed for us, with no time of its own.
    jose::Expectations expected;
    expected.require_expiry = false;
    auto verified =
        co_await upstream_.verify(std::move(response.body), std::move(expected), call.deadline);
    if (!verified) co_return std::unexpected(verified.error());
    claims = verified->jwt.claims();
  } else {
    auto json = json_object(response, "userinfo");
    if (!json) co_return std::unexpected(json.error());
    claims = std::move(*json);
  }
  const std::string* told = claims.find_string("sub");
  if (told == nullptr)
    co_return bad("the identity provider's userinfo doesn't say whose it is (sub)");
  // Core §5.3.4: else somebody else's attributes could be put in place of the person's.
  if (!subject.empty() && *told != subject)
    co_return bad("the identity provider's userinfo is somebody else's (sub)");
  co_return claims;
}

Result<Identity> OidcConnector::identity_of(const Json& id_token, const Json& userinfo) const {
  Json claims = merge_claims(id_token, userinfo, settings());
  if (groups_were_left_out(claims, settings())) {
    return fail(Errc::groups_overage,
                "the identity provider left your groups out of the token, since there are too "
                "many; let it send only "
                "the groups assigned to this application");
  }
  Identity identity = TRY(read_identity(std::move(claims), clock_->now()));
  identity.provider = name();
  return identity;
}

Task<Result<Identity>> OidcConnector::describe(TokenAnswer answer, std::optional<std::string> nonce,
                                               Rules rules, bool is_reread, Call call) {
  const std::string subject = rules.subject;
  auto id_token =
      co_await id_token_claims(answer.id_token, answer.access_token, std::move(nonce), rules, call);
  if (!id_token) co_return std::unexpected(id_token.error());
  const bool has_id_token = id_token->object() != nullptr;

  Json userinfo;
  const auto about = upstream_.known_metadata();
  const bool can_ask = about && about->userinfo_endpoint && !answer.access_token.empty();
  const bool only_there = !has_id_token || !settings().user_in_id_token;
  if (can_ask && (only_there || needs_userinfo(*id_token, settings()))) {
    auto response = co_await ask_userinfo(answer.access_token, call);
    if (!response) co_return std::unexpected(response.error());
    if (response->status != 200)
      co_return std::unexpected(userinfo_refused(*response, is_reread, is_reread));
    const std::string* whose = has_id_token ? id_token->find_string("sub") : &subject;
    auto told = co_await userinfo_claims(std::move(*response), *whose, call);
    if (!told) co_return std::unexpected(told.error());
    userinfo = std::move(*told);
  } else if (only_there) {
    co_return bad(
        "the identity provider sent nothing that says who you are: it has no userinfo for us");
  }
  if (is_reread && !has_id_token && about->verifies_id_tokens()) {
    const std::string missing = missing_without_id_token(userinfo, settings());
    if (!missing.empty()) {
      co_return bad("the refreshed answer has no ID token, and userinfo has no claim \"" + missing +
                    "\"");
    }
  }
  co_return identity_of(*id_token, userinfo);
}

// --- Asking again ---

Error OidcConnector::refresh_refused(const http::Response& response) const {
  if (response.status == 429) return wait_asked(upstream_.hold().value_or(Millis(0)));
  const Refusal refusal = parse_refusal(response);
  if (response.status >= 500)
    return Error(Errc::unreachable, "the identity provider failed: " + refusal.text);
  if (is_lost_grant(refusal.code))
    return Error(Errc::gone, "the identity provider ended the sign-in: " + refusal.text);
  if (refusal.code == "invalid_client" || refusal.code == "unauthorized_client") {
    return Error(Errc::bad_response,
                 "the identity provider doesn't accept our client id or secret: " + refusal.text);
  }
  return Error(Errc::bad_response,
               "the identity provider didn't refresh the sign-in: " + refusal.text);
}

Error OidcConnector::userinfo_refused(const http::Response& response, bool access_token_is_fresh,
                                      bool token_was_rotated) const {
  // `throttled` promises that nothing was spent: not so once a refresh token was.
  if (response.status == 429 && !token_was_rotated)
    return wait_asked(upstream_.hold().value_or(Millis(0)));
  if (response.status == 429 || response.status >= 500) {
    return Error(Errc::unreachable, "the identity provider's userinfo answered with status " +
                                        std::to_string(response.status));
  }
  if (response.status == 401 && access_token_is_fresh) {
    return Error(Errc::gone, "the identity provider no longer accepts this person's access token");
  }
  return Error(Errc::bad_response, "the identity provider's userinfo answered with status " +
                                       std::to_string(response.status));
}

Task<Result<Identity>> OidcConnector::reread_by_userinfo(std::string subject, Grant grant,
                                                         Call call) {
  const WallTime now = clock_->now();
  const bool expiry_known = grant.access_expires_at != WallTime{};
  if (grant.access_token.empty() || (expiry_known && now >= grant.access_expires_at)) {
    co_return fail(Errc::unreachable, "there is no token left to ask the identity provider with");
  }
  auto about = co_await upstream_.metadata(call.deadline);
  if (!about) co_return std::unexpected(about.error());
  auto response = co_await ask_userinfo(grant.access_token, call);
  if (!response) co_return std::unexpected(response.error());
  if (response->status == 401 && !expiry_known) {
    co_return fail(Errc::unreachable,
                   "the access token is no longer accepted; it may have expired");
  }
  if (response->status != 200)
    co_return std::unexpected(userinfo_refused(*response, expiry_known, false));
  auto userinfo = co_await userinfo_claims(std::move(*response), subject, call);
  if (!userinfo) co_return std::unexpected(userinfo.error());
  if ((*about)->verifies_id_tokens()) {
    const std::string missing = missing_without_id_token(*userinfo, settings());
    if (!missing.empty())
      co_return bad("the identity provider's userinfo has no claim \"" + missing + "\"");
  }
  auto identity = identity_of(Json(), *userinfo);
  if (!identity) co_return std::unexpected(identity.error());
  identity->recheckable = true;
  identity->grant = std::move(grant);
  co_return identity;
}

Task<Result<Identity>> OidcConnector::reread(std::string subject, Grant grant, Call call) {
  if (const auto wait = upstream_.hold()) co_return std::unexpected(wait_asked(*wait));
  const auto place = rereads_.take();
  if (!place) co_return std::unexpected(crowded(kRereads, Errc::throttled));
  if (grant.refresh_token.empty()) {
    auto identity = co_await reread_by_userinfo(std::move(subject), std::move(grant), call);
    co_return identity;
  }
  auto about = co_await upstream_.metadata(call.deadline);
  if (!about) co_return std::unexpected(about.error());
  const Secret held = grant.refresh_token;  // what the caller has stored
  rescued_.arrived(held);
  if (auto rescued = rescued_.find(held)) grant = std::move(*rescued);

  text::Form form;
  form.add("grant_type", "refresh_token");
  form.add("refresh_token", std::string(grant.refresh_token.reveal()));
  auto response = co_await upstream_.token(std::move(form), call);
  if (!response) co_return std::unexpected(response.error());
  if (response->status != 200) {
    Error refused = refresh_refused(*response);
    if (refused.is(Errc::gone)) rescued_.forget(held);
    co_return std::unexpected(std::move(refused));
  }
  auto answer = parse_token_answer(*response);
  if (!answer) co_return std::unexpected(answer.error());

  Grant next = grant_of(*answer);
  const bool rotated = !next.refresh_token.empty();
  if (!rotated) next.refresh_token = grant.refresh_token;
  if (next.id_token.empty()) next.id_token = grant.id_token;
  if (rotated) rescued_.keep(held, next);

  Rules rules;
  rules.subject = subject;
  auto identity = co_await describe(std::move(*answer), std::nullopt, rules, true, call);
  if (!identity) co_return std::unexpected(identity.error());
  identity->recheckable = true;
  identity->grant = std::move(next);
  co_return identity;
}

// --- Signing out ---

std::optional<std::string> OidcConnector::logout_url(const Grant& grant,
                                                     std::string_view return_to) {
  const auto about = upstream_.known_metadata();
  if (!about || about->end_session_endpoint.empty()) return std::nullopt;
  std::string url = about->end_session_endpoint;
  const std::string_view hint = grant.id_token.reveal();
  if (!hint.empty() && hint.size() <= kMaxHintBytes)
    url = text::add_query(std::move(url), "id_token_hint", hint);
  url = text::add_query(std::move(url), "client_id", settings().client_id);
  if (!return_to.empty())
    url = text::add_query(std::move(url), "post_logout_redirect_uri", return_to);
  return url;
}

Task<Result<RedirectConnector::LogoutNotice>> OidcConnector::logout_token(std::string token) {
  // What is no token at all needs no place.
  if (auto parsed = jose::UnverifiedJwt::parse(token); !parsed)
    co_return bad(parsed.error().message());
  const net::Deadline deadline = net::in(kLogoutTokenDeadline);
  const auto place = logout_tokens_.take();
  if (!place) co_return std::unexpected(crowded(kLogoutTokens, Errc::unreachable));
  auto about = co_await upstream_.metadata(deadline);
  if (!about) co_return std::unexpected(about.error());
  if (!(*about)->verifies_id_tokens())
    co_return bad("without oidc.issuer no logout token can be verified");
  jose::Expectations expected;
  expected.max_age_of_iat = kLogoutTokenAge;
  auto verified = co_await upstream_.verify(std::move(token), std::move(expected), deadline);
  if (!verified) {
    // One answer for all: it isn't a logout token that we follow.
    if (verified.error().is(Errc::unreachable)) co_return std::unexpected(verified.error());
    co_return bad(verified.error().message());
  }
  co_return read_logout_token(verified->jwt);
}

Task<Connector::Health> OidcConnector::health(net::Deadline deadline) {
  auto answered = co_await upstream_.probe(kHealthAge, deadline);
  Health health;
  health.reachable = answered.has_value();
  if (!answered) health.detail = answered.error().message();
  if (answered && settings().issuer.empty()) {
    health.detail =
        "there is no issuer in values: people are known by userinfo alone, ID tokens aren't looked "
        "at";
  }
  health.clock_ahead = upstream_.clock_ahead();
  co_return health;
}

}  // namespace

std::unique_ptr<Connector> oidc_connector_with(OidcConnectorOptions options, Fetcher fetch) {
  return std::make_unique<OidcConnector>(std::move(options), std::move(fetch));
}

std::unique_ptr<Connector> oidc_connector(OidcConnectorOptions options) {
  http::Client* client = options.client;
  return oidc_connector_with(std::move(options), [client](http::ClientRequest request) {
    return client->fetch(std::move(request));
  });
}

}  // namespace openunison::identity
