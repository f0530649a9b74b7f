import { type DestinationStream, type Logger, pino } from 'pino';

/**
 * The service's log: one JSON object a line, so nothing a client sends can break a line. Requests are logged once each,
 * by the HTTP room; headers and bodies never are.
 * @param destination default: standard output
 */
export function createLogger(
  level: string,
  destination: DestinationStream = pino.destination({ dest: 1, sync: true }),
): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
}
