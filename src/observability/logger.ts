import { type DestinationStream, type Logger, pino } from 'pino';
import { BoundedOutput } from '../system/output.js';

const timestamp = () => `"time":"${new Date().toISOString()}"`;

/**
 * The service's log: one JSON object a line, so nothing a client sends can break a line. Requests are logged once each,
 * by the HTTP room; headers and bodies never are.
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

/** Standard output as a destination of the log that neither blocks nor ends the server. */
export function logOutput(): BoundedOutput {
  return new BoundedOutput(
    1,
    (lines) => `{"level":"warn",${timestamp()},"lines":${lines},"msg":"${lines} log lines were dropped"}\n`,
  );
}
