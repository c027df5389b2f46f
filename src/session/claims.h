// SPDX-License-Identifier: Apache-2.0
//
// Which claims of a person a client gets, and where (OpenID Connect Core §5.1, §5.4, §5.5). What
// was granted is one text, so that code, access token and store need no more: the scopes, and the
// single claims that were asked for with the parameter `claims`, each as "PLACE/NAME":
// "openid email id_token/groups userinfo/picture". No scope of ours has a '/'. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "identity/identity.h"
#include "text/json.h"

namespace openunison::session {

enum class Place { id_token, userinfo };

// Whether `granted` covers a claim at this place, by its scope or by name.
bool wants(std::string_view granted, Place place, std::string_view scope, std::string_view claim);
// The scopes alone: what a token response says.
std::string scopes_of(std::string_view granted);
// "id_token/NAME" for a claim about a person that we know; "" for any other, and for those that are
// there anyway.
std::string claim_grant(Place place, std::string_view claim);

// Appends the members about the person that `granted` covers. An ID token has the names, email and
// groups of its scopes, as clusters need them, and the other standard claims (address, phone, ...)
// only where they were asked for by name: it must stay small. What an upstream sent in another form
// than the standard's (§5.1) is left out.
void write_claims(text::JsonWriter& writer, const identity::Principal& principal,
                  std::string_view granted, Place place);

}  // namespace openunison::session
