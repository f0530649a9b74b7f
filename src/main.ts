#!/usr/bin/env node
import { closeSync, readFileSync } from 'node:fs';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { isatty } from 'node:tty';
import { setFlagsFromString } from 'node:v8';
import { isSystemError, reasonOf } from './system/errors.js';
import { openFilesFault } from './system/open-files.js';
import { BoundedOutput } from './system/output.js';

// The only file that knows the process: its arguments, environment, signals and end.

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
const stopping = new AbortController();
const terminals = [0, 1, 2].filter((fd) => isatty(fd));

// ONNX Runtime reports to its makers, by network and with an identity kept in the home folder, unless it finds this when it is
// loaded; workers have it in their environment, too (https://github.com/microsoft/onnxruntime/pull/27379).
process.env.ORT_DISABLE_TELEMETRY = '1';

// A heap may grow fourfold between full collections. Uploads are memory outside the heap, and with the engine's own choice,
// which leaves 8 MB to both together, every fifty to a hundred pictures would have all of the server's heap gone through.
setFlagsFromString('--heap-growing-percent=300');

for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    // The first asks, the second insists. Workers end with the server, however it ends.
    if (stopping.signal.aborted) process.kill(process.pid, 'SIGKILL');
    stopping.abort();
  });
}
// A terminal that is closed. It never insists: the shell and the system may each send one, and systemd one beside SIGTERM.
process.on('SIGHUP', () => stopping.abort());
// Left to Node the first would open a debugger's port, through which whoever reaches it can run anything, and the other end the
// process. Nothing here answers to them.
for (const name of ['SIGUSR1', 'SIGUSR2'] as const) process.on(name, () => {});

// Messages are written whether or not anybody reads them; results wait for their reader. `process.stderr` is asked for because
// that makes a pipe or socket one that does not block.
const { env, stdout: out, stderr } = process;
stderr.on('error', () => {});
const err = new BoundedOutput(2, (lines) => `${lines} messages were dropped\n`);
/** Milliseconds that the last messages may take, and the last results once the process is asked to end. */
const LAST_WORDS_MS = 1000;

let outputFailed = false;
out.on('error', (error: NodeJS.ErrnoException) => {
  // A reader that has seen enough (`menagerie list | head`) is no error.
  if (error.code === 'EPIPE') process.exit(0);
  if (outputFailed) return;
  outputFailed = true;
  err.write(`Cannot write the results: ${reasonOf(error)}.\n`);
  stopping.abort();
});

const code = await runProgram();
// A turn of the loop, for errors of writing to arrive.
await turn();
// What has been written must have left: a pipe takes 64 KiB at a time, and an exit drops the rest.
if (out.writableLength > 0) {
  const left = new Promise<void>((resolve) => out.write('', () => resolve()));
  const givenUp = new Promise<void>((resolve) => {
    const wait = () => void sleep(LAST_WORDS_MS).then(resolve);
    if (stopping.signal.aborted) wait();
    else stopping.signal.addEventListener('abort', wait, { once: true });
  });
  await Promise.race([left, givenUp]);
}
await err.flush(LAST_WORDS_MS);
// Node 20 gives a terminal its settings back, and aborts where it was closed.
for (const fd of terminals) if (!isatty(fd)) closeSync(fd);
// Not left to the event loop, which an idle worker or an open connection would keep going.
process.exit(outputFailed && code === 0 ? 1 : code);

/** Loads the program and runs the command line. */
async function runProgram(): Promise<number> {
  const fault = openFilesFault();
  if (fault !== undefined) {
    err.write(`${fault}\n`);
    return 2;
  }
  try {
    const { runCli } = await import('./cli/program.js');
    return await runCli(process.argv.slice(2), version, { env, out, err, signal: stopping.signal });
  } catch (error) {
    // The program itself says what else goes wrong; this is what keeps it from being loaded.
    if (!isSystemError(error)) throw error;
    err.write(`menagerie cannot start: ${reasonOf(error)}: ${error.path ?? error.syscall}\n`);
    return 1;
  }
}
