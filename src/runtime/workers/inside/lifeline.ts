import { readSync } from 'node:fs';

// A thread of a worker process, used if the kernel cannot end workers with the server. It watches a pipe that closes when the server
// ends, for whatever reason. The main thread could not do this, because it may be in an endless computation.

/** File descriptor of the pipe, which is open from the start (see launch.ts). Nothing is ever written to it. */
const PIPE = 4;
const CHECK_MS = 500;

const clock = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
while (isOpen()) Atomics.wait(clock, 0, 0, CHECK_MS);
process.kill(process.pid, 'SIGKILL');

function isOpen(): boolean {
  try {
    return readSync(PIPE, new Uint8Array(1)) > 0;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EAGAIN';
  }
}
