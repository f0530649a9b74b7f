// What was measured with: versions of what computes.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import sharp from 'sharp';

const PACKAGES = [
  ...['fastapi', 'uvicorn', 'uvloop', 'httptools', 'python-multipart', 'pillow', 'numpy', 'onnxruntime'],
  ...['nvidia-pytriton', 'mosec', 'litserve'],
];
const SCRIPT = `
import importlib.metadata as metadata, json, platform
found = {"python": platform.python_version()}
for name in ${JSON.stringify(PACKAGES)}:
    try:
        found[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
`;

/** The version of a package of node_modules. @param {string} name @returns {string} */
const packageVersion = (name) =>
  JSON.parse(readFileSync(new URL(`../../node_modules/${name}/package.json`, import.meta.url), 'utf8')).version;

/** @returns {Record<string, string>} */
export const nodeVersions = () => ({
  node: process.versions.node,
  'onnxruntime-node': packageVersion('onnxruntime-node'),
  sharp: packageVersion('sharp'),
  libvips: sharp.versions.vips,
  fastify: packageVersion('fastify'),
  autocannon: packageVersion('autocannon'),
});

/** Of an interpreter, and of what it has of that which the services need. @param {string} python @returns {Record<string, string>} */
export const pythonVersions = (python) => JSON.parse(execFileSync(python, ['-c', SCRIPT], { encoding: 'utf8' }));
