import { InvalidArgumentError } from 'commander';

// The values of flags, from the text on the command line.

/** A number from 0 to below 100. @throws InvalidArgumentError */
export function decimal(text: string): number {
  if (!/^\d{1,2}(\.\d{1,3})?$/.test(text)) throw new InvalidArgumentError('It must be a number from 0 to below 100.');
  return Number(text);
}

/** More connections than a client machine has use for; each takes a file descriptor. */
const MOST_CONNECTIONS = 1000;

/** Numbers of connections. @throws InvalidArgumentError */
export function connectionList(text: string): number[] {
  const numbers = text.split(',').map(Number);
  if (/^\d{1,4}(,\d{1,4}){0,99}$/.test(text) && numbers.every((n) => n >= 1 && n <= MOST_CONNECTIONS)) return numbers;
  throw new InvalidArgumentError(`It must be whole numbers from 1 to ${MOST_CONNECTIONS}, separated by commas.`);
}

/** The address of a server. @throws InvalidArgumentError */
export function serverUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // Without a user, query or fragment.
  if (url && /^https?:$/.test(url.protocol) && url.href === `${url.origin}${url.pathname}`) return url;
  throw new InvalidArgumentError('It must be an http or https address, such as http://127.0.0.1:8080.');
}

/** A number from 0 to 1. @throws InvalidArgumentError */
export function score(text: string): number {
  const value = /^(0?\.\d{1,6}|[01])$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= 0 && value <= 1)) throw new InvalidArgumentError('It must be a number from 0 to 1.');
  return value;
}

/** A whole number from 1. @throws InvalidArgumentError */
export function positiveInteger(text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1.');
  return Number(text);
}

/** A whole number, 0 included. */
export function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}
