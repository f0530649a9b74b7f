/** Bytes at the start of XMP data that are searched. */
const SEARCHED = 1 << 20;

/**
 * Finds the orientation in XMP data as Pillow does: `tiff:Orientation` as an attribute or as an element, with one digit.
 * @returns 0 to 9; undefined if none is stated
 */
export function orientationInXmp(xmp: Uint8Array): number | undefined {
  const text = Buffer.from(xmp.buffer, xmp.byteOffset, Math.min(xmp.length, SEARCHED)).toString('latin1');
  const [, digit] = /tiff:Orientation(?:="|>)([0-9])/.exec(text) ?? [];
  return digit === undefined ? undefined : Number(digit);
}
