import { expect, test } from 'vitest';
import { Stop, type StopSignal } from '../../../src/core/queues/stop-signal.js';

/** What a listener sees of a signal that is aborted, listened to twice and left once. */
function seen(signal: StopSignal, abort: (reason: unknown) => void) {
  const told: unknown[] = [];
  const listener = () => told.push(['one', signal.aborted, signal.reason]);
  const left = () => told.push('left');
  signal.addEventListener('abort', listener, { once: true });
  signal.addEventListener('abort', left, { once: true });
  signal.addEventListener('abort', () => told.push('two'), { once: true });
  signal.removeEventListener('abort', left);
  told.push(signal.aborted, signal.reason);
  signal.throwIfAborted();
  abort('first');
  abort('second');
  signal.addEventListener('abort', () => told.push('late'), { once: true });
  expect(() => signal.throwIfAborted()).toThrow('first');
  return told;
}

test('a stop tells its listeners what an AbortController does', () => {
  const [stop, node] = [new Stop(), new AbortController()];
  const told = seen(stop, (reason) => stop.abort(reason));
  expect(told).toEqual([false, undefined, ['one', true, 'first'], 'two']);
  expect(told).toEqual(seen(node.signal, (reason) => node.abort(reason)));
});
