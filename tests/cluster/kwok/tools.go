// SPDX-License-Identifier: Apache-2.0

//go:build tools

// Package kwok pins the simulated kubelet that the tests run.
package kwok

import _ "sigs.k8s.io/kwok/cmd/kwok"
