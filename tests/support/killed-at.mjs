// Preloaded into a process that is to be killed in the middle of its work on the disk: KILL_AT says before which call that changes
// something.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

let left = Number(process.env.KILL_AT);
const changing = /** @type {const} */ (['copyFile', 'link', 'mkdir', 'rename', 'rm', 'rmdir', 'utimes', 'writeFile']);
const count = () => {
  if (--left === 0) process.kill(process.pid, 'SIGKILL');
};
const promises = /** @type {Record<string, (...args: unknown[]) => Promise<unknown>>} */ (
  /** @type {unknown} */ (fs.promises)
);
for (const name of changing) {
  const call = promises[name];
  if (!call) continue;
  promises[name] = (...args) => {
    count();
    return call(...args);
  };
}
const { open } = fs.promises;
fs.promises.open = async (path, flags, mode) => {
  if (flags === 'wx') count();
  return await open(path, flags, mode);
};
syncBuiltinESMExports();
