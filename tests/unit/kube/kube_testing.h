// SPDX-License-Identifier: Apache-2.0
//
// What the tests of kubeconfigs share.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "kube/kubeconfig.h"
#include "temporary_directory.h"

namespace openunison::kube {

inline const std::string kData = OPENUNISON_TEST_DATA "/kube";

inline Files only(const std::string& path) {
  return Files{{path}, true};
}

// What `kubectl oulogin` writes.
inline Change sign_in(const std::string& name = "new") {
  Change change;
  ClusterEntry cluster;
  cluster.name = name;
  cluster.server = "https://" + name + ".example.com:6443";
  cluster.certificate_authority_pem =
      "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
  change.clusters.push_back(cluster);
  ExecUser user;
  user.name = "ada@" + name;
  user.command = "/usr/local/bin/kubectl-oulogin";
  user.args = {"get-token", "--host=k8sou.example.com", "--cluster=" + name};
  user.install_hint = "Install kubectl-oulogin:\n  kubectl krew install oulogin\n";
  change.exec_users.push_back(user);
  change.contexts.push_back({name, name, user.name, ""});
  change.current_context = name;
  return change;
}

inline Kubeconfig must_read(const Files& files) {
  auto config = read(files);
  if (!config) {
    ADD_FAILURE() << config.error().message();
    return {};
  }
  return *std::move(config);
}

inline Written must_apply(const Files& files, const Change& change,
                          const WriteOptions& options = {}) {
  auto written = apply(files, change, options);
  if (!written) {
    ADD_FAILURE() << written.error().message();
    return {};
  }
  return *std::move(written);
}

// In a process of its own; its exit status is what `run` returns.
inline pid_t start(const std::function<int()>& run) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(run());
  // -1 would be everybody, to who sends it a signal.
  if (child < 0) std::abort();
  return child;
}
inline int wait_for(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// The tests often run as root, whom no permission stops: as somebody else, in a process of its own.
inline int as_nobody(const std::function<int()>& run) {
  return wait_for(start([&] {
    if (::geteuid() == 0 &&
        (::setresgid(65534, 65534, 65534) != 0 || ::setresuid(65534, 65534, 65534) != 0))
      return 99;
    return run();
  }));
}

}  // namespace openunison::kube
