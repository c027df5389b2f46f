// SPDX-License-Identifier: Apache-2.0
//
// The pasted commands against golden files (OU_WRITE_GOLDEN=1 writes them anew, to be read before
// they are kept), and run in the shells that are here with a kubectl that only notes its arguments.
// PowerShell's form isn't run.
#include "portal/kubeconfig.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/base64.h"
#include "kube/names.h"
#include "text/yaml.h"

namespace openunison::portal {
namespace {

using kube::entry_name;

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

constexpr const char* kPem =
    "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUQ2x1c3Rlcg==\n-----END CERTIFICATE-----\n";
constexpr const char* kIssuerPem =
    "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUUG9ydGFs+/8=\n-----END CERTIFICATE-----\n";

KubectlAccess plain() {
  KubectlAccess access;
  access.cluster = "demo";
  access.user = "alice@example.com";
  access.server = "https://api.demo.example:6443";
  access.issuer = "https://portal.example/auth/idp/k8sIdp";
  access.client_id = "kubernetes";
  access.refresh_token = Secret("our_TheRefreshToken-_0123456789");
  return access;
}

KubectlAccess with_certificates() {
  KubectlAccess access = plain();
  access.server_ca_pem = kPem;
  access.issuer_ca_pem = kIssuerPem;
  return access;
}

// Each would make a file called "harm" in the working directory, in some shell.
KubectlAccess hostile() {
  KubectlAccess access;
  access.cluster = "--help'; touch harm; '\"$(touch harm)\"`touch harm`";
  access.user = "o'brien; touch harm\n$(touch harm) \xe2\x80\x99; touch harm; \xe2\x80\x99 \\";
  access.server = "https://api.example/'; touch harm; '\"$(touch harm)\"";
  access.issuer = "https://portal.example/\"; touch harm; \"`touch harm`$HOME\n";
  access.client_id = "k'\"; touch harm #$env:PATH";
  access.server_ca_pem = "'; touch harm; '\"$(touch harm)\"\n" + std::string(kPem);
  access.issuer_ca_pem = std::string(kIssuerPem) + "'\"; touch harm\n";
  access.refresh_token = Secret("our_TheRefreshToken-_0123456789");
  return access;
}

struct AccessCase {
  const char* name;
  KubectlAccess (*access)();
};
constexpr AccessCase kCases[] = {
    {"plain", plain}, {"certificates", with_certificates}, {"hostile", hostile}};

// --- Golden files ---

std::string read(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

void expect_golden(const std::string& name, const std::string& text) {
  const std::filesystem::path file = std::filesystem::path(OPENUNISON_GOLDEN) / (name + ".txt");
  if (getenv("OU_WRITE_GOLDEN") != nullptr) std::ofstream(file, std::ios::binary) << text << '\n';
  EXPECT_EQ(read(file), text + "\n") << file;
}

TEST(PastedCommand, PosixIsAsWritten) {
  for (const AccessCase& each : kCases) {
    expect_golden(std::string("posix_") + each.name, posix_command(each.access()));
  }
}

TEST(PastedCommand, PowerShellIsAsWritten) {
  for (const AccessCase& each : kCases) {
    expect_golden(std::string("powershell_") + each.name, powershell_command(each.access()));
  }
}

TEST(PastedCommand, KubeconfigIsAsWritten) {
  for (const AccessCase& each : kCases) {
    expect_golden(std::string("kubeconfig_") + each.name, kubeconfig_file(each.access()));
  }
}

// What ends a quotation or expands inside one may not come from a value.
TEST(PastedCommand, NoValueCanLeaveItsQuotes) {
  const std::string posix = posix_command(hostile());
  EXPECT_EQ(std::ranges::count(posix, '\''), 2) << posix;
  EXPECT_EQ(std::ranges::count(posix, '"') % 2, 0) << posix;
  EXPECT_EQ(posix.find('`'), std::string::npos);
  EXPECT_EQ(posix.find("\\\\"), std::string::npos);
  const std::string good = posix_command(with_certificates());
  EXPECT_EQ(std::ranges::count(posix, '$'), std::ranges::count(good, '$'));
  EXPECT_EQ(std::ranges::count(posix, '"'), std::ranges::count(good, '"'));

  const std::string powershell = powershell_command(hostile());
  const std::string good_powershell = powershell_command(with_certificates());
  for (const char c : {'\'', '"', '$', '`', '{', '}'}) {
    EXPECT_EQ(std::ranges::count(powershell, c), std::ranges::count(good_powershell, c)) << c;
  }
  for (const std::string& command : {posix, powershell}) {
    for (const char c : command) EXPECT_TRUE(c == '\n' || (c >= ' ' && c <= '~'));
  }
}

// --- In shells ---

// A directory with a space in its name, so that what isn't quoted falls apart.
class Sandbox {
 public:
  Sandbox() {
    std::string pattern = (std::filesystem::temp_directory_path() / "ou-portal-XXXXXX").string();
    root_ = mkdtemp(pattern.data());
    for (const char* name : {"bin", "work", "tmp dir", "tmp"}) {
      std::filesystem::create_directory(root_ / name);
    }
    std::ofstream(root_ / "tmp" / "keep") << "somebody's";
    std::ofstream(root_ / "bin" / "kubectl") << "#!/bin/sh\n"
                                                "echo \"kubectl\" >> \"$NOTES\"\n"
                                                "for a in \"$@\"; do\n"
                                                "  case \"$a\" in --certificate-authority=*)\n"
                                                "    cat \"${a#*=}\" >> \"$NOTES.ca\"; ls -l "
                                                "\"${a#*=}\" | cut -c1-10 >> \"$NOTES.mode\"\n"
                                                "    a='--certificate-authority=FILE';; esac\n"
                                                "  echo \"<$a>\" >> \"$NOTES\"\n"
                                                "done\n"
                                                "test \"$FAIL_AT\" != \"$2\"\n";
    std::filesystem::permissions(root_ / "bin" / "kubectl", std::filesystem::perms::owner_all);
  }
  ~Sandbox() { std::filesystem::remove_all(root_); }
  Sandbox(const Sandbox&) = delete;

  // The command's exit status was 0.
  bool run(const std::string& shell, const std::string& command, const std::string& fail_at = "") {
    std::ofstream(root_ / "pasted") << command << '\n';
    const std::string root = root_.string();
    const std::string line = "cd '" + root + "/work' && NOTES='" + root + "/notes' TMPDIR='" +
                             root + "/tmp dir' FAIL_AT='" + fail_at + "' PATH='" + root +
                             "/bin':\"$PATH\" HOME='" + root + "/work' " + shell + " '" + root +
                             "/pasted' >/dev/null 2>&1";
    return system(line.c_str()) == 0;
  }
  std::vector<std::string> notes() const {
    std::vector<std::string> lines;
    std::ifstream file(root_ / "notes");
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }
  std::string certificate() const { return read(root_ / "notes.ca"); }
  std::string certificate_mode() const { return read(root_ / "notes.mode"); }
  // What is left behind, and that nothing else went.
  bool is_clean() const {
    return !std::filesystem::exists(root_ / "work" / "harm") &&
           std::filesystem::is_empty(root_ / "tmp dir") &&
           std::filesystem::exists(root_ / "tmp" / "keep");
  }

 private:
  std::filesystem::path root_;
};

std::vector<std::string> shells() {
  std::vector<std::string> found;
  for (const char* shell : {"sh", "bash", "dash", "zsh", "busybox sh", "fish"}) {
    const std::string probe = std::string(shell) + " -c true >/dev/null 2>&1";
    if (system(probe.c_str()) == 0) found.emplace_back(shell);
  }
  return found;
}

TEST(PastedCommand, GivesKubectlTheseArguments) {
  ASSERT_FALSE(shells().empty());
  for (const std::string& shell : shells()) {
    Sandbox sandbox;
    EXPECT_TRUE(sandbox.run(shell, posix_command(plain()))) << shell;
    EXPECT_THAT(
        sandbox.notes(),
        ElementsAre("kubectl", "<config>", "<set-cluster>", "<demo>",
                    "<--server=https://api.demo.example:6443>",  //
                    "kubectl", "<config>", "<set-credentials>", "<alice@example.com@demo>",
                    "<--auth-provider=oidc>",
                    "<--auth-provider-arg=idp-issuer-url=https://portal.example/auth/idp/k8sIdp>",
                    "<--auth-provider-arg=client-id=kubernetes>", "<--auth-provider-arg=id-token=>",
                    "<--auth-provider-arg=refresh-token=our_TheRefreshToken-_0123456789>",  //
                    "kubectl", "<config>", "<set-context>", "<demo>", "<--cluster=demo>",
                    "<--user=alice@example.com@demo>",  //
                    "kubectl", "<config>", "<use-context>", "<demo>"))
        << shell;
    EXPECT_TRUE(sandbox.is_clean()) << shell;
  }
}

TEST(PastedCommand, CertificatesGoThroughAPrivateFileThatIsRemoved) {
  for (const std::string& shell : shells()) {
    Sandbox sandbox;
    EXPECT_TRUE(sandbox.run(shell, posix_command(with_certificates()))) << shell;
    EXPECT_EQ(sandbox.certificate(), kPem) << shell;
    EXPECT_EQ(sandbox.certificate_mode(), "-rw-------\n") << shell;
    const std::string data =
        "<--auth-provider-arg=idp-certificate-authority-data=" + base64_encode(kIssuerPem) + ">";
    EXPECT_THAT(sandbox.notes(), ::testing::Contains(data)) << shell;
    EXPECT_TRUE(sandbox.is_clean()) << shell;
  }
}

TEST(PastedCommand, HostileNamesStayArguments) {
  for (const std::string& shell : shells()) {
    Sandbox sandbox, harmless;
    EXPECT_TRUE(sandbox.run(shell, posix_command(hostile()))) << shell;
    EXPECT_TRUE(sandbox.is_clean()) << shell;
    EXPECT_TRUE(harmless.run(shell, posix_command(with_certificates()))) << shell;
    EXPECT_EQ(sandbox.notes().size(), harmless.notes().size()) << shell;
    EXPECT_EQ(sandbox.certificate(), kPem) << shell;
    for (const std::string& note : sandbox.notes()) {
      EXPECT_FALSE(note.starts_with("<--help")) << "a name became an option";
    }
  }
}

TEST(PastedCommand, StopsWhereKubectlFailsAndStillCleansUp) {
  for (const std::string& shell : shells()) {
    Sandbox sandbox;
    EXPECT_FALSE(sandbox.run(shell, posix_command(with_certificates()), "set-credentials"))
        << shell;
    EXPECT_EQ(std::ranges::count(sandbox.notes(), "kubectl"), 2) << shell;
    EXPECT_TRUE(sandbox.is_clean()) << shell;
  }
}

// --- The file ---

const text::Yaml& at(const text::Yaml& node, const std::vector<const char*>& path) {
  static const text::Yaml kNothing;
  const text::Yaml* here = &node;
  for (const char* key : path) {
    here =
        here->kind == text::Yaml::Kind::sequence && !here->items.empty() ? &here->items[0] : here;
    here = here->find(key);
    if (here == nullptr) return kNothing;
  }
  return *here;
}

TEST(KubeconfigFile, HoldsWhatWasPutIn) {
  for (const AccessCase& each : kCases) {
    const KubectlAccess access = each.access();
    const auto file = text::Yaml::parse(kubeconfig_file(access));
    ASSERT_TRUE(file.has_value()) << each.name << file.error().message();
    const std::string cluster = entry_name(access.cluster);
    const std::string user = entry_name(access.user) + "@" + cluster;
    const std::vector<std::pair<std::vector<const char*>, std::string>> wanted = {
        {{"apiVersion"}, "v1"},
        {{"kind"}, "Config"},
        {{"current-context"}, cluster},
        {{"clusters", "name"}, cluster},
        {{"clusters", "cluster", "server"}, access.server},
        {{"users", "name"}, user},
        {{"users", "user", "auth-provider", "name"}, "oidc"},
        {{"users", "user", "auth-provider", "config", "idp-issuer-url"}, access.issuer},
        {{"users", "user", "auth-provider", "config", "client-id"}, access.client_id},
        {{"users", "user", "auth-provider", "config", "refresh-token"},
         std::string(access.refresh_token.reveal())},
        {{"contexts", "name"}, cluster},
        {{"contexts", "context", "cluster"}, cluster},
        {{"contexts", "context", "user"}, user},
    };
    for (const auto& [path, value] : wanted) {
      EXPECT_EQ(at(*file, path).scalar, value) << each.name << ' ' << path.back();
    }
    for (const char* list : {"clusters", "users", "contexts"}) {
      EXPECT_EQ(at(*file, {list}).items.size(), 1u) << each.name << ' ' << list;
    }
    EXPECT_EQ(file->entries.size(), 6u) << each.name;
  }
}

TEST(KubeconfigFile, HoldsCertificatesWhereThereAreSome) {
  const auto file = text::Yaml::parse(kubeconfig_file(with_certificates()));
  EXPECT_EQ(at(*file, {"clusters", "cluster", "certificate-authority-data"}).scalar,
            base64_encode(kPem));
  EXPECT_EQ(
      at(*file, {"users", "user", "auth-provider", "config", "idp-certificate-authority-data"})
          .scalar,
      base64_encode(kIssuerPem));
  EXPECT_EQ(kubeconfig_file(plain()).find("certificate-authority-data"), std::string::npos);
}

TEST(Certificates, OnlyThemselvesAreCopied) {
  struct Case {
    const char* what;
    std::string pem;
    std::string copied;
  };
  const std::string two = std::string(kPem) + kIssuerPem;
  const Case cases[] = {
      {"one", kPem, kPem},
      {"two", two, two},
      {"text around", "Issuer: CN = ca\n" + std::string(kPem) + "\n# and\n" + kIssuerPem + "end\n",
       two},
      {"line ends of Windows", "-----BEGIN X-----\r\nQQ==\r\n-----END X-----\r\n",
       "-----BEGIN X-----\nQQ==\n-----END X-----\n"},
      {"no line end", "-----BEGIN X-----\nQQ==\n-----END X-----",
       "-----BEGIN X-----\nQQ==\n-----END X-----\n"},
      {"quotes inside", "-----BEGIN X-----\nQ'\"$`Q\\==\n-----END X-----\n",
       "-----BEGIN X-----\nQQ==\n-----END X-----\n"},
  };
  for (const Case& each : cases) {
    KubectlAccess access = plain();
    access.server_ca_pem = each.pem;
    const auto file = text::Yaml::parse(kubeconfig_file(access));
    EXPECT_EQ(at(*file, {"clusters", "cluster", "certificate-authority-data"}).scalar,
              base64_encode(each.copied))
        << each.what;
  }
}

TEST(PluginKubeconfig, CallsThePluginAndHoldsNothingSecret) {
  KubectlAccess access = hostile();
  access.cluster = "de mo";
  const std::string text = plugin_kubeconfig(access, "portal.example:8443");
  EXPECT_EQ(text.find(access.refresh_token.reveal()), std::string::npos);
  const auto file = text::Yaml::parse(text);
  ASSERT_TRUE(file);
  const text::Yaml& exec = at(*file, {"users", "user", "exec"});
  EXPECT_EQ(at(exec, {"apiVersion"}).scalar, "client.authentication.k8s.io/v1");
  EXPECT_EQ(at(exec, {"command"}).scalar, "kubectl-oulogin");
  EXPECT_EQ(at(exec, {"interactiveMode"}).scalar, "IfAvailable");
  std::vector<std::string> args;
  for (const text::Yaml& each : at(exec, {"args"}).items) args.push_back(each.scalar);
  EXPECT_THAT(args, ElementsAre("get-token", "--host=portal.example:8443", "--cluster=de mo"));
  EXPECT_EQ(at(*file, {"contexts", "context", "user"}).scalar, at(*file, {"users", "name"}).scalar);
  EXPECT_EQ(at(*file, {"current-context"}).scalar, at(*file, {"contexts", "name"}).scalar);
}

TEST(NameInCluster, FollowsTheApiServersPrefix) {
  config::Cluster cluster;
  EXPECT_EQ(name_in_cluster("alice", cluster, "https://i"), "alice");
  cluster.username_prefix = "";
  EXPECT_EQ(name_in_cluster("alice", cluster, "https://i"), "https://i#alice");
  cluster.username_prefix = "oidc:";
  EXPECT_EQ(name_in_cluster("alice", cluster, "https://i"), "oidc:alice");
}

}  // namespace
}  // namespace openunison::portal
