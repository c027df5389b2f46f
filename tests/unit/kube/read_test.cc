// SPDX-License-Identifier: Apache-2.0
#include "kube_testing.h"

namespace openunison::kube {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

TEST(Read, TheFirstFileToSetANameWinsTheWholeEntry) {
  const TemporaryDirectory directory;
  const std::string a = directory.file("a"), b = directory.file("b");
  write_text(a,
             "clusters:\n- name: x\n  cluster: {server: https://a}\nusers:\n- name: u\n"
             "current-context: \"\"\n");
  write_text(b,
             "clusters:\n- name: x\n  cluster: {server: https://b, tls-server-name: b}\n- name: y\n"
             "  cluster: {server: https://y}\nusers:\n- name: u\n  user:\n    exec: {command: c}\n"
             "current-context: from-b\n");
  const Kubeconfig config = must_read(Files{{a, directory.file("missing"), b}, false});
  ASSERT_EQ(config.clusters.size(), 2);
  EXPECT_EQ(config.cluster("x")->server, "https://a");
  EXPECT_EQ(config.cluster("x")->tls_server_name, "");
  EXPECT_EQ(config.clusters[0].origin.file, a);
  EXPECT_EQ(config.clusters[0].origin.line, 2);
  EXPECT_EQ(config.clusters[0].origin.column, 3);
  EXPECT_EQ(config.cluster("y")->server, "https://y");
  EXPECT_EQ(config.clusters[1].origin.file, b);
  EXPECT_FALSE(config.user("u")->exec);
  EXPECT_EQ(config.current_context, "from-b");
  EXPECT_EQ(config.cluster("z"), nullptr);
  EXPECT_EQ(config.context("x"), nullptr);
}

TEST(Read, RelativePathsAreOfTheFolderOfTheirFile) {
  const Kubeconfig config = must_read(only(kData + "/good/unknown.yaml"));
  EXPECT_EQ(config.cluster("a")->certificate_authority_file, kData + "/good/ca.pem");
  EXPECT_EQ(config.cluster("a")->proxy_url, "socks5://127.0.0.1:1080");
  EXPECT_EQ(config.cluster("null below")->server, "");
  const Kubeconfig ours = must_read(only(kData + "/good/ours.yaml"));
  EXPECT_EQ(ours.user("ada@prod")->exec->command, kData + "/good/bin/kubectl-oulogin");
  EXPECT_EQ(ours.user("by name")->exec->command, "kubectl-oulogin");
  EXPECT_EQ(must_read(only(kData + "/good/minikube.yaml"))
                .cluster("minikube")
                ->certificate_authority_file,
            "/home/ada/.minikube/ca.crt");
}

TEST(Read, FindsItsOwnEntries) {
  const Kubeconfig config = must_read(only(kData + "/good/ours.yaml"));
  const ExecUser& user = *config.user("ada@prod")->exec;
  const auto call = plugin_call(user);
  ASSERT_TRUE(call);
  EXPECT_EQ(call->host, "k8sou.example.com");
  EXPECT_EQ(call->cluster, "prod");
  EXPECT_THAT(user.args, ElementsAre("get-token", "--host=k8sou.example.com", "--cluster=prod",
                                     "--browser=never"));
  EXPECT_THAT(user.env, ElementsAre(Pair("HTTPS_PROXY", "http://proxy.example.com:3128")));
  EXPECT_EQ(user.interactive_mode, "IfAvailable");
  EXPECT_EQ(user.api_version, "client.authentication.k8s.io/v1");
  EXPECT_EQ(plugin_call(*config.user("by name")->exec)->host, "h:8443");
  EXPECT_FALSE(plugin_call(*config.user("other program")->exec));
  const ContextEntry& context = *config.context("prod");
  EXPECT_EQ(context.cluster, "prod");
  EXPECT_EQ(context.user, "ada@prod");
  EXPECT_EQ(context.namespace_name, "team-a");
  EXPECT_EQ(config.current_context, "prod");
  for (const std::vector<std::string>& args :
       std::vector<std::vector<std::string>>{{},
                                             {"get-token"},
                                             {"get-token", "--host=h"},
                                             {"get-token", "--host=", "--cluster=c"},
                                             {"login", "--host=h", "--cluster=c"},
                                             {"--host=h", "get-token", "--cluster=c"}}) {
    ExecUser other;
    other.args = args;
    EXPECT_FALSE(plugin_call(other));
  }
}

TEST(Read, KubectlsOwnForm) {
  const Kubeconfig config = must_read(only(kData + "/good/kubectl.yaml"));
  const AuthProviderUser& user = *config.user("oidc")->auth_provider;
  EXPECT_EQ(user.issuer_url, "https://k8sou.example.com/auth/idp/k8sIdp");
  EXPECT_EQ(user.client_id, "kubernetes");
  EXPECT_EQ(user.refresh_token.reveal(), "12345");
  EXPECT_EQ(user.id_token.reveal(), "a.b.c");
  EXPECT_FALSE(config.user("oidc")->exec);
  EXPECT_FALSE(config.user("kubernetes-admin")->auth_provider);
  EXPECT_TRUE(config.cluster("local")->insecure_skip_tls_verify);
  EXPECT_FALSE(config.cluster("kubernetes")->insecure_skip_tls_verify);
  EXPECT_THAT(config.cluster("kubernetes")->certificate_authority_pem,
              testing::StartsWith("-----BEGIN CERTIFICATE-----\n"));
  // Another provider isn't ours.
  EXPECT_FALSE(must_read(only(kData + "/good/unknown.yaml")).user("azure")->auth_provider);
}

TEST(Read, MergeKeysAndDoublesAsKubectlHasThem) {
  const Kubeconfig config = must_read(only(kData + "/good/anchors.yaml"));
  EXPECT_EQ(config.cluster("b")->server, "https://b");
  EXPECT_EQ(config.cluster("b")->tls_server_name, "api.example.com");
  EXPECT_EQ(config.cluster("c")->server, "https://a");
  EXPECT_EQ(config.cluster("d")->tls_server_name, "api.example.com");
  const TemporaryDirectory directory;
  write_text(directory.file("a"), "clusters:\n- name: a\n  cluster: {server: x, server: y}\n");
  EXPECT_EQ(must_read(only(directory.file("a"))).cluster("a")->server, "y");
}

struct Broken {
  const char* file;
  const char* says;  // behind the file's name
};

TEST(Read, SaysWhereAFileIsBrokenAndWhatToDo) {
  const std::string advice = "; mend the file, or move it away and sign in again";
  const std::vector<Broken> table{
      {"unclosed_quote.yaml", ":5:1: a quotation mark is missing"},
      {"unclosed_brace.json", ":3:1: end of sequence flow not found"},
      {"bad_indentation.yaml", ":4:11: illegal map value"},
      {"tab_indentation.yaml", ":4:1: illegal tab when looking for indentation"},
      {"list.yaml", ":1:1: this is no kubeconfig"},
      {"text.yaml", ":1:1: this is no kubeconfig"},
      {"other_kind.yaml", ":2:7: this is a Secret, not a kubeconfig (kind: Config)"},
      {"other_version.yaml", ":1:13: kubeconfigs are of apiVersion v1, not v2"},
      {"clusters_no_list.yaml", ":2:11: \"clusters\" must be a list"},
      {"item_no_map.yaml", ":3:3: an item of \"users\" must have a name and a user"},
      {"cluster_no_map.yaml", ":3:12: \"cluster\" must be a map"},
      {"same_name_twice.yaml", ":4:3: \"a\" is in \"users\" twice, and kubectl reads no such file"},
      {"same_key_twice.yaml", ":3:1: \"users\" is given twice"},
      {"two_documents.yaml",
       ":3:1: there is a second document; a program that reads the file sees only one"},
      {"self_alias.yaml", ":1:11: an alias stands within its anchor"},
      {"unknown_alias.yaml", ":1:4: the referenced anchor is not defined"},
      {"control.yaml", ":2:6: there is a control character"},
      {"nul.yaml", ":2:4: there is a control character"},
      {"latin1.yaml", ":1:1: the file is not UTF-8"},
      {"utf16.yaml", ":1:1: the file is UTF-16; save it as UTF-8"},
      {"current_context_list.yaml", ":1:18: \"current-context\" must be text"},
      {"name_list.yaml", ":2:9: a name must be text"},
      {"key_list.yaml", ":2:3: a key must be plain text"},
      {"laughs.yaml", ":5:8: its aliases expand to too many values"},
  };
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(kData + "/broken"))
    ++files;
  EXPECT_EQ(files, table.size());
  for (const auto& [file, says] : table) {
    const std::string path = kData + "/broken/" + file;
    const auto config = read(only(path));
    ASSERT_FALSE(config) << file;
    EXPECT_EQ(config.error().message(), path + says + advice);
    EXPECT_TRUE(
        config.error().is(std::string(file) == "laughs.yaml" ? Errc::too_big : Errc::broken));
    // A list is no better than the worst of it.
    EXPECT_FALSE(read(Files{{kData + "/good/kubectl.yaml", path}, false}));
  }
}

TEST(Read, WhatCantBeRead) {
  const TemporaryDirectory directory;
  std::filesystem::create_directory(directory.file("folder"));
  const auto folder = read(only(directory.file("folder")));
  ASSERT_FALSE(folder);
  EXPECT_TRUE(folder.error().is(Errc::unreadable));
  EXPECT_EQ(folder.error().message(), directory.file("folder") + " can't be read: Is a directory");

  write_text(directory.file("big"), std::string((4 << 20) + 1, '#'));
  const auto big = read(only(directory.file("big")));
  ASSERT_FALSE(big);
  EXPECT_TRUE(big.error().is(Errc::too_big));
  EXPECT_THAT(big.error().message(), HasSubstr("/big:1:1: the file is over 4096 KiB"));

  write_text(directory.file("others"), "apiVersion: v1\n");
  std::filesystem::permissions(directory.file("others"), std::filesystem::perms::none);
  std::filesystem::permissions(directory.path(), std::filesystem::perms::all);
  EXPECT_EQ(as_nobody([&] {
              const auto others = read(only(directory.file("others")));
              return !others && others.error().is(Errc::unreadable) &&
                             others.error().message().ends_with(
                                 "others can't be read: Permission denied; it may belong to "
                                 "another user (after sudo?)")
                         ? 0
                         : 1;
            }),
            0);

  // Nobody writes into this one: a reader that waits would wait for ever.
  ASSERT_EQ(::mkfifo(directory.file("pipe").c_str(), 0600), 0);
  EXPECT_TRUE(must_read(only(directory.file("pipe"))).clusters.empty());
  EXPECT_TRUE(must_read(only("/dev/null")).clusters.empty());
  EXPECT_TRUE(must_read(only(directory.file("missing"))).clusters.empty());
}

// kubectl truncates a file, and then writes it.
TEST(Read, WaitsForWhatAnotherWritesUnderItsLock) {
  const TemporaryDirectory directory;
  const std::string file = directory.file("config");
  for (const std::string_view half : {"", "clusters:\n- name: \"a"}) {
    write_text(file, half);
    write_text(file + ".lock", "");
    const pid_t writer = start([&] {
      ::usleep(50'000);
      write_text(file, "clusters:\n- name: \"a\"\n  cluster: {server: s}\n");
      std::filesystem::remove(file + ".lock");
      return 0;
    });
    EXPECT_NE(must_read(only(file)).cluster("a"), nullptr) << half;
    EXPECT_EQ(wait_for(writer), 0);
  }
}

}  // namespace
}  // namespace openunison::kube
