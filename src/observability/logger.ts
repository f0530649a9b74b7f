import type { LoggerOptions } from 'pino';

/**
 * Options of the service's log: one JSON object a line on standard output, so nothing a client sends can break a line.
 * Requests are logged once each, by the HTTP room; headers and bodies never are.
 */
export function loggerOptions(level: string): LoggerOptions {
  return {
    level,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label) => ({ level: label }) },
    redact: ['req.headers', 'config.adminKey'],
  };
}
