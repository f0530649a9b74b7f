import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** The bundle that scripts/compile.mjs makes. */
const TYPEBOX = fileURLToPath(new URL('dist/core/schema/typebox.js', import.meta.url));

// For tests that load ONNX Runtime themselves; menagerie turns its reports off by itself (src/main.ts).
process.env.ORT_DISABLE_TELEMETRY = '1';

export default defineConfig({
  // As in what users run: loading typebox itself takes half a second of each test file.
  resolve: { alias: [{ find: /^.*\/typebox\.js$/, replacement: TYPEBOX }] },
  test: {
    server: { deps: { external: [TYPEBOX] } },
    include: ['tests/**/*.test.ts'],
    // Two test files at a time: the machines this runs on have two cores, and files that load networks are heavy.
    maxWorkers: 2,
    // Only against tests that hang: on a busy machine everything takes many times as long.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // Only of what runs in the tests' own processes. Many tests start servers, workers and commands, and what these run is
    // not counted: src/cli shows nothing at all.
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      reporter: ['text'],
      reportOnFailure: true,
      // What the tests reach, in whole percents, where ASSETS_DIR has nothing. To be raised by hand when they reach more.
      thresholds: { statements: 75, branches: 66, functions: 71, lines: 76 },
    },
  },
});
