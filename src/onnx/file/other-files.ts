import type { ByteSource } from '../../core/byte-source.js';
import { notOnnx } from './wire.js';

/** Files that are often found in place of an ONNX file: the bytes at a position, as Latin-1, and what to say. */
const OTHERS: readonly { at?: number; bytes: string; what: string }[] = [
  {
    bytes: 'version https://git-lfs.',
    what: 'it is a pointer of Git LFS; fetch the file itself with: git lfs pull',
  },
  { bytes: '<', what: 'it is a web page or XML, as a download that failed leaves it' },
  { bytes: 'PK\x03\x04', what: 'it is a ZIP archive, such as a PyTorch checkpoint or a Keras file; export it to ONNX' },
  { bytes: '\x80\x02', what: 'it is a Python pickle, such as a PyTorch checkpoint; export it to ONNX' },
  { bytes: '\x89HDF', what: 'it is an HDF5 file, such as a Keras network; convert it with tf2onnx' },
  { at: 4, bytes: 'TFL3', what: 'it is a TensorFlow Lite network; convert it with tf2onnx' },
  { at: 4, bytes: 'ORTM', what: 'it is in the ORT format; the server takes the ONNX file that it was made from' },
  { bytes: '\x1f\x8b', what: 'it is compressed with gzip; unpack it' },
];
const LOOKED_AT = 64;

/**
 * Says what a file is that is certainly no ONNX file.
 * @throws MenagerieError `not_onnx`
 */
export function refuseOtherFiles(source: ByteSource): void {
  if (source.length === 0) throw notOnnx('it is empty');
  const head = Buffer.from(source.slice(0, Math.min(LOOKED_AT, source.length))).toString('latin1');
  const other = OTHERS.find(({ at = 0, bytes }) => head.startsWith(bytes, at));
  if (other) throw notOnnx(other.what);
}
