import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';

/** Proxies close connections on which nothing is sent for a minute or so. */
const HEARTBEAT_MS = 15_000;

/**
 * Values as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html): each as JSON, and a comment now and
 * then while there are none. A value is taken only when the client has read the one before.
 * @param heartbeatMs time without a value after which a comment is sent
 */
export function serverSentEvents(values: AsyncGenerator<object>, heartbeatMs = HEARTBEAT_MS): Readable {
  return Readable.from(textOf(values, heartbeatMs), { highWaterMark: 1 });
}

/** Sends events. The reply ends with them. Proxies such as nginx are asked to pass on each at once. */
export function sendEvents(reply: FastifyReply, events: Readable): FastifyReply {
  return reply
    .type('text/event-stream')
    .headers({ 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
    .send(events);
}

async function* textOf(values: AsyncGenerator<object>, heartbeatMs: number): AsyncGenerator<string> {
  const ask = () => {
    const asked = values.next();
    // It may fail while the client reads a comment, or has left.
    asked.catch(() => undefined);
    return asked;
  };
  let next = ask();
  try {
    for (;;) {
      let timer: NodeJS.Timeout | undefined;
      const quiet = new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), heartbeatMs)));
      const result = await Promise.race([next, quiet]).finally(() => clearTimeout(timer));
      if (result?.done) return;
      if (result) {
        yield `data: ${JSON.stringify(result.value)}\n\n`;
        next = ask();
      } else yield ': still here\n\n';
    }
  } finally {
    // If the client left meanwhile, nobody waits for what comes next.
    values.return(undefined).catch(() => undefined);
  }
}
