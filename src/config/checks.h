// SPDX-License-Identifier: Apache-2.0
//
// What a single value must look like. Pure. Private to config/.
#pragma once

#include <string>
#include <string_view>

namespace openunison::config {

// Letters, digits, '.', '-', '_', not starting with '.' or '-': good in a path, a file's name and a
// kubeconfig.
bool is_plain_name(std::string_view name, std::size_t most);
// [a-z0-9-], up to 32.
bool is_provider_name(std::string_view name);
// "#0b6e69"
bool is_colour(std::string_view text);
// A DNS name or IPv4 address, without port, brackets or trailing dot; at most 253 bytes.
bool is_host_name(std::string_view host);
// "127.0.0.1:8443", "[::1]:8443"; port 0: any free one.
bool is_socket_address(std::string_view text);
// Of a socket address: nothing outside this machine (or pod) reaches it.
bool is_loopback_address(std::string_view text);
// "localhost", 127.0.0.0/8, ::1, as Url::host.
bool is_loopback_host(std::string_view host);
// Visible ASCII without quotes, blanks, commas and other marks that a shell, YAML or the AWS
// command line would take apart.
bool is_prefix(std::string_view text);
// A file's name without directories.
bool is_file_name(std::string_view name);
// 8-4-4-4-12 hexadecimal digits.
bool is_guid(std::string_view text);

}  // namespace openunison::config
