#!/usr/bin/env node
// Makes a release: version, changelog, image tags, commit, tag, package and software bill of materials. Nothing is pushed or published.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand } from './run-command.mjs';
import { readCommandLine, refuseCommandLine } from './shared/command-line.mjs';

const HELP = `Usage: node scripts/release.mjs <major | minor | patch | x.y.z> [--out <folder>] [--dry-run]

Gives what stands under "Unreleased" in CHANGELOG.md a version, commits and tags it, and writes into the folder:
the npm package, notes.md (for the release's page) and sbom.cdx.json (CycloneDX).

  --out <folder>   default: release
  --dry-run        only print the version and the notes
  --help           this text
`;
/** Files in which images carry the version. */
const TAGGED = [
  'Dockerfile',
  'docker-compose.yml',
  'deploy/kubernetes/menagerie.yaml',
  'deploy/kubernetes/kserve.yaml',
  'docs/deployment.md',
];
const UNRELEASED = '## Unreleased\n';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values, positionals } = readCommandLine(
  HELP,
  { out: { type: 'string', default: 'release' }, 'dry-run': { type: 'boolean' } },
  { allowPositionals: true },
);
const [wanted, ...others] = positionals;
if (!wanted || others.length > 0) refuseCommandLine(HELP, 'Name one version.');

const { version: before } = JSON.parse(text('package.json'));
const version = next(before, wanted);
const changelog = text('CHANGELOG.md');
const notes = notesOf(changelog);
if (values['dry-run']) {
  process.stdout.write(`${before} -> ${version}\n\n${notes}\n`);
  process.exit(0);
}
if (run('git', ['status', '--porcelain'], 'pipe') !== '') fail('The working tree has changes; commit them first.');

run('npm', ['version', version, '--no-git-tag-version', '--ignore-scripts'], 'pipe');
const date = new Date().toISOString().slice(0, 10);
write('CHANGELOG.md', changelog.replace(UNRELEASED, `${UNRELEASED}\n## ${version} (${date})\n`));
for (const file of TAGGED) {
  const tagged = text(file).replaceAll(`menagerie:${before}`, `menagerie:${version}`);
  write(file, tagged.replaceAll(`image.version="${before}"`, `image.version="${version}"`));
}
run(process.execPath, ['scripts/prepare.mjs']);
run(process.execPath, ['scripts/docs/generate-docs.mjs']);
run('git', ['commit', '--quiet', '--all', '--message', `Release ${version}`]);
run('git', ['tag', '--annotate', `v${version}`, '--message', `menagerie ${version}`]);

const out = resolve(values.out);
mkdirSync(out, { recursive: true });
writeFileSync(join(out, 'notes.md'), `${notes}\n`);
writeFileSync(join(out, 'sbom.cdx.json'), run('npm', ['sbom', '--omit=dev', '--sbom-format=cyclonedx'], 'pipe'));
const packed = run(process.execPath, ['scripts/pack.mjs', '--out', out], 'pipe');
process.stdout.write(
  `${version} is committed and tagged as v${version}. In ${out}: notes.md, sbom.cdx.json and ${packed.trim()}\n`,
);

/** The version that follows. @param {string} current @param {string} step */
function next(current, step) {
  if (/^\d+\.\d+\.\d+$/.test(step)) return step;
  const [major = 0, minor = 0, patch = 0] = current.split('.').map(Number);
  if (step === 'major') return `${major + 1}.0.0`;
  if (step === 'minor') return `${major}.${minor + 1}.0`;
  if (step === 'patch') return `${major}.${minor}.${patch + 1}`;
  return fail(`"${step}" is neither a version nor major, minor or patch.`);
}

/** What the changelog says under "Unreleased". @param {string} log */
function notesOf(log) {
  const [, after] = log.split(UNRELEASED);
  const found = after?.split(/^## /m)[0]?.trim();
  return found || fail('CHANGELOG.md has nothing under "Unreleased".');
}

/** @param {string} file @returns {string} */
function text(file) {
  return readFileSync(join(root, file), 'utf8');
}

/** @param {string} file @param {string} content */
function write(file, content) {
  writeFileSync(join(root, file), content);
}

/** Runs a command in the root folder, and ends this process if it fails. @param {string} command @param {string[]} args @param {'pipe' | 'inherit'} [stdout] */
function run(command, args, stdout = 'inherit') {
  const result = runCommand(command, args, root, stdout);
  return result.status === 0 ? result.stdout : fail(`${command} ${args[0]} failed.`);
}

/** @param {string} message @returns {never} */
function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
