import { MenagerieError } from '../../../core/errors.js';

/** What the headers of a form's part say. */
interface Disposition {
  name: string;
  /** As it was sent, which may be with folders; undefined if there is none or it is empty. */
  filename: string | undefined;
}

/**
 * The boundary that a Content-Type states.
 * @throws MenagerieError `malformed_body`
 */
export function boundaryOf(contentType: string): string {
  const boundary = parametersOf(contentType.replace(/^[^;]*/, '')).get('boundary');
  if (boundary) return boundary;
  throw new MenagerieError(
    'malformed_body',
    'The Content-Type is multipart, but states no boundary. Do not set it yourself: your HTTP library knows the boundary.',
  );
}

/**
 * Reads the Content-Disposition of a part (RFC 7578, 4.2).
 * @param head the header lines, one character per byte
 * @throws MenagerieError `malformed_body` if it is not that of a form field
 */
export function dispositionOf(head: string): Disposition {
  const [, kind = '', rest = ''] = /^content-disposition:[ \t]*([\w-]+)[ \t]*(.*)$/im.exec(unfolded(head)) ?? [];
  const parameters = parametersOf(rest);
  const name = parameters.get('name');
  if (kind.toLowerCase() !== 'form-data' || name === undefined) {
    throw new MenagerieError(
      'malformed_body',
      'A part of the form has no header like this: Content-Disposition: form-data; name="image"; filename="cat.jpg"',
    );
  }
  const filename = parameters.get('filename');
  const extended = /^utf-8'[^']*'(.*)$/i.exec(parameters.get('filename*') ?? '')?.[1];
  const sent = (extended && percentDecoded(extended)) ?? utf8(filename ?? '');
  return { name: utf8(name), filename: sent === '' ? undefined : sent };
}

/** The parameters of a header's value, by name in lower case, up to the first that is malformed. */
function parametersOf(value: string): Map<string, string> {
  const found = value.matchAll(/[ \t]*;[ \t]*([\w*-]+)=(?:"((?:[^"\\]|\\.)*)"|([^;\s"]*))/gy);
  return new Map(
    [...found].map(([, name = '', quoted, token = '']) => [
      name.toLowerCase(),
      quoted?.replaceAll('\\"', '"') ?? token,
    ]),
  );
}

/** Header lines that are continued on the next line, as one line each. */
function unfolded(head: string): string {
  return head.replace(/\r\n[ \t]+/g, ' ');
}

function utf8(text: string): string {
  return Buffer.from(text, 'latin1').toString('utf8');
}

function percentDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
