// The memory of a process and all that descend from it, now and at most.
import { pssOf, treeOf } from '../../dist/system/process-tree.js';

const MB = 1e6;
const LOOK_MS = 200;

/**
 * Watches the memory of a tree of processes. Pages that several processes share are divided among them (PSS).
 * @param {number} pid
 * @returns {{ read: () => { now: number, most: number }, stop: () => void }} in MB; `most` as seen five times a second
 */
export function watchTree(pid) {
  let most = 0;
  const look = () => {
    const bytes = pssOf(treeOf(pid));
    if (bytes === undefined) throw new Error('there is no /proc that says what processes take');
    most = Math.max(most, bytes / MB);
    return bytes / MB;
  };
  const timer = setInterval(look, LOOK_MS);
  return {
    read: () => ({ now: look(), most }),
    stop: () => clearInterval(timer),
  };
}
