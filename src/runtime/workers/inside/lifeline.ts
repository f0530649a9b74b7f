import { readSync } from 'node:fs';

// A thread of a worker's process, where the kernel does not end that with the server. It watches a pipe that ends when the server
// has ended, however that came about: an endless run in the main thread would not notice.

/** It is there when the process starts (see launch.ts). Nothing is ever written to it. */
const PIPE = 4;
const CHECK_MS = 500;

const clock = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
while (isOpen()) Atomics.wait(clock, 0, 0, CHECK_MS);
process.kill(process.pid, 'SIGKILL');

function isOpen(): boolean {
  try {
    return readSync(PIPE, new Uint8Array(1)) > 0;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EAGAIN';
  }
}
