// SPDX-License-Identifier: Apache-2.0
#include "cli/entries.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "temporary_directory.h"

namespace openunison::cli {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class EntriesTest : public testing::Test {
 protected:
  EntriesTest() {
    access_.name = "prod";
    access_.server = "https://prod.example.com";
    access_.issuer = "https://k8sou.example.com/auth/idp/k8sIdp";
    access_.client_id = "kubernetes";
  }
  kube::Kubeconfig config(const std::string& text) {
    write_text(directory_.file("config"), text);
    return kube::read({{directory_.file("config")}, true}).value();
  }
  // What writing changes, applied to the same file and read back.
  kube::Kubeconfig after(const kube::Change& change) {
    const kube::Files files{{directory_.file("config")}, true};
    const auto written = kube::apply(files, change);
    EXPECT_TRUE(written) << written.error().message();
    return kube::read(files).value();
  }
  EntryNames add(kube::Change& change, const kube::Kubeconfig& before,
                 const std::string& browser = "auto", const std::string& context = "") {
    return add_entries(change, before, host_, access_, "alice",
                       {"/bin/kubectl-oulogin", context, browser});
  }

  TemporaryDirectory directory_;
  Host host_{"k8sou.example.com", 443};
  ClusterAccess access_;
};

constexpr const char* kEmpty = "apiVersion: v1\nkind: Config\n";

TEST_F(EntriesTest, AreNamedAfterTheClusterAndFoundAgain) {
  kube::Change change;
  const EntryNames names = add(change, config(kEmpty));
  EXPECT_EQ(names.cluster, "prod");
  EXPECT_EQ(names.user, "alice@prod");
  EXPECT_EQ(names.context, "prod");
  change.current_context = names.context;
  const std::vector<OwnContext> own = own_contexts(after(change), host_);
  ASSERT_EQ(own.size(), 1u);
  EXPECT_EQ(own[0].name, "prod");
  EXPECT_EQ(own[0].cluster, "prod");
  EXPECT_EQ(own[0].server, "https://prod.example.com");
  EXPECT_TRUE(own[0].current);
  EXPECT_THAT(own_contexts(after({}), Host{"other.example.com", 443}), IsEmpty());
}

TEST_F(EntriesTest, NeverTakeANameThatIsSomebodyElses) {
  struct Case {
    const char* what;
    std::string text;
    const char *cluster, *user, *context;
  };
  const std::string rest = kEmpty;
  const Case cases[] = {
      {"a cluster elsewhere",
       rest + "clusters: [{name: prod, cluster: {server: 'https://other'}}]\n",
       "prod@k8sou.example.com", "alice@prod", "prod"},
      {"the same cluster",
       rest + "clusters: [{name: prod, cluster: {server: "
              "'https://prod.example.com'}}]\n",
       "prod", "alice@prod", "prod"},
      {"a user with a token", rest + "users: [{name: alice@prod, user: {token: x}}]\n", "prod",
       "alice@prod@k8sou.example.com", "prod"},
      {"the pasted command's user",
       rest + "users: [{name: alice@prod, user: {auth-provider: {name: oidc, config: "
              "{idp-issuer-url: 'https://k8sou.example.com/auth/idp/k8sIdp', client-id: "
              "kubernetes}}}}]\n",
       "prod", "alice@prod", "prod"},
      {"another portal's user",
       rest + "users: [{name: alice@prod, user: {exec: {apiVersion: "
              "client.authentication.k8s.io/v1, command: kubectl-oulogin, args: [get-token, "
              "--host=other.example.com, --cluster=prod]}}}]\n",
       "prod", "alice@prod@k8sou.example.com", "prod"},
      {"a context of others",
       rest + "clusters: [{name: x, cluster: {server: 'https://x'}}]\n"
              "users: [{name: x, user: {token: x}}]\n"
              "contexts: [{name: prod, context: {cluster: x, user: x}}]\n",
       "prod", "alice@prod", "prod@k8sou.example.com"},
  };
  for (const Case& each : cases) {
    kube::Change change;
    const EntryNames names = add(change, config(each.text));
    EXPECT_EQ(names.cluster, each.cluster) << each.what;
    EXPECT_EQ(names.user, each.user) << each.what;
    EXPECT_EQ(names.context, each.context) << each.what;
  }
  kube::Change change;
  EXPECT_EQ(add(change, config(kEmpty), "auto", "mine").context, "mine");
}

TEST_F(EntriesTest, LeaveTheAuthorityOfAnEntryThatOthersUse) {
  const std::string begin =
      std::string(kEmpty) + "clusters: [{name: prod, cluster: {server: 'https://prod.example.com'";
  const std::string mine = "certificate-authority-data: TUlORQ==";  // "MINE"
  const std::string others =
      "contexts: [{name: admin, context: {cluster: prod, user: admin}}]\n"
      "users: [{name: admin, user: ";
  const auto user_at = [](const std::string& host) {
    return "{exec: {apiVersion: client.authentication.k8s.io/v1, command: kubectl-oulogin, args: "
           "[get-token, --host=" +
           host + ", --cluster=prod]}}}]\n";
  };
  access_.server_ca_pem = "MINE";
  const struct {
    const char* what;
    std::string tls;
    std::string rest;
    const char* cluster;
  } cases[] = {
      {"another authority", "certificate-authority-data: T1RIRVI=", others + "{token: x}}]\n",
       "prod@k8sou.example.com"},
      {"the same authority", mine, others + "{token: x}}]\n", "prod"},
      {"a public authority", "", others + "{token: x}}]\n", "prod@k8sou.example.com"},
      {"an authority in a file", "certificate-authority: /ca.crt", others + "{token: x}}]\n",
       "prod@k8sou.example.com"},
      {"another name", mine + ", tls-server-name: x", others + "{token: x}}]\n",
       "prod@k8sou.example.com"},
      {"no check", mine + ", insecure-skip-tls-verify: true", others + "{token: x}}]\n",
       "prod@k8sou.example.com"},
      {"another portal's", "", others + user_at("other.example.com"), "prod@k8sou.example.com"},
      {"the built-in client's, of an issuer that anybody can name", "",
       others + "{auth-provider: {name: oidc, config: {idp-issuer-url: "
                "'https://k8sou.example.com/auth/idp/k8sIdp', client-id: kubernetes}}}}]\n",
       "prod@k8sou.example.com"},
      {"a context without its user", "",
       "contexts: [{name: admin, context: {cluster: prod, user: nobody}}]\n",
       "prod@k8sou.example.com"},
      {"our own: its authority has changed", "", others + user_at("k8sou.example.com"), "prod"},
      {"nobody's", "", "", "prod"},
  };
  for (const auto& each : cases) {
    SCOPED_TRACE(each.what);
    const kube::Kubeconfig before =
        config(begin + (each.tls.empty() ? "" : ", ") + each.tls + "}}]\n" + each.rest);
    const kube::ClusterEntry former = *before.cluster("prod");
    kube::Change change;
    EXPECT_EQ(add(change, before).cluster, each.cluster);
    const kube::Kubeconfig now = after(change);
    EXPECT_EQ(now.cluster(each.cluster)->certificate_authority_pem, "MINE");
    EXPECT_EQ(now.context("prod")->cluster, each.cluster);
    if (std::string(each.cluster) == "prod") continue;
    EXPECT_EQ(now.cluster("prod")->certificate_authority_pem, former.certificate_authority_pem);
    EXPECT_EQ(now.cluster("prod")->certificate_authority_file, former.certificate_authority_file);
    EXPECT_EQ(now.cluster("prod")->tls_server_name, former.tls_server_name);
    EXPECT_EQ(now.cluster("prod")->insecure_skip_tls_verify, former.insecure_skip_tls_verify);
    EXPECT_EQ(now.context("admin")->cluster, "prod");
    // And the next time it finds its own.
    kube::Change again;
    EXPECT_EQ(add(again, now).cluster, each.cluster);
    EXPECT_EQ(add(again, now).context, "prod");
  }
}

// Also where somebody wrote it there by hand.
TEST_F(EntriesTest, KeepWhenABrowserMayBeOpened) {
  kube::Change first;
  add(first, config(kEmpty), "tty");
  const kube::Kubeconfig there = after(first);
  kube::Change again;
  add(again, there);
  EXPECT_THAT(again.exec_users.at(0).args, ElementsAre("get-token", "--host=k8sou.example.com",
                                                       "--cluster=prod", "--browser=tty"));
  kube::Change other;
  add(other, there, "never");
  EXPECT_THAT(other.exec_users.at(0).args, ElementsAre("get-token", "--host=k8sou.example.com",
                                                       "--cluster=prod", "--browser=never"));
}

TEST_F(EntriesTest, OfAProgramThatWasMovedOrAnotherBrowserAreMended) {
  kube::Change first;
  add(first, config(kEmpty), "tty");
  const kube::Kubeconfig there = after(first);
  const std::vector<OwnContext> own = own_contexts(there, host_);
  const std::string program = "/bin/kubectl-oulogin";
  EXPECT_THAT(stale_users(there, own, program, "auto"), IsEmpty());
  EXPECT_THAT(stale_users(there, own, program, ""), IsEmpty());
  EXPECT_THAT(stale_users(there, own, program, "tty"), IsEmpty());

  kube::Change moved;
  moved.exec_users = stale_users(there, own, "/opt/kubectl-oulogin", "auto");
  ASSERT_EQ(moved.exec_users.size(), 1u);
  const kube::Kubeconfig mended = after(moved);
  const kube::ExecUser user = *mended.user("alice@prod")->exec;
  EXPECT_EQ(user.command, "/opt/kubectl-oulogin");
  EXPECT_THAT(user.args, ElementsAre("get-token", "--host=k8sou.example.com", "--cluster=prod",
                                     "--browser=tty"));
  EXPECT_THAT(stale_users(mended, own, "/opt/kubectl-oulogin", "auto"), IsEmpty());

  kube::Change other;
  other.exec_users = stale_users(mended, own, "/opt/kubectl-oulogin", "never");
  EXPECT_THAT(
      after(other).user("alice@prod")->exec->args,
      ElementsAre("get-token", "--host=k8sou.example.com", "--cluster=prod", "--browser=never"));
}

TEST_F(EntriesTest, OfProgramsAndBareNamesAreNotMended) {
  kube::Change change;
  EntryOptions options{"/bin/kubectl-oulogin", "", "auto"};
  options.token_file = "/run/token";
  add_entries(change, config(kEmpty), host_, access_, "job", options);
  const kube::Kubeconfig programs = after(change);
  EXPECT_THAT(stale_users(programs, own_contexts(programs), "/opt/kubectl-oulogin", "tty"),
              IsEmpty());
  options = {"kubectl-oulogin", "", "auto"};
  kube::Change bare;
  add_entries(bare, config(kEmpty), host_, access_, "alice", options);
  const kube::Kubeconfig named = after(bare);
  EXPECT_THAT(stale_users(named, own_contexts(named), "/opt/kubectl-oulogin", "auto"), IsEmpty());
}

TEST_F(EntriesTest, AreTakenOutWithoutWhatOthersUse) {
  kube::Change change;
  add(change, config(std::string(kEmpty) +
                     "clusters: [{name: prod, cluster: {server: 'https://prod.example.com'}}]\n"
                     "users: [{name: other, user: {token: x}}]\n"
                     "contexts: [{name: other, context: {cluster: prod, user: other}}]\n"));
  const kube::Kubeconfig there = after(change);
  kube::Change removal;
  remove_entries(removal, there, host_);
  const kube::Kubeconfig rest = after(removal);
  EXPECT_NE(rest.cluster("prod"), nullptr) << "the other context needs it";
  EXPECT_NE(rest.context("other"), nullptr);
  EXPECT_EQ(rest.context("prod"), nullptr);
  EXPECT_EQ(rest.user("alice@prod"), nullptr);
}

TEST_F(EntriesTest, AProgramsEntryNamesItsTokensFileAndAsksNothing) {
  kube::Change change;
  EntryOptions options{"/bin/kubectl-oulogin", "", "auto"};
  options.token_file = "/run/token";
  options.certificate_authority = "/run/ca.crt";
  add_entries(change, config(kEmpty), host_, access_, "job:system:serviceaccount:ci:b", options);
  const kube::Kubeconfig written = after(change);
  const kube::UserEntry* user = written.user("job-system-serviceaccount-ci-b@prod");
  ASSERT_NE(user, nullptr);
  EXPECT_THAT(user->exec->args,
              ElementsAre("get-token", "--host=k8sou.example.com", "--cluster=prod",
                          "--token-file=/run/token", "--certificate-authority=/run/ca.crt"));
  EXPECT_EQ(user->exec->interactive_mode, "Never");
  ASSERT_EQ(own_contexts(written).size(), 1u);
  EXPECT_EQ(own_contexts(written)[0].token_file, "/run/token");
}

TEST_F(EntriesTest, APersonsAndAProgramsEntriesLiveSideBySide) {
  kube::Change change;
  add(change, config(kEmpty));
  const kube::Kubeconfig persons = after(change);
  kube::Change second;
  EntryOptions options{"/bin/kubectl-oulogin", "", "auto"};
  options.token_file = "/run/token";
  const EntryNames names = add_entries(second, persons, host_, access_, "alice", options);
  EXPECT_EQ(names.cluster, "prod") << "the same cluster";
  EXPECT_EQ(names.user, "alice@prod@k8sou.example.com");
  EXPECT_EQ(names.context, "prod@k8sou.example.com");
  const kube::Kubeconfig both = after(second);
  ASSERT_EQ(own_contexts(both).size(), 2u);
  EXPECT_EQ(own_contexts(both)[0].token_file, "");
  EXPECT_EQ(own_contexts(both)[1].token_file, "/run/token");
  kube::Change again;
  EXPECT_EQ(add(again, both).context, "prod") << "and each finds its own";
  EXPECT_EQ(add_entries(again, both, host_, access_, "alice", options).context,
            "prod@k8sou.example.com");
}

}  // namespace
}  // namespace openunison::cli
