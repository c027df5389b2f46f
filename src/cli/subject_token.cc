// SPDX-License-Identifier: Apache-2.0
#include "cli/subject_token.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/base64.h"
#include "base/file.h"
#include "cli/error.h"
#include "cli/machine.h"
#include "crypto/hash.h"
#include "text/json.h"

namespace openunison::cli {
namespace {

// Service accounts' and CI services' tokens have one to three thousand bytes; servers take about
// sixteen thousand of headers.
constexpr std::size_t kMaxToken = 16 * 1024;
constexpr std::string_view kSpace = " \t\r\n";

std::unexpected<Error> unusable(const std::string& file, const std::string& why) {
  return fail(Errc::bad_token_file, "--token-file=" + file + ": " + why);
}

// Why these bytes are no signed token; "" where they look like one.
std::string why_no_token(std::string_view text) {
  if (text.starts_with('{'))
    return "it holds JSON instead of the token alone; take the token out of it first";
  if (std::ranges::count(text, '.') != 2) return "it holds no signed token (JWT)";
  const std::size_t first = text.find('.'), second = text.find('.', first + 1);
  for (const std::string_view part :
       {text.substr(0, first), text.substr(first + 1, second - first - 1)}) {
    const auto bytes = base64url_decode(part);
    const auto json = bytes ? text::Json::parse(*bytes) : Result<text::Json>(text::Json());
    if (!bytes || !json || json->object() == nullptr) return "it holds no signed token (JWT)";
  }
  if (const std::string_view signature = text.substr(second + 1);
      signature.empty() || !base64url_decode(signature))
    return "the token in it isn't signed, or was cut off";
  return {};
}

}  // namespace

Result<SubjectToken> read_subject_token(const std::string& file) {
  // A pipe that nobody writes to would hold us here.
  const FileDescriptor in(open_without_waiting(file));
  if (!in && errno == ENOENT)
    return unusable(file, "there is no such file; is the volume mounted, or the step before run?");
  if (!in) return unusable(file, std::string("it can't be read: ") + std::strerror(errno));
  struct stat facts{};
  if (::fstat(in.get(), &facts) != 0)
    return unusable(file, std::string("it can't be read: ") + std::strerror(errno));
  if (!S_ISREG(facts.st_mode))
    return unusable(file, "it is no regular file; it is read again for every new token");
  std::string content;
  char buffer[4 * 1024];
  for (;;) {
    const ssize_t got = ::read(in.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unusable(file, std::string("it can't be read: ") + std::strerror(errno));
    if (got == 0) break;
    content.append(buffer, static_cast<std::size_t>(got));
    if (content.size() > kMaxToken)
      return unusable(file, "it is larger than any token (" + std::to_string(kMaxToken) +
                                " bytes); is it the right file?");
  }
  std::string_view text = content;
  text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  text.remove_suffix(text.size() - (text.find_last_not_of(kSpace) + 1));
  if (text.empty()) return unusable(file, "it is empty; whatever writes the token hasn't yet");
  if (const std::string why = why_no_token(text); !why.empty()) return unusable(file, why);
  SubjectToken token;
  token.digest = crypto::hex(crypto::view(crypto::sha256(text)));
  token.readable_by_all = (facts.st_mode & S_IROTH) != 0;
  token.token = Secret(std::string(text));
  return token;
}

Result<std::string> absolute_token_file(const std::string& file) {
  std::error_code failed;
  const auto path = std::filesystem::absolute(file, failed);
  if (failed) return unusable(file, failed.message());
  return path.lexically_normal().string();
}

}  // namespace openunison::cli
