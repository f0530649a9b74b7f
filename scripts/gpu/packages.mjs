// Which installed packages a program needs, by package-lock.json.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * @typedef {object} Locked
 * @property {boolean} [dev]
 * @property {Record<string, string>} [dependencies]
 * @property {Record<string, string>} [optionalDependencies]
 * @property {Record<string, string>} [peerDependencies]
 */

/**
 * Folders, such as node_modules/a/node_modules/b, of the packages that the project runs on and that others need, as far as they are
 * installed: those for other platforms are not.
 * @param {string} root @param {readonly string[]} others names of packages
 * @returns {string[]}
 */
export function packagesFor(root, others) {
  /** @type {{ packages: Record<string, Locked> }} */
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const project = packages[''] ?? {};
  /** @type {Set<string>} */
  const found = new Set();
  const visit = (/** @type {string} */ name, /** @type {string} */ from) => {
    // As Node looks for it: beside whoever asks, then further up.
    for (let base = from; ; base = base.slice(0, Math.max(0, base.lastIndexOf('node_modules/') - 1))) {
      const folder = `${base === '' ? '' : `${base}/`}node_modules/${name}`;
      const locked = packages[folder];
      if (locked) {
        if (!found.has(folder) && existsSync(join(root, folder))) {
          found.add(folder);
          for (const needed of namesIn(locked)) visit(needed, folder);
        }
        return;
      }
      if (base === '') return;
    }
  };
  for (const name of [...Object.keys(project.dependencies ?? {}), ...others]) visit(name, '');
  return [...found].sort();
}

/** @param {Locked} locked */
const namesIn = ({ dependencies, optionalDependencies, peerDependencies }) =>
  Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies });
