import type { Socket } from 'node:net';

/** Slowest accepted rate of an upload, in bytes per second. */
export const LEAST_RATE = 1024;

/**
 * Watches the rate at which data arrives on a connection.
 * @param windowMs time over which the rate is averaged
 * @param onSlow called after each window with a rate below LEAST_RATE
 * @returns stops watching
 */
export function watchRate(socket: Socket, windowMs: number, onSlow: () => void): () => void {
  let before = socket.bytesRead;
  let watching = true;
  const timer = setInterval(() => {
    // Data that arrived while this process was busy is read before the immediate runs.
    setImmediate(() => {
      const now = socket.bytesRead;
      if (watching && now - before < (LEAST_RATE * windowMs) / 1000) onSlow();
      before = now;
    });
  }, windowMs);
  return () => {
    watching = false;
    clearInterval(timer);
  };
}
