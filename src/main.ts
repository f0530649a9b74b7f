#!/usr/bin/env node
import { setMaxListeners } from 'node:events';
import { closeSync, readFileSync } from 'node:fs';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { isatty } from 'node:tty';
import { setFlagsFromString } from 'node:v8';
import { isSystemError, reasonOf } from './system/errors.js';
import { Interrupted } from './system/interrupted.js';
import { openFilesFault } from './system/open-files.js';
import { BoundedOutput } from './system/output.js';

// The only file that accesses the process: arguments, environment, signals and exit.

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
const stopping = new AbortController();
// Every picture in progress listens to it, so many listeners are not a leak.
setMaxListeners(0, stopping.signal);
const terminals = [0, 1, 2].filter((fd) => isatty(fd));

// Unless this is set when ONNX Runtime is loaded, it sends usage data to Microsoft, with an identity stored in the home folder.
// Workers have it in their environment too (https://github.com/microsoft/onnxruntime/pull/27379).
process.env.ORT_DISABLE_TELEMETRY = '1';

// The heap may grow fourfold between full collections. By default V8 allows 8 MB of growth for the heap and for memory outside it,
// such as uploads, so that every fifty to a hundred pictures would cause a full collection.
setFlagsFromString('--heap-growing-percent=300');

for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    // The first signal stops the server, the second one kills it. Workers end with the server, however it ends.
    if (stopping.signal.aborted) process.kill(process.pid, 'SIGKILL');
    stopping.abort(new Interrupted(name));
  });
}
// A closed terminal. Never kills: the shell and the system may each send SIGHUP, and systemd may send it with SIGTERM.
process.on('SIGHUP', () => stopping.abort(new Interrupted('SIGHUP')));
// The program that forked this one with a channel has gone (see runtime/child-program.ts).
process.on('disconnect', () => stopping.abort(new Interrupted('SIGTERM')));
// Ignored. By default Node opens a debugger port at SIGUSR1, which lets anyone who reaches it run code, and ends at SIGUSR2.
for (const name of ['SIGUSR1', 'SIGUSR2'] as const) process.on(name, () => {});

// Messages never wait for a reader; results do. Accessing `process.stderr` makes a pipe or socket non-blocking.
const { env, stdout: out, stderr } = process;
stderr.on('error', () => {});
const err = new BoundedOutput(2, (lines) => `${lines} messages were dropped\n`);
/** Longest wait for the last messages to be written, and for the last results after a signal, in milliseconds. */
const LAST_OUTPUT_MS = 1000;

let outputFailed = false;
out.on('error', (error: NodeJS.ErrnoException) => {
  // A reader that closes early (`menagerie list | head`) is not an error.
  if (error.code === 'EPIPE') process.exit(0);
  if (outputFailed) return;
  outputFailed = true;
  err.write(`Cannot write the results: ${reasonOf(error)}.\n`);
  stopping.abort();
});

const code = await runProgram();
// One turn of the event loop, so that write errors arrive.
await turn();
// Wait until all output has left the process: a pipe takes 64 KiB at a time, and exiting drops the rest.
if (out.writableLength > 0) {
  const left = new Promise<void>((resolve) => out.write('', () => resolve()));
  const givenUp = new Promise<void>((resolve) => {
    const wait = () => void sleep(LAST_OUTPUT_MS).then(resolve);
    if (stopping.signal.aborted) wait();
    else stopping.signal.addEventListener('abort', wait, { once: true });
  });
  await Promise.race([left, givenUp]);
}
await err.flush(LAST_OUTPUT_MS);
// At exit Node 20 restores the settings of terminals, and aborts if one was closed.
for (const fd of terminals) if (!isatty(fd)) closeSync(fd);
// Explicit, because an idle worker or an open connection would keep the event loop running.
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
    return await runCli(process.argv.slice(2), version, {
      env,
      input: () => process.stdin,
      out,
      err,
      signal: stopping.signal,
    });
  } catch (error) {
    // The program could not be loaded. It reports other errors itself.
    if (!isSystemError(error)) throw error;
    err.write(`menagerie cannot start: ${reasonOf(error)}: ${error.path ?? error.syscall}\n`);
    return 1;
  }
}
