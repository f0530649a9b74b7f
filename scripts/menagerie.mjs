#!/usr/bin/env node
// The command `menagerie`. In a checkout it installs and compiles first what has changed; an installed package has no sources.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** @type {NodeJS.Signals[]} */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

const prepare = fileURLToPath(new URL('./prepare.mjs', import.meta.url));
if (existsSync(prepare)) await makeReady();
await import('../dist/main.js');

/** Runs prepare.mjs, and ends as it does where it fails. */
async function makeReady() {
  // In a group of its own, so that whoever ends this process ends the installing and compiling too. Windows has no groups.
  const grouped = process.platform !== 'win32';
  const child = spawn(process.execPath, [prepare], { stdio: ['ignore', 2, 2], detached: grouped });
  /** @type {NodeJS.Signals | undefined} */
  let received;
  /** @param {NodeJS.Signals} signal */
  const end = (signal) => {
    received = signal;
    if (child.pid === undefined || child.exitCode !== null) return;
    if (grouped) process.kill(-child.pid, signal);
    else child.kill(signal);
  };
  for (const name of SIGNALS) process.on(name, end);
  const [status] = await once(child, 'exit');
  for (const name of SIGNALS) process.off(name, end);
  if (received && grouped) killRest(child.pid);
  // As it would have ended if it had not waited.
  if (received) process.kill(process.pid, received);
  if (status !== 0) process.exit(status ?? 1);
}

/**
 * Ends what is left of a group. A shell may miss a signal between two commands, and a command may ignore it; what they have done by
 * half is done anew the next time.
 * @param {number | undefined} group
 */
function killRest(group) {
  if (group === undefined) return;
  try {
    process.kill(-group, 'SIGKILL');
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ESRCH') throw error;
  }
}
