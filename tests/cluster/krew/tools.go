// SPDX-License-Identifier: Apache-2.0
//
//go:build tools

// Package tools names what tools/cluster_tools builds from here.
package tools

import _ "sigs.k8s.io/krew/cmd/krew"
