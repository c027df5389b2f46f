// SPDX-License-Identifier: Apache-2.0
//
// Reading certificates: what we show, check and print.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace openunison::crypto {

struct CertificateInfo {
  std::string subject;             // RFC 2253
  std::vector<std::string> names;  // DNS names and IP addresses of subjectAltName
  WallTime not_before, not_after;
  std::string sha256_fingerprint;  // AA:BB:...
  bool is_ca = false;
};

// All certificates of a PEM bundle; at least one. Error: bad_certificate, with the block's number.
Result<std::vector<CertificateInfo>> read_certificates(std::string_view pem);

}  // namespace openunison::crypto
