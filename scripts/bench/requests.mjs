// A picture as the body of a request, in the two ways the server takes it.
import { formOf } from '../shared/form.mjs';

/** @typedef {{ name: string, bytes: Buffer, width: number, height: number }} Picture */
/** @typedef {{ body: Buffer, headers: Record<string, string> }} Request */

/** As a form with one file in `image`. @param {Picture} picture @returns {Request} */
export function asForm(picture) {
  const { type, bytes } = formOf([picture]);
  return { body: bytes, headers: { 'content-type': type } };
}

/** As the body itself. @param {Picture} picture @returns {Request} */
export const asBody = ({ bytes }) => ({ body: bytes, headers: { 'content-type': 'application/octet-stream' } });
