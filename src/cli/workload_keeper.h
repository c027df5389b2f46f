// SPDX-License-Identifier: Apache-2.0
//
// WorkloadKeeper: gets the credential of a cluster for a program that nobody signs in for, by the
// token in a file: the one that was kept for just that token, else an exchange of it (RFC 8693),
// one process at a time. Where nothing can be kept (no home directory, a read-only one) it
// exchanges each time, and says why if asked. Never asks a person. Synchronous, on the runtime's
// one thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cli/portal_client.h"
#include "cli/subject_token.h"
#include "cli/trace.h"
#include "cli/workload_state.h"
#include "net/runtime.h"

namespace openunison::cli {

// Where a call stands.
struct WorkloadCall {
  Host host;
  std::string cluster;
  std::string token_file;  // absolute
};

// What was kept for this very token and is fresh; nullopt: nothing is. No lock, no connection.
std::optional<Credential> kept_credential(const WorkloadState& kept, const SubjectToken& token,
                                          const BootTime& now);

class WorkloadKeeper {
 public:
  using Connect = std::function<Result<std::unique_ptr<PortalClient>>()>;
  // `state`: null where there is no place for it.
  WorkloadKeeper(net::Runtime& runtime, const State* state, const BootClock& clock, Connect connect,
                 Trace trace = {})
      : runtime_(runtime),
        state_(state),
        clock_(clock),
        connect_(std::move(connect)),
        trace_(std::move(trace)) {}

  // Errors: bad_token_file, token_refused, access_denied, no_cluster, not_a_portal, unreachable,
  // untrusted, bad_answer.
  Result<Credential> credential(const WorkloadCall& call);
  // Who the token is for the portal, and what it opens. Errors: as above.
  Result<WorkloadAccount> account(const Host& host, const SubjectToken& token);

  // Why the last credential wasn't kept; "" where it was.
  const std::string& not_kept() const { return not_kept_; }

 private:
  Result<PortalClient*> client();
  Result<Credential> exchange(const WorkloadCall& call, const SubjectToken& token,
                              const std::optional<KeptWorkload>& kept);
  Result<Credential> exchange_at(const std::string& issuer, const std::string& client_id,
                                 const SubjectToken& token);

  net::Runtime& runtime_;
  const State* state_;
  const BootClock& clock_;
  Connect connect_;
  Trace trace_;
  std::unique_ptr<PortalClient> client_;
  std::string not_kept_;
};

}  // namespace openunison::cli
