// SPDX-License-Identifier: Apache-2.0
//
// Kubeconfigs as kubectl reads and changes them (client-go's tools/clientcmd, measured against
// v0.37): which files, how they merge, and where a change goes; but safely: what isn't understood
// stays as it is, a crash leaves the old file or the new one, and who holds the lock is waited for.
//
// Blocking, from any thread; nothing here keeps state. Several processes at once are the usual
// case. Left out: kubectl's move of ~/.kube/.kubeconfig, and relative paths in what we write.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "kube/error.h"

namespace openunison::kube {

// ------------------------------------------------------------------------------------ which files

// What of the process's environment decides; given by the caller, so that tests can.
struct Environment {
  std::string kubeconfig;  // $KUBECONFIG; empty: not set
  std::string home;        // $HOME, on Windows %USERPROFILE%
  static Environment of_process();
};

struct Files {
  std::vector<std::string> paths;  // absolute, in order of precedence, no doubles; at least one
  bool only_one = false;           // by --kubeconfig

  // Where a new entry goes: the first that exists, else the last.
  const std::string& for_new_entries() const;
};

// `flag` (--kubeconfig) over the list in KUBECONFIG (':', on Windows ';') over ~/.kube/config.
// Error no_file: KUBECONFIG has only separators, or there is no home directory.
Result<Files> find_files(std::string_view flag, const Environment& environment);

// ---------------------------------------------------------------------------------------- entries

struct ClusterEntry {
  std::string name;
  std::string server;
  std::string certificate_authority_pem;  // empty: a public authority (or the file below)
  std::string tls_server_name;            // empty: the host of `server`

  // Only read. What is upserted has neither of the first two afterwards; it keeps its proxy.
  std::string certificate_authority_file;  // absolute
  bool insecure_skip_tls_verify = false;
  std::string proxy_url;
};

struct ExecUser {
  std::string name;
  std::string command;  // absolute, or a name for PATH
  std::vector<std::string> args;
  std::vector<std::pair<std::string, std::string>> env;
  std::string install_hint;
  std::string interactive_mode = "IfAvailable";
  std::string api_version = "client.authentication.k8s.io/v1";
};

// kubectl's built-in OpenID Connect client (auth-provider "oidc").
struct AuthProviderUser {
  std::string name;
  std::string issuer_url;
  std::string client_id;
  Secret refresh_token;
  Secret id_token;            // may be empty
  std::string issuer_ca_pem;  // empty: a public authority
};

struct ContextEntry {
  std::string name;
  std::string cluster;
  std::string user;
  std::string namespace_name;  // empty: none; and an upsert keeps the one that is there
};

// ---------------------------------------------------------------------------------------- reading

// Where an entry stands; line and column from 1.
struct Origin {
  std::string file;
  int line = 0;
  int column = 0;
};

template <class Entry>
struct Found {
  Entry entry;
  Origin origin;
};

struct UserEntry {
  std::string name;
  std::optional<ExecUser> exec;
  std::optional<AuthProviderUser> auth_provider;  // only of name "oidc"
  // Neither: certificate, token, password, another provider; or nothing.
};

// All files merged: the first to set a name wins the whole entry, the first to set current-context
// wins that. Paths are absolute.
struct Kubeconfig {
  std::string current_context;  // empty: none
  std::vector<Found<ClusterEntry>> clusters;
  std::vector<Found<UserEntry>> users;
  std::vector<Found<ContextEntry>> contexts;

  const ClusterEntry* cluster(std::string_view name) const;
  const UserEntry* user(std::string_view name) const;
  const ContextEntry* context(std::string_view name) const;
};

// Files that don't exist are as if empty. Errors: broken (file:line:column: what, and what to do),
// too_big, unreadable.
Result<Kubeconfig> read(const Files& files);

// An exec user that calls this plugin: args begin with "get-token" and have --host= and --cluster=.
struct PluginCall {
  std::string host;
  std::string cluster;
  std::string token_file;  // --token-file=; empty: a person's
};
std::optional<PluginCall> plugin_call(const ExecUser& user);

// --------------------------------------------------------------------------------------- changing

// What is to be different afterwards. Upserts keep what an entry has besides (proxy-url,
// extensions, a context's namespace, environment variables of other names, unknown fields), but no
// second way to sign in: a user entry that is upserted loses its tokens, certificates and password.
// Removals come first, then upserts, then current-context.
struct Change {
  std::vector<std::string> remove_clusters, remove_users, remove_contexts;
  std::vector<ClusterEntry> clusters;
  std::vector<ExecUser> exec_users;
  std::vector<AuthProviderUser> auth_provider_users;
  std::vector<ContextEntry> contexts;
  std::optional<std::string> current_context;  // empty text: cleared
  // Clears current-context only where it names one of remove_contexts.
  bool clear_current_if_removed = false;
};

struct WriteOptions {
  // How long to wait for a lock that another process holds.
  std::chrono::milliseconds patience{10'000};
  // From which age on a lock counts as left behind if nobody can be told to own it (kubectl's own
  // locks are empty, and held for milliseconds). One whose owner is known to be gone is taken at
  // once, one whose owner lives never.
  std::chrono::milliseconds stale_after{60'000};
  // Called once, with a sentence, if a lock has to be waited for; for one that is taken over; and
  // for a file whose mode lets others in no longer, since a refresh token is written into it.
  std::function<void(std::string_view)> say;
};

struct Written {
  std::vector<std::string> files;  // as in Files::paths; none: all was so already
};

// Under client-go's lock (FILE.lock) of every file that changes: reads again, changes, and puts
// each new file in the place of the old. Entries go back to the file that they came from, new ones
// to for_new_entries(), current-context there too (cleared: in the file that sets it), as client-go
// does. Where several files change, each is whole, and current-context is last (cleared: first).
// Errors, with nothing half-written: those of read(), and locked (who, and what to do), read_only,
// not_written (full disk, ...), bad_entry (a name or server that no file can hold).
Result<Written> apply(const Files& files, const Change& change, const WriteOptions& options = {});

// Whether new entries could be written, as far as that can be told without writing them: to be
// asked before a person does something for them. Leaves nothing behind. Error: read_only, as from
// apply().
Result<void> check_writable(const Files& files);

}  // namespace openunison::kube
