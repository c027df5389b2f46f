// SPDX-License-Identifier: Apache-2.0
// What this name has elsewhere, Windows has here.
#pragma once
#include <winsock2.h>
#include <ws2tcpip.h>
