import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { describe, expect, onTestFinished, test } from 'vitest';
import { cpuSecondsOf, pssOf, statOf, treeOf } from '../../../src/system/process-tree.js';

/** A shell script, and the first line that it writes. */
async function shell(script: string): Promise<{ pid: number; line: string }> {
  const child = spawn('sh', ['-c', script, process.execPath], { stdio: ['pipe', 'pipe', 'inherit'] });
  // Whatever runs in it reads from there, and ends with it.
  onTestFinished(() => void child.stdin.end());
  const { value } = await createInterface(child.stdout)[Symbol.asyncIterator]().next();
  return { pid: child.pid ?? 0, line: String(value) };
}

/** Computes until it has taken 0.3 s of processor time, and says how much in microseconds. */
const BURN = `let u; do { u = process.cpuUsage(); } while (u.user + u.system < 3e5); console.log(u.user + u.system);`;
/** What the kernel counts in. */
const TICK_S = 0.01;

describe.runIf(process.platform === 'linux')('a tree of processes', () => {
  test('has those that descend from it', async () => {
    const { pid, line } = await shell('sh -c "echo \\$\\$; read x; true"; true');
    expect(treeOf(pid)).toEqual([pid, Number(line)]);
    expect(statOf(Number(line))?.parent).toBe(pid);
    expect(treeOf(process.pid)).toContain(Number(line));
  });

  test('keeps the processor time of those that have ended', async () => {
    const { pid, line } = await shell(`nice -n 3 "$0" -e '${BURN}' && echo && read x`);
    const used = Number(line) / 1e6;
    await expect.poll(() => treeOf(pid).length).toBe(1);
    expect(cpuSecondsOf(treeOf(pid))).toBeGreaterThanOrEqual(used - TICK_S);
  });

  test('has memory and a priority', async () => {
    const { pid, line } = await shell(
      `nice -n 3 "$0" -e 'const held = Buffer.alloc(1e8, 1); console.log(process.pid); process.stdin.resume().on("end", () => held)'; true`,
    );
    expect(statOf(Number(line))?.niceness).toBe(3 + (statOf(process.pid)?.niceness ?? 0));
    const [whole = 0, inner = 0] = [pssOf(treeOf(pid)), pssOf([Number(line)])];
    expect(inner).toBeGreaterThan(1e8);
    expect(whole).toBeGreaterThan(inner);
  });

  test('that has ended has nothing to tell', async () => {
    // Beyond the largest id that Linux gives.
    const nobody = 2 ** 22 + 1;
    expect(statOf(nobody)).toBeUndefined();
    expect(cpuSecondsOf([nobody])).toBeUndefined();
    expect(pssOf([nobody])).toBeUndefined();
    expect(cpuSecondsOf([nobody, process.pid])).toBeGreaterThan(0);
  });
});
