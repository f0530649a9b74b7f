import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { inTemporaryFolder } from '../shared/temporary-folder.mjs';
import { cleanEnvironment } from './environment.mjs';
import { shown } from './tally.mjs';

/** @import { Context } from './context.mjs' */

/**
 * What a pull left.
 * @typedef {{ status: number, message: string, pulled: boolean, files: Record<string, number> }} Pulled
 */

export const disk = {
  name: 'disk',
  about: 'a pull onto a full disk says so, leaves nothing that could be taken for weights, and continues',
  run,
};

const TRIALS = fileURLToPath(new URL('./small-disk.mjs', import.meta.url));
/** Runs a program in a place of its own; there is one on Linux. */
const UNSHARE = 'unshare';
/** Ways to where small file systems can be mounted without anyone else seeing them: as any user, and as root. */
const WAYS = [['-Urm'], ['-m']];

/** @param {Context} context */
async function run(context) {
  const { report } = context;
  await inTemporaryFolder(async (root) => {
    const { way, reason } = findWay(root);
    if (!way) {
      report.skipped = `a small file system cannot be mounted here: ${reason}`;
      return;
    }
    await tryDisks(context, way, root);
  });
}

/** @param {string} folder to mount at */
function findWay(folder) {
  let reason = '';
  for (const way of WAYS) {
    const mount = ['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder];
    const { status, error, stderr } = spawnSync(UNSHARE, [...way, ...mount], { encoding: 'utf8' });
    if (status === 0) return { way, reason };
    reason = error ? `there is no command ${UNSHARE}` : stderr.trim();
  }
  return { way: undefined, reason };
}

/** @param {Context} context @param {string[]} way @param {string} root */
async function tryDisks({ report }, way, root) {
  const child = spawn(UNSHARE, [...way, process.execPath, TRIALS, root], {
    env: cleanEnvironment(),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [out, [status]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  if (status !== 0) throw new Error(`the pulls could not be tried: status ${status}`);
  /** @type {{ file: string, trials: Record<string, { full: Pulled, roomy: Pulled, right: boolean }>, asked: number[] }} */
  const { file, trials, asked } = JSON.parse(out);
  report.sent.push(`${Object.keys(trials).length} pulls onto disks of 1 MB, and again when there was room`);
  for (const [trial, { full, roomy, right }] of Object.entries(trials)) {
    report.back.push(`${trial}: ${full.message.replaceAll(root, '...')}`);
    const says = full.status === 1 && /^[^\n]*: the disk is full \[io_error\]$/.test(full.message);
    report.check(`${trial}: the pull fails and says why in one line`, says, `status ${full.status}`);
    const left = Object.entries(full.files).map(([name, size]) => `${name} (${shown(size)} bytes)`);
    const safe = !full.pulled && !(file in full.files);
    report.check(`${trial}: nothing passes for weights`, safe, `what is left: ${left.join(', ') || 'nothing'}`);
    const whole = roomy.status === 0 && roomy.pulled && right && Object.keys(roomy.files).join() === file;
    report.check(
      `${trial}: with room it succeeds`,
      whole,
      `status ${roomy.status}, ${Object.keys(roomy.files).join(', ')}`,
    );
  }
  const [kept] = Object.values(trials['over HTTP, full half-way']?.full.files ?? {});
  report.equal('bytes that the mirror was asked to begin at, first and then', asked.join(' '), `0 ${kept}`);
}
