import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

interface Prediction {
  index: number;
  label: string;
  short_name: string;
  score: number;
}

/** What POST /classify and /ensemble answer, as far as tests look at it. */
export interface ClassifyReply {
  model: { id: string; variant: string; version: string; chosen_because?: string };
  ensemble?: { id?: string; combine: string; min_members: number; members: { id: string; weight: number }[] };
  results: {
    name?: string;
    width?: number;
    views?: number;
    predictions?: Prediction[];
    members?: { model: string; predictions: Prediction[] }[];
    missing?: { model: string; code: string; detail: string }[];
    agreement?: { votes: number; members: number; jensen_shannon: number };
    error?: { code: string };
  }[];
}

/** Sends one picture as the body. */
export function postPicture(
  url: string,
  bytes: Uint8Array<ArrayBuffer>,
  { path = '/classify', query = 'model=m', ...init }: RequestInit & { path?: string; query?: string } = {},
): Promise<Response> {
  return fetch(`${url}${path}?${query}`, {
    method: 'POST',
    body: bytes,
    headers: { 'content-type': 'image/png' },
    ...init,
  });
}

/** A form with these files in the field `image`. */
export function formOf(...files: Uint8Array<ArrayBuffer>[]): FormData {
  const form = new FormData();
  for (const [i, bytes] of files.entries()) form.append('image', new Blob([bytes]), `picture-${i}.png`);
  return form;
}

/** The class that an answer puts first, picture by picture; an error code where there is none. */
export async function answers(response: Response): Promise<(number | string | undefined)[]> {
  const { results } = (await response.json()) as ClassifyReply;
  return results.map(({ predictions, error }) => predictions?.[0]?.index ?? error?.code);
}

/** The only result of an answer. */
export async function resultOf(response: Response): Promise<ClassifyReply['results'][number]> {
  const { results } = (await response.json()) as ClassifyReply;
  const [only, another] = results;
  if (!only || another) throw new Error(`${results.length} results`);
  return only;
}

/** The stable code of an error reply. */
export async function codeOf(response: Response): Promise<string> {
  return ((await response.json()) as { code: string }).code;
}

/** A bare connection that ends with the test. */
export async function openSocket(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  // Being cut off is among the things that are tested.
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

export interface RawReply {
  status: number;
  headers: Map<string, string>;
  body: string;
}

/** Reads one reply with Content-Length from a connection. */
export async function readReply(socket: Socket): Promise<RawReply> {
  let text = '';
  const parse = (): RawReply | undefined => {
    const end = text.indexOf('\r\n\r\n');
    if (end === -1) return undefined;
    const [first = '', ...lines] = text.slice(0, end).split('\r\n');
    const headers = new Map(
      lines.map((line) => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
      }),
    );
    const body = text.slice(end + 4);
    if (body.length < Number(headers.get('content-length') ?? 0)) return undefined;
    return { status: Number(first.split(' ')[1]), headers, body };
  };
  return await new Promise((resolve, reject) => {
    const onData = (chunk: Buffer) => {
      text += chunk.toString('latin1');
      const reply = parse();
      if (!reply) return;
      socket.off('data', onData);
      socket.off('close', onClose);
      socket.off('end', onClose);
      resolve(reply);
    };
    const onClose = () => reject(new Error(`the connection closed; received so far: ${JSON.stringify(text)}`));
    socket.on('data', onData);
    socket.once('close', onClose);
    socket.once('end', onClose);
  });
}

/** Sends bytes as they are and reads the one reply. */
export async function exchange(port: number, ...chunks: (string | Uint8Array)[]): Promise<RawReply> {
  const socket = await openSocket(port);
  const reply = readReply(socket);
  for (const chunk of chunks) socket.write(chunk);
  return await reply;
}

/** The value of a metric, summed over the time series that have these labels. */
export async function metric(url: string, name: string, labels: Record<string, string> = {}): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return sumMetric(text, name, labels);
}

export function sumMetric(text: string, name: string, labels: Record<string, string> = {}): number {
  let sum = 0;
  for (const line of text.split('\n')) {
    const [, found, list = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    const has = ([key, wanted]: [string, string]) => `,${list}`.includes(`,${key}="${wanted}"`);
    if (found === name && Object.entries(labels).every(has)) sum += Number(value);
  }
  return sum;
}

/**
 * Sends bytes as clients do that look for a reply only when they have sent everything (Python's urllib, proxies).
 * @returns all that came until the server closed the connection, or the code of the error instead
 */
export async function sendThenRead(port: number, ...chunks: Uint8Array[]): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1' });
  onTestFinished(() => void socket.destroy());
  const failed = new Promise<string>((resolve) => {
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
  const sent = new Promise<void>((resolve) => {
    socket.write(Buffer.concat(chunks), () => resolve());
  });
  const read = async () => {
    await sent;
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    await once(socket, 'end').catch(() => {});
    return text;
  };
  return await Promise.race([read(), failed]);
}
