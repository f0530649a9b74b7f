// A picture as the body of a request, in the two ways the server takes it.

/** @typedef {{ name: string, bytes: Buffer, width: number, height: number }} Picture */
/** @typedef {{ body: Buffer, headers: Record<string, string> }} Request */

const BOUNDARY = 'menagerie-bench-7d1f0c2a5b';

/** As a form with one file in `image`. @param {Picture} picture @returns {Request} */
export function asForm({ name, bytes }) {
  const head =
    `--${BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="${name}"\r\n` +
    'Content-Type: application/octet-stream\r\n\r\n';
  const body = Buffer.concat([Buffer.from(head), bytes, Buffer.from(`\r\n--${BOUNDARY}--\r\n`)]);
  return { body, headers: { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` } };
}

/** As the body itself. @param {Picture} picture @returns {Request} */
export const asBody = ({ bytes }) => ({ body: bytes, headers: { 'content-type': 'application/octet-stream' } });
