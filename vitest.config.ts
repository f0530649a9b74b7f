import { defineConfig } from 'vitest/config';

// For tests that load ONNX Runtime themselves; menagerie turns its reports off by itself (src/main.ts).
process.env.ORT_DISABLE_TELEMETRY = '1';

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    // Two test files at a time: the machines this runs on have two cores, and files that load networks are heavy.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
