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
                                const cli::BootClock& clock, const cli::Trace& trace) {
  return [&](const std::string& authority_pem) -> Result<std::unique_ptr<cli::PortalClient>> {
    cli::PortalClientOptions options;
    options.authority_pem = authority_pem;
    options.proxy = first_of(environment, {"HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"});
    options.no_proxy = list_of(first_of(environment, {"NO_PROXY", "no_proxy"}));
    options.device_name = device_name();
    options.trace = trace;
    if (!options.proxy.empty()) {
      const auto url = text::Url::parse_with_userinfo(options.proxy);
      trace.say(
          "proxy: " + (url ? cli::described_url(*url) : std::string("what is set is no URL")) +
          (options.no_proxy.empty() ? "" : ", but for some hosts (NO_PROXY)"));
    }
    return cli::PortalClient::create(runtime, std::move(options), clock);
  };
}

// Whether a certificate is refused for its dates alone, in OpenSSL's words.
bool is_of_time(std::string_view message) {
  return message.find("certificate is not yet valid") != std::string_view::npos ||
         message.find("certificate has expired") != std::string_view::npos;
}

std::string advice_for(const Error& error, const std::string& host, WallTime now) {
  const std::string again = "kubectl oulogin --host=" + host;
  if (error.is(cli::Errc::sign_in_needed)) return "run: " + again;
  if (error.is(cli::Errc::untrusted) && is_of_time(error.message()))
    return "this machine's clock shows " + rfc3339(now) +
           ": if that is wrong, set it; else whoever runs the portal must renew its certificate";
  if (error.is(cli::Errc::untrusted))
    return "if that is your company's authority, give its certificate: " + again +
           " --certificate-authority=FILE (or SSL_CERT_FILE); if you don't know it, ask before "
           "you go on";
  if (error.is(cli::Errc::keyring_locked))
    return "unlock it (as by signing in to the desktop) and try again, or run: " + again +
           " --storage=file";
  if (error.is(cli::Errc::keyring)) return "to do without it, run: " + again + " --storage=file";
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

cli::Trace trace_of(int level) {
  if (level <= 0) return {};
  const auto begun = std::chrono::steady_clock::now();
  return {level, [begun](std::string_view line) {
            const auto now =
                std::chrono::duration_cast<Millis>(std::chrono::steady_clock::now() - begun);
            std::cerr << "[" + std::to_string(now.count()) + " ms] " + cli::printable(line) + "\n";
          }};
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

int print(const text::Json& json) {
  std::cout << json.dump_pretty() << "\n" << std::flush;
  return std::cout.good() ? kDone : kFailed;
}

Plugin::Plugin(cli::Environment environment, std::string state_folder, const Options& options)
    : storage_(cli::parse_storage(options.storage)),
      trace_(trace_of(options.verbose)),
      environment_(std::move(environment)),
      terminal_(cli::Terminal::standard_error(environment_)),
      runtime_(1),
      state_(std::move(state_folder)),
      keeper_(
          runtime_, state_, boot_clock_, connect_by(runtime_, environment_, boot_clock_, trace_),
          cli::Vault(cli::system_keyring(environment_, trace_), state_.folder(), trace_), trace_) {}

Result<std::unique_ptr<Plugin>> Plugin::create(const Options& options) {
  cli::Environment environment = cli::Environment::read();
  std::string folder = TRY(cli::State::folder_by(variables_of_process()));
  TRY_VOID(cli::find_trusted_authorities(environment));
  return std::unique_ptr<Plugin>(new Plugin(std::move(environment), std::move(folder), options));
}

std::function<void()> Plugin::waits_for_keyring() {
  return [this] {
    terminal_.progress("keyring",
                       "Waiting for the desktop's keyring, which may ask for its password ...");
  };
}

Result<cli::Keeping> Plugin::choose_keeping(const cli::Host& host, bool is_desktop) {
  auto keeping = keeper_.choose_keeping(host, storage_, is_desktop, waits_for_keyring());
  terminal_.clear_progress();
  return keeping;
}

bool Plugin::unlock_keyring(const cli::Host& host) {
  const bool unlocked = keeper_.unlock_keyring(host, waits_for_keyring()).has_value();
  terminal_.clear_progress();
  return unlocked;
}

Result<std::unique_ptr<Plugin>> Plugin::create_anywhere(const Options& options) {
  cli::Environment environment = cli::Environment::read();
  auto folder = cli::State::folder_by(variables_of_process());
  TRY_VOID(cli::find_trusted_authorities(environment));
  return std::unique_ptr<Plugin>(
      new Plugin(std::move(environment), folder ? std::move(*folder) : std::string(), options));
}

Result<std::unique_ptr<cli::PortalClient>> Plugin::connect(const std::string& authority_pem) {
  return connect_by(runtime_, environment_, boot_clock_, trace_)(authority_pem);
}

void Plugin::tell_of_tab(const std::string& address) {
  terminal_.line(
      "A browser was opened for this sign-in already. If its page is gone, use this address:");
  terminal_.line(address, cli::Ink::strong);
}

Result<void> Plugin::sign_in_with(const cli::Host& host, bool is_desktop, std::string authority_pem,
                                  const GetTokens& get_tokens) {
  if (authority_pem.empty()) {
    const auto known = state_.sign_in(host);
    if (known && *known) authority_pem = (*known)->authority_pem;
  }
  const std::unique_ptr<cli::PortalClient> client = TRY(connect(authority_pem));
  const cli::Portal portal = TRY(runtime_.block_on(client->discover(host)));
  // Before anybody signs in, since it may not work.
  const cli::Keeping keeping = TRY(choose_keeping(host, is_desktop));
  cli::Tokens tokens = TRY(get_tokens(*client, portal));
  cli::Account account =
      TRY(runtime_.block_on(client->account(portal.account_endpoint, tokens.access_token)));
  cli::SignIn kept;
  kept.portal_name = portal.name;
  kept.issuer = portal.issuer;
  kept.account_endpoint = portal.account_endpoint;
  kept.sign_out_endpoint = portal.sign_out_endpoint;
  kept.authority_pem = std::move(authority_pem);
  kept.user = account.user;
  kept.refresh_token.plain = std::move(tokens.refresh_token);
  return keeper_.keep(host, std::move(kept), keeping, std::move(tokens.access_token),
                      std::move(account));
}

Result<void> Plugin::sign_in(const cli::Host& host, cli::Way way, std::string authority_pem,
                             std::function<void(const std::string& address)> opens) {
  return sign_in_with(host, way == cli::Way::browser, std::move(authority_pem),
                      [&](cli::PortalClient& client, const cli::Portal& portal) {
                        const cli::SignInTools tools{runtime_,  client,           environment_,
                                                     terminal_, std::move(opens), trace_};
                        return way == cli::Way::browser ? cli::sign_in_by_browser(tools, portal)
                                                        : cli::sign_in_by_code(tools, portal);
                      });
}

Result<void> Plugin::sign_in_by_password(const cli::Host& host, std::string user, Secret password,
                                         std::string authority_pem) {
  return sign_in_with(host, false, std::move(authority_pem),
                      [&](cli::PortalClient& client, const cli::Portal& portal) {
                        return runtime_.block_on(
                            client.send_password(portal, std::move(user), std::move(password)));
                      });
}

int Plugin::report(const Error& error, const std::string& host) {
  terminal_.clear_progress();
  terminal_.line("kubectl-oulogin: " + error.message(), cli::Ink::bad);
  if (const std::string advice = advice_for(error, host, clock_.now()); !advice.empty())
    terminal_.line(advice);
  return error.is(cli::Errc::bad_argument) ? kUsedWrongly : kFailed;
}

Result<std::vector<cli::Host>> chosen_hosts(Plugin& plugin, const Options& options) {
  if (options.host.empty()) return plugin.state().hosts();
  return std::vector{TRY(cli::Host::parse(options.host))};
}

}  // namespace openunison::plugin
