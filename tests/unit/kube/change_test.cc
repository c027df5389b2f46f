// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>

#include <algorithm>

#include "kube_testing.h"
#include "text/yaml_document.h"

namespace openunison::kube {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using text::YamlNode;

YamlNode root_of(const std::string& file) {
  auto document = text::YamlDocument::parse(read_text(file));
  EXPECT_TRUE(document) << file;
  return document ? document->root() : YamlNode();
}

// Every entry and top-level value but those of the change.
YamlNode others(const YamlNode& root, const std::string& name) {
  YamlNode rest = root;
  rest.erase("current-context");
  for (const std::string_view list : {"clusters", "users", "contexts"}) {
    YamlNode* items = rest.find(list);
    if (!items) continue;
    std::erase_if(items->items, [&](const YamlNode& item) {
      const YamlNode* its = item.find("name");
      return its && (its->scalar == name || its->scalar == "ada@" + name);
    });
    if (items->items.empty()) rest.erase(list);  // null, [], or not there
  }
  return rest;
}

TEST(Apply, LeavesEveryOtherEntryAsItWas) {
  const TemporaryDirectory directory;
  int count = 0;
  for (const auto& entry : fs::directory_iterator(kData + "/good")) {
    const std::string file = directory.file(entry.path().filename());
    fs::copy_file(entry.path(), file);
    const YamlNode before = root_of(file);
    EXPECT_THAT(must_apply(only(file), sign_in()).files, ElementsAre(file));
    YamlNode wanted = others(before, "new");
    if (before.kind == YamlNode::Kind::null) {
      wanted = YamlNode::map();
      wanted.set("apiVersion", YamlNode::plain("v1"));
      wanted.set("kind", YamlNode::plain("Config"));
    }
    EXPECT_TRUE(others(root_of(file), "new").same_as(wanted)) << file << "\n" << read_text(file);
    const Kubeconfig config = must_read(only(file));
    ASSERT_TRUE(config.cluster("new") && config.user("ada@new") && config.context("new")) << file;
    EXPECT_EQ(config.cluster("new")->server, "https://new.example.com:6443");
    EXPECT_EQ(plugin_call(*config.user("ada@new")->exec)->cluster, "new");
    EXPECT_EQ(config.user("ada@new")->exec->install_hint, sign_in().exec_users[0].install_hint);
    EXPECT_EQ(config.context("new")->user, "ada@new");
    EXPECT_EQ(config.current_context, "new");

    // Once more: nothing to do.
    struct stat first{}, second{};
    ::stat(file.c_str(), &first);
    EXPECT_THAT(must_apply(only(file), sign_in()).files, IsEmpty()) << file;
    ::stat(file.c_str(), &second);
    EXPECT_EQ(first.st_ino, second.st_ino) << file;

    // And away again.
    Change purge;
    purge.remove_clusters = purge.remove_contexts = {"new"};
    purge.remove_users = {"ada@new"};
    purge.clear_current_if_removed = true;
    EXPECT_THAT(must_apply(only(file), purge).files, ElementsAre(file));
    EXPECT_TRUE(others(root_of(file), "new").same_as(wanted)) << file;
    EXPECT_EQ(must_read(only(file)).current_context, "");
    EXPECT_FALSE(must_read(only(file)).cluster("new"));
    EXPECT_THAT(must_apply(only(file), purge).files, IsEmpty()) << file;
    ++count;
  }
  EXPECT_GT(count, 20);
}

TEST(Apply, KeepsCommentsAndLayout) {
  const TemporaryDirectory directory;
  for (const std::string name : {"comments.yaml", "crlf_comments.yaml", "byte_order_mark.yaml"}) {
    const std::string file = directory.file(name);
    fs::copy_file(kData + "/good/" + name, file);
    const std::string before = read_text(file);
    Change change = sign_in();
    change.current_context.reset();
    must_apply(only(file), change);
    const std::string after = read_text(file);
    // Each line is still there, in its order.
    std::size_t at = 0;
    for (std::size_t line = 0; line < before.size();) {
      const std::size_t end = before.find('\n', line) + 1;
      const std::size_t found = after.find(before.substr(line, end - line), at);
      ASSERT_NE(found, std::string::npos) << before.substr(line, end - line);
      at = found;
      line = end;
    }
    if (name.starts_with("crlf")) {
      EXPECT_EQ(std::ranges::count(after, '\n'), std::ranges::count(after, '\r'));
    }
    Change purge;
    purge.remove_clusters = purge.remove_contexts = {"new"};
    purge.remove_users = {"ada@new"};
    must_apply(only(file), purge);
    EXPECT_EQ(read_text(file), before) << name;
  }
}

TEST(Apply, MakesAFileThatKubectlWouldMake) {
  const TemporaryDirectory directory;
  const std::string file = directory.file("home/.kube/config");
  const mode_t before = ::umask(0);
  must_apply(only(file), sign_in());
  ::umask(before);
  EXPECT_EQ(read_text(file), R"(apiVersion: v1
kind: Config
clusters:
- name: "new"
  cluster:
    server: "https://new.example.com:6443"
    certificate-authority-data: "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUIKLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo="
users:
- name: "ada@new"
  user:
    exec:
      apiVersion: "client.authentication.k8s.io/v1"
      command: "/usr/local/bin/kubectl-oulogin"
      args:
      - "get-token"
      - "--host=k8sou.example.com"
      - "--cluster=new"
      installHint: "Install kubectl-oulogin:\n  kubectl krew install oulogin\n"
      interactiveMode: "IfAvailable"
      provideClusterInfo: false
contexts:
- name: "new"
  context:
    cluster: "new"
    user: "ada@new"
current-context: "new"
)");
  EXPECT_EQ(fs::status(file).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  for (const std::string folder : {"home", "home/.kube"})
    EXPECT_EQ(fs::status(directory.file(folder)).permissions(), fs::perms::owner_all) << folder;
  std::vector<std::string> left;
  for (const auto& entry : fs::directory_iterator(directory.file("home/.kube")))
    left.push_back(entry.path().filename());
  EXPECT_THAT(left, ElementsAre("config"));
}

TEST(Apply, AnEntryGoesBackToItsFileAndANewOneToTheFirst) {
  const TemporaryDirectory directory;
  const std::string missing = directory.file("missing"), a = directory.file("a"),
                    b = directory.file("b");
  write_text(a, "users:\n- name: other\n");
  write_text(b, "clusters:\n- name: new\n  cluster: {server: https://old}\ncurrent-context: old\n");
  const Files files{{missing, a, b}, false};
  EXPECT_THAT(must_apply(files, sign_in()).files, ElementsAre(b, a));
  EXPECT_FALSE(fs::exists(missing));
  const Kubeconfig in_a = must_read(only(a)), in_b = must_read(only(b));
  EXPECT_EQ(in_b.cluster("new")->server, "https://new.example.com:6443");
  EXPECT_TRUE(in_b.users.empty() && in_b.contexts.empty());
  EXPECT_TRUE(in_a.clusters.empty());
  EXPECT_TRUE(in_a.user("ada@new") && in_a.user("other") && in_a.context("new"));
  // client-go sets it in the first file that exists, which comes before the one that set it.
  EXPECT_EQ(in_a.current_context, "new");
  EXPECT_EQ(in_b.current_context, "old");
  EXPECT_EQ(must_read(files).current_context, "new");

  // Cleared in the file that sets it.
  Change clear;
  clear.current_context = "";
  EXPECT_THAT(must_apply(files, clear).files, ElementsAre(a));
  EXPECT_EQ(must_read(files).current_context, "old");
  EXPECT_THAT(must_apply(files, clear).files, ElementsAre(b));
  EXPECT_EQ(must_read(files).current_context, "");
  EXPECT_THAT(must_apply(files, clear).files, IsEmpty());
}

TEST(Apply, WhereTheFileThatSetsItHasTheContextAlreadyNothingIsWritten) {
  const TemporaryDirectory directory;
  const std::string a = directory.file("a"), b = directory.file("b");
  write_text(a, "users: []\n");
  write_text(b, "current-context: new\n");
  Change change;
  change.current_context = "new";
  EXPECT_THAT(must_apply(Files{{a, b}, false}, change).files, IsEmpty());
}

TEST(Apply, WithNoFileOfAListTheLastIsMade) {
  const TemporaryDirectory directory;
  const Files files{{directory.file("a"), directory.file("b/c")}, false};
  EXPECT_THAT(must_apply(files, sign_in()).files, ElementsAre(directory.file("b/c")));
  EXPECT_FALSE(fs::exists(directory.file("a")));
}

TEST(Apply, RemovesFromTheFirstFileOnlyAsKubectlDoes) {
  const TemporaryDirectory directory;
  const std::string a = directory.file("a"), b = directory.file("b");
  write_text(a, "contexts:\n- name: x\n- name: y\n");
  write_text(b, "contexts:\n- name: x\n  context: {cluster: b}\n");
  Change change;
  change.remove_contexts = {"x", "not there"};
  EXPECT_THAT(must_apply(Files{{a, b}, false}, change).files, ElementsAre(a));
  EXPECT_EQ(must_read(Files{{a, b}, false}).context("x")->cluster, "b");
  EXPECT_TRUE(must_read(only(a)).context("y"));
}

TEST(Apply, ClearsTheCurrentContextOnlyIfItWasRemoved) {
  const TemporaryDirectory directory;
  const std::string file = directory.file("a");
  Change change;
  change.remove_contexts = {"x"};
  change.clear_current_if_removed = true;
  write_text(file, "contexts:\n- name: x\n- name: y\ncurrent-context: y\n");
  must_apply(only(file), change);
  EXPECT_EQ(must_read(only(file)).current_context, "y");
  write_text(file, "contexts:\n- name: x\n- name: y\ncurrent-context: x\n");
  must_apply(only(file), change);
  EXPECT_EQ(read_text(file), "contexts:\n- name: y\ncurrent-context: \"\"\n");
  // Without being asked, kubectl's way: it stays.
  write_text(file, "contexts:\n- name: x\ncurrent-context: x\n");
  change.clear_current_if_removed = false;
  must_apply(only(file), change);
  EXPECT_EQ(read_text(file), "contexts: []\ncurrent-context: x\n");
}

TEST(Upsert, KeepsWhatAPersonAddedAndNoOtherWayToSignIn) {
  const TemporaryDirectory directory;
  const std::string file = directory.file("a");
  fs::copy_file(kData + "/good/ours.yaml", file);
  Change change;
  change.clusters.push_back({"prod", "https://moved.example.com", "PEM", "sni"});
  ExecUser user;
  user.name = "ada@prod";
  user.command = "/opt/kubectl-oulogin";
  user.args = {"get-token", "--host=k8sou.example.com", "--cluster=prod"};
  user.env = {{"X", "true"}};
  change.exec_users.push_back(user);
  change.contexts.push_back({"prod", "prod", "ada@prod", ""});
  must_apply(only(file), change);
  const Kubeconfig config = must_read(only(file));
  EXPECT_EQ(config.cluster("prod")->proxy_url, "http://proxy.example.com:3128");
  EXPECT_EQ(config.cluster("prod")->certificate_authority_pem, "PEM");
  EXPECT_EQ(config.cluster("prod")->tls_server_name, "sni");
  EXPECT_EQ(config.context("prod")->namespace_name, "team-a");
  EXPECT_THAT(config.user("ada@prod")->exec->env,
              ElementsAre(testing::Pair("HTTPS_PROXY", "http://proxy.example.com:3128"),
                          testing::Pair("X", "true")));
  EXPECT_THAT(read_text(file), HasSubstr("    as: somebody\n"));
  EXPECT_THAT(read_text(file), HasSubstr("value: \"true\""));
  // A public authority again, and a namespace.
  change.clusters[0].certificate_authority_pem.clear();
  change.clusters[0].tls_server_name.clear();
  change.contexts[0].namespace_name = "team-b";
  must_apply(only(file), change);
  EXPECT_THAT(read_text(file), Not(HasSubstr("certificate-authority-data")));
  EXPECT_THAT(read_text(file), Not(HasSubstr("tls-server-name")));
  EXPECT_EQ(must_read(only(file)).context("prod")->namespace_name, "team-b");
}

TEST(Upsert, NothingStaysThatWouldSendATokenElsewhereOrAnotherCredential) {
  const TemporaryDirectory directory;
  const std::string file = directory.file("a");
  const std::string_view before = R"(clusters:
- name: new
  cluster: {server: "https://evil", insecure-skip-tls-verify: true, certificate-authority: evil.pem, tls-server-name: evil}
users:
- name: ada@new
  user: {token: t, tokenFile: f, username: u, password: p, client-certificate: c, client-certificate-data: Yw==,
    client-key: k, client-key-data: aw==, auth-provider: {name: oidc, config: {client-secret: s}}, exec: {command: aws, args: [eks, get-token], env: [{name: AWS_PROFILE, value: x}]}, as: kept}
)";
  write_text(file, before);
  must_apply(only(file), sign_in());
  const YamlNode root = root_of(file);
  const YamlNode& cluster = *root.find("clusters")->items[0].find("cluster");
  std::vector<std::string> fields;
  for (const auto& entry : cluster.entries) fields.push_back(entry.key.scalar);
  EXPECT_THAT(fields, ElementsAre("server", "certificate-authority-data"));
  fields.clear();
  for (const auto& entry : root.find("users")->items[0].find("user")->entries)
    fields.push_back(entry.key.scalar);
  EXPECT_THAT(fields, ElementsAre("as", "exec"));
  EXPECT_THAT(read_text(file), Not(HasSubstr("AWS")));

  write_text(file, before);
  Change change;
  AuthProviderUser user;
  user.name = "ada@new";
  user.issuer_url = "https://issuer";
  user.client_id = "kubernetes";
  user.refresh_token = Secret("r");
  change.auth_provider_users.push_back(user);
  must_apply(only(file), change);
  fields.clear();
  const YamlNode now = root_of(file);
  for (const auto& entry : now.find("users")->items[0].find("user")->entries)
    fields.push_back(entry.key.scalar);
  EXPECT_THAT(fields, ElementsAre("auth-provider", "as"));
  EXPECT_THAT(read_text(file), Not(HasSubstr("client-secret")));
  const Kubeconfig config = must_read(only(file));
  const AuthProviderUser& read_back = *config.user("ada@new")->auth_provider;
  EXPECT_EQ(read_back.refresh_token.reveal(), "r");
  EXPECT_EQ(read_back.issuer_url, "https://issuer");
  EXPECT_THAT(must_apply(only(file), change).files, IsEmpty());
}

TEST(Upsert, AnEntryOfMergeKeysAndDoublesIsWrittenOut) {
  const TemporaryDirectory directory;
  const std::string file = directory.file("a");
  write_text(file,
             "clusters:\n- name: base\n  cluster: &b {server: https://b, insecure-skip-tls-verify: "
             "true, proxy-url: p}\n- name: new\n  cluster: {<<: *b, server: x, server: y}\n");
  must_apply(only(file), sign_in());
  const Kubeconfig config = must_read(only(file));
  EXPECT_FALSE(config.cluster("new")->insecure_skip_tls_verify);
  EXPECT_EQ(config.cluster("new")->proxy_url, "p");
  EXPECT_EQ(config.cluster("new")->server, "https://new.example.com:6443");
  EXPECT_TRUE(config.cluster("base")->insecure_skip_tls_verify);
  EXPECT_THAT(read_text(file), Not(HasSubstr("<<")));
}

// What kubectl wrote in its own way has the meaning that it should.
TEST(Upsert, WhatMeansTheSameStaysAsItIsWritten) {
  const TemporaryDirectory directory;
  const std::string file = directory.file("a");
  const std::string_view by_kubectl = R"(apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUIKLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo=
    server: https://new.example.com:6443
  name: new
contexts:
- context:
    cluster: new
    user: ada@new
  name: new
current-context: new
kind: Config
users:
- name: ada@new
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      args:
      - get-token
      - --host=k8sou.example.com
      - --cluster=new
      command: /usr/local/bin/kubectl-oulogin
      env: null
      installHint: |
        Install kubectl-oulogin:
          kubectl krew install oulogin
      interactiveMode: IfAvailable
      provideClusterInfo: false
)";
  write_text(file, by_kubectl);
  EXPECT_THAT(must_apply(only(file), sign_in()).files, IsEmpty());
  // A name that isn't text to kubectl becomes text.
  for (const std::string odd : {"true", "1e3", "0x1f", "12:30:45", "null", "~", "1_000", "yes"}) {
    write_text(file, "contexts:\n- name: a\n  context: {cluster: " + odd + ", user: u}\n");
    Change change;
    change.contexts.push_back({"a", odd, "u", ""});
    EXPECT_THAT(must_apply(only(file), change).files, ElementsAre(file)) << odd;
    EXPECT_THAT(read_text(file), HasSubstr("{cluster: \"" + odd + "\", user: u}"));
  }
}

TEST(Upsert, RefusesWhatNoFileCanHold) {
  const TemporaryDirectory directory;
  const auto refused = [&](const Change& change) {
    const auto written = apply(only(directory.file("a")), change);
    EXPECT_FALSE(written);
    return written ? "" : written.error().is(Errc::bad_entry) ? written.error().message() : "other";
  };
  Change change = sign_in();
  change.clusters[0].name = "";
  EXPECT_EQ(refused(change), "the name of a cluster is empty");
  change = sign_in();
  change.clusters[0].server = std::string("a\0b", 3);
  EXPECT_EQ(refused(change), "the server of a cluster is no text");
  change = sign_in();
  change.exec_users[0].args.push_back("\xff");
  EXPECT_EQ(refused(change), "an argument is no text");
  change = sign_in();
  change.exec_users[0].install_hint = std::string(300'000, 'x');
  EXPECT_EQ(refused(change), "installHint is too long");
  change = sign_in();
  change.contexts[0].user = "";
  EXPECT_EQ(refused(change), "the user of a context is empty");
  EXPECT_FALSE(fs::exists(directory.file("a")));
}

}  // namespace
}  // namespace openunison::kube
