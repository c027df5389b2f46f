// SPDX-License-Identifier: Apache-2.0
// What this name has elsewhere, Windows has here.
#pragma once
#include <winsock2.h>
// After it.
#include <afunix.h>
