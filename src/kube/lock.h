// SPDX-License-Identifier: Apache-2.0
//
// Private to kube/: client-go's lock on a kubeconfig: FILE.lock, made with O_EXCL, removed by who
// made it. client-go's are empty, of mode 0, and never waited for; ours say whose they are.
//
// Whether a lock was left behind:
// - It names a process of this host and process space that has ended, or is another one of the
//   same number: it was, from that moment on.
// - It names one that lives, or one of another host: it wasn't, however old it is.
// - It says nothing that we understand (client-go's; ours of a process that was killed in between):
//   it was, once it is older than `stale_after` and we have seen it unchanged for a second. A
//   machine that slept makes locks look old whose owners go on the same moment we do.
// Taken over is such a lock under a guard on its folder, after a second look that it is still the
// same file: of several that find it, one removes it, and what another has made since is let be.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "kube/kubeconfig.h"
#include "kube/system.h"

namespace openunison::kube {

class Lock {
 public:
  // All locks or none: who must wait for one gives the others back meanwhile, so that nobody waits
  // in a circle. `files` are the kubeconfigs, in one spelling, sorted. Errors: locked, read_only,
  // not_written.
  static Result<Lock> take(const std::vector<std::string>& files, const WriteOptions& options);

  Lock(Lock&&) noexcept = default;
  Lock& operator=(Lock&&) = delete;
  ~Lock();

 private:
  Lock() : signals_(std::make_unique<system::SignalsHeld>()) {}
  // Before held_, so that signals come when the locks have gone.
  std::unique_ptr<system::SignalsHeld> signals_;
  std::vector<std::pair<std::string, system::Stamp>> held_;
};

}  // namespace openunison::kube
