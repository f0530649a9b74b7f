#!/usr/bin/env node
// A reliability run: sends the server everything that should not hurt it, and holds its counters against what came back.
import { MACHINE } from '../measure/measuring.mjs';
import { readCommandLine, refuseCommandLine } from '../shared/command-line.mjs';
import { aborts } from './aborts.mjs';
import { bombs } from './bombs.mjs';
import { Context } from './context.mjs';
import { decoding } from './decoding.mjs';
import { disk } from './disk.mjs';
import { floods } from './floods.mjs';
import { hostile } from './hostile.mjs';
import { idle } from './idle.mjs';
import { mutated } from './mutated.mjs';
import { overload } from './overload.mjs';
import { reloads } from './reloads.mjs';
import { textOf } from './report.mjs';
import { sigterm } from './sigterm.mjs';
import { slow } from './slow.mjs';
import { workers } from './workers.mjs';

const SCENARIOS = [
  mutated,
  bombs,
  decoding,
  aborts,
  slow,
  floods,
  idle,
  overload,
  workers,
  hostile,
  reloads,
  sigterm,
  disk,
];

const HELP = `Usage: npm run torture -- [options]

Starts servers with the bundled networks, does to them what clients, operators and machines may do, and prints for every
scenario what was sent, what came back, and whether the server's counters say the same. Ends with 1 if anything failed.

${SCENARIOS.map(({ name, about }) => `  ${name.padEnd(16)} ${about}`).join('\n')}

  --only <names>   only these, by commas
  --pictures <n>   pictures that "mutated" damages (default 10000)
  --aborts <n>     connections that "aborts" breaks off (default 200000)
  --seed <n>       of everything random (default 1)
  --json           for machines
  --help           this text

Settings of servers in the environment are ignored.
`;

const { values: options } = readCommandLine(HELP, {
  only: { type: 'string' },
  pictures: { type: 'string', default: '10000' },
  aborts: { type: 'string', default: '200000' },
  seed: { type: 'string', default: '1' },
  json: { type: 'boolean', default: false },
});
/** @type {string[]} */
const names = SCENARIOS.map(({ name }) => name);
const wanted = options.only?.split(',') ?? names;
const unknown = wanted.filter((name) => !names.includes(name));
const [pictures, abortCount, seed] = [Number(options.pictures), Number(options.aborts), Number(options.seed)];
const isWhole = (/** @type {number} */ value, /** @type {number} */ least) =>
  Number.isInteger(value) && value >= least && value < 2 ** 32;
if (unknown.length > 0) refuseCommandLine(HELP, `There is no scenario ${unknown.join(', ')}.`);
if (!isWhole(pictures, 1) || !isWhole(abortCount, 1) || !isWhole(seed, 0))
  refuseCommandLine(HELP, 'Pictures, aborts and the seed are whole numbers below 2^32, and only the seed may be 0.');

const progress = (/** @type {string} */ text) => {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
};
const started = performance.now();
const results = [];
for (const { name, about, run } of SCENARIOS) {
  if (!wanted.includes(name)) continue;
  const context = new Context({ seed, pictures, aborts: abortCount, progress: (text) => progress(`${name}: ${text}`) });
  const begun = performance.now();
  progress(`${name} ...`);
  try {
    await run(context);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    context.report.check('the scenario came to its end', false, reason);
  } finally {
    context.end();
    progress('');
  }
  const { report } = context;
  const seconds = (performance.now() - begun) / 1000;
  results.push({ name, about, seconds, ...report, failed: report.failed });
  if (!options.json) process.stdout.write(`${textOf(name, about, seconds, report)}\n`);
}
const failed = results.filter((result) => result.failed).map(({ name }) => name);
const skipped = results.filter((result) => result.skipped !== undefined).map(({ name }) => name);
const seconds = (performance.now() - started) / 1000;
if (options.json)
  process.stdout.write(
    `${JSON.stringify({ machine: MACHINE, node: process.version, seed, seconds, results }, null, 2)}\n`,
  );
else {
  const list = (/** @type {string[]} */ some) => (some.length === 0 ? 'none' : some.join(', '));
  process.stdout.write(
    `${results.length} scenarios in ${seconds.toFixed(0)} s on ${MACHINE}, Node ${process.version}, seed ${seed}; ` +
      `failed: ${list(failed)}; skipped: ${list(skipped)}\n`,
  );
}
process.exitCode = failed.length > 0 ? 1 : 0;
