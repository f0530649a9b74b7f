import { setTimeout as sleep } from 'node:timers/promises';
import { MenagerieError } from '../../core/errors.js';
import Type, { Compile } from '../../core/schema/typebox.js';
import { ChildProgram } from '../../runtime/child-program.js';

/** For starting Node, in addition to loading the model, even on a busy machine. */
const START_MS = 60_000;
const POLL_MS = 50;

const STATUS = Compile(Type.Object({ state: Type.String(), reason: Type.Union([Type.String(), Type.Null()]) }));

/** A server as users start it, for one model, on a free port of this machine. */
export class OwnServer {
  readonly url: URL;
  readonly pid: number | undefined;
  /** Aborts with `server_failed` when the server ends without being asked to. */
  readonly lost: AbortSignal;
  readonly #program: ChildProgram;

  private constructor(program: ChildProgram, lost: AbortSignal, url: URL) {
    this.#program = program;
    this.lost = lost;
    this.pid = program.pid;
    this.url = url;
  }

  /**
   * Starts it and waits until it is ready.
   * @param model its id, and its entry in MENAGERIE_MODELS
   * @param flags of `serve`
   * @throws MenagerieError `server_failed` with what the server says; the signal's reason
   */
  static async start(
    model: { id: string; entry: string },
    flags: readonly string[],
    env: NodeJS.ProcessEnv,
    loadTimeoutMs: number,
    signal: AbortSignal,
  ): Promise<OwnServer> {
    const program = new ChildProgram(['serve', ...flags], {
      ...env,
      HOST: '127.0.0.1',
      PORT: '0',
      MENAGERIE_MODELS: model.entry,
      // The speed of a network without trained weights means something too.
      MENAGERIE_UNTRAINED: 'allow',
      MENAGERIE_DRAIN_DELAY_MS: '0',
    });
    const lost = new AbortController();
    void program.ended.then(() => lost.abort(failed('ended', program)));
    const late = AbortSignal.timeout(START_MS + loadTimeoutMs);
    try {
      const url = await untilReady(program, model.id, AbortSignal.any([signal, lost.signal, late]));
      return new OwnServer(program, lost.signal, url);
    } catch (error) {
      await program.stop();
      signal.throwIfAborted();
      if (error instanceof MenagerieError) throw error;
      // A request to it may have failed before its end was seen.
      throw failed(late.aborted ? 'is not ready in time' : 'ended', program);
    }
  }

  /** Ends it, and waits until it has ended. */
  async stop(): Promise<void> {
    await this.#program.stop();
  }
}

/** Waits until a server listens and has loaded its model. @throws MenagerieError `server_failed`; the signal's reason */
async function untilReady(program: ChildProgram, id: string, signal: AbortSignal): Promise<URL> {
  for (;;) {
    signal.throwIfAborted();
    const address = /listens on (http:\S+)\n/.exec(program.messages)?.[1];
    if (address !== undefined) {
      const status: unknown = await (await fetch(`${address}/models/${id}`, { signal })).json();
      if (!STATUS.Check(status)) throw failed('does not know the model', program);
      if (status.state === 'ready') return new URL(address);
      if (status.state === 'failed')
        throw new MenagerieError('server_failed', `The server cannot load ${id}: ${status.reason}`);
    }
    await sleep(POLL_MS, undefined, { signal }).catch(() => {});
  }
}

function failed(how: string, { messages }: ChildProgram): MenagerieError {
  return new MenagerieError('server_failed', `The server ${how}. It said:\n${messages.trim()}`);
}
