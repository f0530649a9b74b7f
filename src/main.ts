#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { setFlagsFromString } from 'node:v8';

// The only file that knows the process: its arguments, environment, signals and end.

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
const stopping = new AbortController();

// ONNX Runtime reports to its makers, by network and with an identity kept in the home folder, unless it finds this when it is
// loaded, which the lanes do later (https://github.com/microsoft/onnxruntime/pull/27379).
process.env.ORT_DISABLE_TELEMETRY = '1';

// A heap may grow fourfold between full collections. Uploads are memory outside the heap, and with the engine's own choice,
// which leaves 8 MB to both together, every fifty to a hundred pictures would have all of the server's heap gone through.
setFlagsFromString('--heap-growing-percent=300');

// Pictures are decoded by libuv's threads: four, unless it finds this before it starts them. Loading the rest of the program
// does that; Node 20 has done so by now.
process.env.UV_THREADPOOL_SIZE ??= String(Math.max(4, availableParallelism()));

for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    // The first asks, the second insists: process.exit would wait for what runs natively in the lanes.
    if (stopping.signal.aborted) process.kill(process.pid, 'SIGKILL');
    stopping.abort();
  });
}
// A reader that has seen enough (`menagerie list | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const { runCli } = await import('./cli/program.js');
const { env, stdout: out, stderr: err } = process;
const code = await runCli(process.argv.slice(2), version, { env, out, err, signal: stopping.signal });
// What has been written must have left: a pipe takes 64 KiB at a time, and an exit drops the rest.
for (const stream of [out, err]) await new Promise<void>((resolve) => stream.write('', () => resolve()));
// Not left to the event loop, which an idle lane or an open connection would keep going.
process.exit(code);
