import { type DestinationStream, type Logger, pino } from 'pino';
import { BoundedOutput } from '../system/output.js';

const timestamp = () => `"time":"${new Date().toISOString()}"`;

/**
 * The server's log: one JSON object per line, so that text from clients cannot break lines. The HTTP room logs each request once;
 * headers and bodies are never logged.
 */
export function createLogger(level: string, destination: DestinationStream): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: () => `,${timestamp()}`,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
}

/** Standard output as a log destination that never blocks or fails. */
export function logOutput(): BoundedOutput {
  return new BoundedOutput(
    1,
    (lines) => `{"level":"warn",${timestamp()},"lines":${lines},"msg":"${lines} log lines were dropped"}\n`,
  );
}
