import { type ChildProcess, spawn } from 'node:child_process';

/**
 * Sets a limit for each line, and answers each with a line. Only soft limits, hence the colon after the bytes: a hard limit could never be
 * raised again. It ends with its input, not with a signal from a terminal, since the server may still load a model then.
 */
const LOOP =
  'trap "" INT TERM HUP; while read -r pid bytes; do prlimit --pid "$pid" "--data=$bytes:" 2>/dev/null; echo; done';

/** Longer than the shell takes on any machine: it was stopped. */
const TIMEOUT_MS = 5000;

/**
 * Limits what processes may allocate (RLIMIT_DATA). One shell does that for the life of the server: starting a program stops the
 * server until that program runs, for 40 ms on a busy machine, and loading a model sets six limits.
 */
class DataLimits {
  #shell: ChildProcess | undefined;
  /** Called when the shell has set the limits that were asked for, in order. */
  readonly #waiting: (() => void)[] = [];

  /**
   * Limits what a process may allocate. If that fails, the process has ended or keeps its limit.
   * @param bytes a whole number: prlimit takes a fraction for the end of the number, and sets the hard limit too
   */
  set(pid: number, bytes: number): Promise<void> {
    const shell = this.#shell ?? this.#start();
    return new Promise((resolve) => {
      const timer = setTimeout(() => shell.kill('SIGKILL'), TIMEOUT_MS);
      this.#waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
      shell.stdin?.write(`${pid} ${bytes}\n`);
    });
  }

  #start(): ChildProcess {
    const shell = spawn('/bin/sh', ['-c', LOOP], { stdio: ['pipe', 'pipe', 'ignore'] });
    this.#shell = shell;
    const ended = () => {
      if (this.#shell !== shell) return;
      this.#shell = undefined;
      for (const resolve of this.#waiting.splice(0)) resolve();
    };
    shell.once('error', ended).once('exit', ended);
    // Its end says what happened.
    shell.stdin.on('error', () => {});
    shell.stdout.on('data', (answers: Buffer) => {
      for (const resolve of this.#waiting.splice(0, answers.length)) resolve();
    });
    // It ends with this process, which need not wait for it.
    shell.unref();
    for (const pipe of [shell.stdin, shell.stdout])
      if ('unref' in pipe && typeof pipe.unref === 'function') pipe.unref();
    return shell;
  }
}

/** The limits that this process sets. */
export const dataLimits = new DataLimits();
