// SPDX-License-Identifier: Apache-2.0
//
// Builds portal.js and portal.css with fixed names: the server adds the hash (src/portal/assets.cc).
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const resolve = (path) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  build: {
    outDir: "../build/web",
    emptyOutDir: true,
    target: "es2022",
    cssCodeSplit: false,
    modulePreload: false,
    rollupOptions: {
      input: { portal: resolve("src/portal.ts") },
      output: { entryFileNames: "[name].js", assetFileNames: "portal[extname]" },
    },
  },
});
