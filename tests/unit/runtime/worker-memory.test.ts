import { expect, test } from 'vitest';
import { isMemoryRefused } from '../../../src/core/memory-errors.js';
import { WorkerMemory } from '../../../src/runtime/workers/process/worker-memory.js';

const memory = new WorkerMemory({ decodeBytes: 300, share: 1000, dataLimit: false });

test.each([
  ['less than its own limit allows beside large networks', 900, 100],
  ['its limit beside small ones', 500, 300],
  ['nothing beside networks that fill the share', 1200, 0],
])('a picture may take %s', (_, heldAtRest, allowed) => {
  expect(memory.decodeBytesBeside(heldAtRest)).toBe(allowed);
});

// What libvips, its decoders, ONNX Runtime, V8 and the C++ library wrote when a limit on memory was reached.
test.each([
  'vips_tracked: out of memory -- size == 144MB',
  'VipsJpeg: Insufficient memory (case 4)',
  'heif: Invalid input: Unspecified: Memory allocation error (2.0)',
  'std::bad_alloc',
  'Failed to allocate memory for requested buffer of size 107374182400',
  'Array buffer allocation failed',
])('"%s" says that memory was refused', (message) => {
  expect(isMemoryRefused(new Error(message))).toBe(true);
});

test.each([
  'VipsJpeg: Premature end of JPEG file',
  'webp2vips: unable to read pixels',
  // The picture is larger than its header says.
  'heif: Memory allocation error: Security limit exceeded: Image size 3000x3000 exceeds the maximum image size 65536',
])('"%s" does not', (message) => {
  expect(isMemoryRefused(new Error(message))).toBe(false);
});
