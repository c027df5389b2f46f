// SPDX-License-Identifier: Apache-2.0
#include "portal/downloads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/error.h"
#include "fixture.h"

namespace openunison::portal::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kOrigin = "https://portal.example";
constexpr const char* kLinux = "kubectl-oulogin_v1.2.3_linux_amd64.tar.gz";

std::string refusal(const DownloadsFolder& folder) {
  const auto read = Downloads::read(folder.path(), std::string(kOrigin));
  return read ? "" : read.error().message();
}

http::Response ask(const Downloads& downloads, std::string path) {
  http::Request request;
  request.path = std::move(path);
  return downloads.serve(request);
}

TEST(Downloads, OnlyNamesOfTheKnownFormAreAny) {
  EXPECT_EQ(download_of(kLinux)->label, "Linux, x86-64");
  EXPECT_EQ(download_of("kubectl-oulogin_v0.1.0-rc1_windows_amd64.zip")->system, "windows");
  for (const char* name :
       {"", "kubectl-oulogin", "kubectl-oulogin_v_linux_amd64.tar.gz",
        "kubectl-oulogin_v1.2.3_linux_amd64.zip", "kubectl-oulogin_v1.2.3_plan9_amd64.tar.gz",
        "kubectl-oulogin_v../../x_linux_amd64.tar.gz", "kubectl-oulogin_v1/2_linux_amd64.tar.gz",
        "kubectl-oulogin_v<b>_linux_amd64.tar.gz", "kubectl-oulogin_v%2e_linux_amd64.tar.gz",
        "../kubectl-oulogin_v1.2.3_linux_amd64.tar.gz", "x-kubectl-oulogin_v1_linux_amd64.tar.gz",
        "kubectl-oulogin_v1.2.3_linux_amd64.tar.gz ", "kubectl-oulogin_v1\n_linux_amd64.tar.gz"})
    EXPECT_FALSE(download_of(name)) << name;
}

TEST(Downloads, NothingElseOfTheFolderIsServed) {
  DownloadsFolder folder;
  folder.add(kLinux, "program");
  folder.add("notes.txt", "listed, but no archive");
  folder.write("kubectl-oulogin_v1.2.3_linux_arm64.tar.gz", "there, but not listed");
  folder.write("secret", "s");
  const Downloads downloads = *Downloads::read(folder.path(), std::string(kOrigin));
  const std::string at(kDownloads);
  EXPECT_EQ(ask(downloads, at + kLinux).content(), "program");
  EXPECT_THAT(std::string(ask(downloads, at + "SHA256SUMS").content()), Not(HasSubstr("notes")));
  for (const std::string& path :
       {at, at + "notes.txt", at + "secret", at + "kubectl-oulogin_v1.2.3_linux_arm64.tar.gz",
        at + "../" + kLinux, at + "./" + kLinux, at + kLinux + "/", at + "sha256sums",
        at + "oulogin.yaml", std::string("/download/other/") + kLinux, std::string(kLinux)})
    EXPECT_EQ(ask(downloads, path).status, 404) << path;
}

TEST(Downloads, AreSavedAndNeverShown) {
  const http::Response answer =
      ask(some_downloads(), std::string(kDownloads) + "kubectl-oulogin_v1.2.3_windows_amd64.zip");
  EXPECT_EQ(answer.headers.get("content-type"), "application/zip");
  EXPECT_EQ(answer.headers.get("content-disposition"),
            "attachment; filename=\"kubectl-oulogin_v1.2.3_windows_amd64.zip\"");
  EXPECT_EQ(answer.headers.get("content-security-policy"), "default-src 'none'; sandbox");
}

TEST(Downloads, TheManifestNamesThisPortal) {
  const std::string manifest(
      ask(some_downloads(), "/download/kubectl-oulogin/oulogin.yaml").content());
  EXPECT_THAT(manifest, HasSubstr("\n    uri: https://portal.example/download/kubectl-oulogin/"
                                  "kubectl-oulogin_v1.2.3_linux_arm64.tar.gz\n"));
  EXPECT_THAT(manifest, HasSubstr("\n    uri: https://else.example/other\n"));
}

TEST(Downloads, WhatDoesntFitItsSumIsSaidAtTheStart) {
  DownloadsFolder folder;
  EXPECT_THAT(refusal(folder), HasSubstr("SHA256SUMS can't be read"));
  folder.write("SHA256SUMS", "");
  EXPECT_THAT(refusal(folder), HasSubstr("lists no archive"));
  folder.write("SHA256SUMS", std::string("12  ") + kLinux + "\n");
  EXPECT_THAT(refusal(folder), HasSubstr("has no SHA-256 sum for"));
  folder.add(kLinux, "program");
  EXPECT_EQ(refusal(folder), "");
  folder.write(kLinux, "programm");
  EXPECT_THAT(refusal(folder), HasSubstr("isn't what SHA256SUMS says"));
  DownloadsFolder without;
  without.write("SHA256SUMS", std::string(64, 'a') + "  " + kLinux + "\n");
  EXPECT_THAT(refusal(without), HasSubstr("can't be read"));
}

TEST(Downloads, TheVisitorsSystemComesFirst) {
  struct Case {
    const char* user_agent;
    std::vector<std::string> fitting;
  };
  const Case cases[] = {
      {"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", {"Linux, x86-64"}},
      {"Mozilla/5.0 (X11; Linux aarch64) AppleWebKit/537.36", {"Linux, arm64"}},
      {"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15",
       {"macOS, Apple silicon", "macOS, Intel"}},
      {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36", {"Windows, x86-64"}},
      {"Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36", {}},
      {"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)", {}},
      {"", {}},
  };
  const Downloads downloads = some_downloads();
  for (const Case& each : cases) {
    const Downloads::Choice choice = downloads.for_visitor(each.user_agent);
    std::vector<std::string> fitting;
    for (std::size_t i = 0; i < choice.fitting; ++i) fitting.push_back(choice.all[i]->label);
    EXPECT_EQ(fitting, each.fitting) << each.user_agent;
    EXPECT_EQ(choice.all.size(), 5u);
  }
  std::vector<std::string> all;
  for (const Download* each : downloads.for_visitor("").all) all.push_back(each->label);
  EXPECT_THAT(all, ElementsAre("Linux, x86-64", "Linux, arm64", "macOS, Apple silicon",
                               "macOS, Intel", "Windows, x86-64"));
}

TEST(Downloads, ThePageOffersThem) {
  Site site;
  site.downloads = some_downloads();
  Browser browser;
  browser.user_agent = "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0";
  site.sign_in(browser);
  const std::string page = site.get(browser, "/k8s/demo").body;
  const std::size_t first = page.find("_windows_amd64.zip"),
                    others = page.find("<details><summary>For other systems");
  EXPECT_LT(first, others);
  EXPECT_LT(others, page.find("_linux_amd64.tar.gz"));
  EXPECT_THAT(page, HasSubstr("--manifest-url=https://portal.example/download/kubectl-oulogin/"
                              "oulogin.yaml"));
}

TEST(Downloads, WhoseSystemIsUnknownChooses) {
  Site site;
  site.downloads = some_downloads();
  Browser browser;
  browser.user_agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)";
  site.sign_in(browser);
  EXPECT_THAT(site.get(browser, "/k8s/demo").body,
              HasSubstr("<details open><summary>Choose your system"));
}

TEST(Downloads, WithoutAnyThePageSaysNothingOfThem) {
  Site site;
  Browser browser;
  site.sign_in(browser);
  EXPECT_THAT(site.get(browser, "/k8s/demo").body, Not(HasSubstr("/download/")));
  EXPECT_EQ(site.get(browser, "/download/kubectl-oulogin/SHA256SUMS").status, 404);
}

}  // namespace
}  // namespace openunison::portal::testing
