import type { Socket } from 'node:net';

/** Bytes a second that an upload must bring. */
export const LEAST_RATE = 1024;

/**
 * Watches what comes on a connection.
 * @param windowMs time over which the rate is averaged
 * @param onSlow called whenever less than LEAST_RATE came in a window
 * @returns what ends it
 */
export function watchRate(socket: Socket, windowMs: number, onSlow: () => void): () => void {
  let before = socket.bytesRead;
  let watching = true;
  const timer = setInterval(() => {
    // What has arrived while this process was held up is read before the immediate.
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
