// SPDX-License-Identifier: Apache-2.0
//
// Private to net/, for asio.h.
#pragma once

#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include "net/task.h"

namespace openunison::net {

using Descriptor = boost::asio::posix::basic_stream_descriptor<Executor>;

}  // namespace openunison::net
