// SPDX-License-Identifier: Apache-2.0
#include "cmd/kubectl-oulogin/plugin.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>

#include "cli/trust.h"
#include "text/utf8.h"

namespace openunison::plugin {
namespace {

constexpr std::size_t kMaxDeviceName = 64;
constexpr std::size_t kMaxAuthority = 256 * 1024;

// The machine's name, without its domain.
std::string device_name() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) return {};
  std::string shown(name);
  shown.resize(std::min(shown.find('.'), shown.size()));
  if (shown.size() > kMaxDeviceName || !text::valid_utf8(shown) || text::has_control(shown))
    return {};
  return shown;
}

std::string first_of(const cli::Environment& environment,
                     std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (const auto value = environment.variable(name); !value.empty()) return std::string(value);
  }
  return {};
}

std::vector<std::string> list_of(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    std::string_view part = text.substr(0, comma);
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    if (!part.empty()) parts.emplace_back(part);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return parts;
}

cli::Keeper::Connect connect_by(net::Runtime& runtime, const cli::Environment& environment,
                                const cli::BootClock& clock) {
  return [&](const std::string& authority_pem) -> Result<std::unique_ptr<cli::PortalClient>> {
    cli::PortalClientOptions options;
    options.authority_pem = authority_pem;
    options.proxy = first_of(environment, {"HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"});
    options.no_proxy = list_of(first_of(environment, {"NO_PROXY", "no_proxy"}));
    options.device_name = device_name();
    return cli::PortalClient::create(runtime, std::move(options), clock);
  };
}

std::string advice_for(const Error& error, const std::string& host) {
  const std::string again = "kubectl oulogin --host=" + host;
  if (error.is(cli::Errc::sign_in_needed)) return "run: " + again;
  if (error.is(cli::Errc::untrusted))
    return "if that is your company's authority, give its certificate: " + again +
           " --certificate-authority=FILE (or SSL_CERT_FILE); if you don't know it, ask before "
           "you go on";
  if (error.is(cli::Errc::no_cluster))
    return "list what there is: kubectl oulogin list --host=" + host;
  return {};
}

}  // namespace

cli::Variables variables_of_process() {
  return [](const char* name) -> std::optional<std::string> {
    const char* value = std::getenv(name);
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
}

Result<std::string> read_authority(const std::string& file) {
  if (file.empty()) return std::string();
  std::ifstream in(file, std::ios::binary);
  std::stringstream content;
  content << in.rdbuf();
  const std::string given = "--certificate-authority=" + file + ": ";
  if (!in) return fail(cli::Errc::bad_argument, given + "it can't be read");
  std::string pem = std::move(content).str();
  if (pem.find("-----BEGIN CERTIFICATE-----") == std::string::npos || pem.size() > kMaxAuthority)
    return fail(cli::Errc::bad_argument, given + "it holds no PEM certificates");
  if (pem.find("PRIVATE KEY-----") != std::string::npos)
    return fail(cli::Errc::bad_argument, given + "it holds a private key, which has no place here");
  return pem;
}

int report_plainly(const Error& error) {
  std::cerr << "kubectl-oulogin: " << cli::printable(error.message()) << "\n";
  return error.is(cli::Errc::bad_argument) ? kUsedWrongly : kFailed;
}

Plugin::Plugin(cli::Environment environment, std::string state_folder)
    : environment_(std::move(environment)),
      terminal_(cli::Terminal::standard_error(environment_)),
      runtime_(1),
      state_(std::move(state_folder)),
      keeper_(runtime_, state_, boot_clock_, connect_by(runtime_, environment_, boot_clock_)) {}

Result<std::unique_ptr<Plugin>> Plugin::create() {
  cli::Environment environment = cli::Environment::read();
  std::string folder = TRY(cli::State::folder_by(variables_of_process()));
  TRY_VOID(cli::find_trusted_authorities(environment));
  return std::unique_ptr<Plugin>(new Plugin(std::move(environment), std::move(folder)));
}

Result<std::unique_ptr<Plugin>> Plugin::create_anywhere() {
  cli::Environment environment = cli::Environment::read();
  auto folder = cli::State::folder_by(variables_of_process());
  TRY_VOID(cli::find_trusted_authorities(environment));
  return std::unique_ptr<Plugin>(
      new Plugin(std::move(environment), folder ? std::move(*folder) : std::string()));
}

Result<std::unique_ptr<cli::PortalClient>> Plugin::connect(const std::string& authority_pem) {
  return connect_by(runtime_, environment_, boot_clock_)(authority_pem);
}

void Plugin::tell_of_tab(const std::string& address) {
  terminal_.line(
      "A browser was opened for this sign-in already. If its page is gone, use this address:");
  terminal_.line(address, cli::Ink::strong);
}

Result<void> Plugin::sign_in(const cli::Host& host, cli::Way way, std::string authority_pem,
                             std::function<void(const std::string& address)> opens) {
  if (authority_pem.empty()) {
    const auto known = state_.sign_in(host);
    if (known && *known) authority_pem = (*known)->authority_pem;
  }
  const std::unique_ptr<cli::PortalClient> client =
      TRY(connect_by(runtime_, environment_, boot_clock_)(authority_pem));
  const cli::Portal portal = TRY(runtime_.block_on(client->discover(host)));
  const cli::SignInTools tools{runtime_, *client, environment_, terminal_, std::move(opens)};
  cli::Tokens tokens = TRY(way == cli::Way::browser ? cli::sign_in_by_browser(tools, portal)
                                                    : cli::sign_in_by_code(tools, portal));
  cli::Account account =
      TRY(runtime_.block_on(client->account(portal.account_endpoint, tokens.access_token)));
  cli::SignIn kept;
  kept.portal_name = portal.name;
  kept.issuer = portal.issuer;
  kept.account_endpoint = portal.account_endpoint;
  kept.sign_out_endpoint = portal.sign_out_endpoint;
  kept.authority_pem = std::move(authority_pem);
  kept.user = account.user;
  kept.refresh_token = std::move(tokens.refresh_token);
  return keeper_.keep(host, std::move(kept), std::move(tokens.access_token), std::move(account));
}

int Plugin::report(const Error& error, const std::string& host) {
  terminal_.clear_progress();
  terminal_.line("kubectl-oulogin: " + error.message(), cli::Ink::bad);
  if (const std::string advice = advice_for(error, host); !advice.empty()) terminal_.line(advice);
  return error.is(cli::Errc::bad_argument) ? kUsedWrongly : kFailed;
}

Result<std::vector<cli::Host>> chosen_hosts(Plugin& plugin, const Options& options) {
  if (options.host.empty()) return plugin.state().hosts();
  return std::vector{TRY(cli::Host::parse(options.host))};
}

}  // namespace openunison::plugin
