// If Float16Array exists (Node 24), the runtime uses it for float16 tensors and then treats them as empty
// (https://github.com/microsoft/onnxruntime/pull/32323). Without it the runtime uses Uint16Array, which works.
Reflect.deleteProperty(globalThis, 'Float16Array');
