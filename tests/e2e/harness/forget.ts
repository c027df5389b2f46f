// SPDX-License-Identifier: Apache-2.0
//
// Before a run in several lanes (tools/e2e_tests): what the last run noted is no longer of interest.
import { forgetAll } from "./secrets.ts";

forgetAll();
