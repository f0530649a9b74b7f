import type { Socket } from 'node:net';

const long = new WeakSet<Socket>();

/** Allows the request that arrives on a connection more time than others have. Whoever reads it has to limit the time. */
export function allowLongUpload(socket: Socket): void {
  long.add(socket);
}

/** Ends that for the connection's next requests. */
export function endLongUpload(socket: Socket): void {
  long.delete(socket);
}

/** Whether the request that arrives on a connection may take longer than others. */
export function isLongUpload(socket: Socket): boolean {
  return long.has(socket);
}
