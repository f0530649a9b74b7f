import { spawnSync } from 'node:child_process';

/**
 * Runs a command to its end. Its messages go to this process's stderr.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {string} cwd
 * @param {2 | 'pipe' | 'inherit'} stdout 2: to stderr
 * @returns {{ status: number, stdout: string }} status 1 for a command that could not be started
 */
export function runCommand(command, args, cwd, stdout) {
  // npm is a script on Windows, which only a shell starts.
  const shell = process.platform === 'win32' && command === 'npm';
  const result = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    shell,
    stdio: ['ignore', stdout, 2],
  });
  if (result.error) process.stderr.write(`${command} could not be started: ${result.error.message}\n`);
  return { status: result.status ?? 1, stdout: result.stdout ?? '' };
}
