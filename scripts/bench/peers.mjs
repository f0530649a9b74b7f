// The other services that do the same work, and how each is asked.
import { availableParallelism } from 'node:os';
import { asBody, asForm, asTensor } from './requests.mjs';

/**
 * @typedef {object} Peer
 * @property {string} title
 * @property {string} script in peers/
 * @property {number} processes that do pictures
 * @property {string} path of requests, to which parameters can be added
 * @property {(picture: import('./requests.mjs').Picture) => import('./requests.mjs').Request} request in the way it takes pictures
 * @property {readonly string[]} packages that it needs of Python
 */

const cores = availableParallelism();
/** What all services in Python need. */
const CLASSIFIER = ['pillow', 'numpy', 'onnxruntime'];

/** @type {Record<string, Peer>} */
export const PEERS = {
  python: {
    title: 'Python',
    script: 'python_service.py',
    processes: cores,
    path: '/classify?',
    request: asForm,
    packages: [...CLASSIFIER, 'fastapi', 'uvicorn', 'python-multipart'],
  },
  triton: {
    title: 'Triton',
    script: 'triton_service.py',
    processes: cores,
    path: '/v2/models/classify/infer?',
    request: asTensor,
    packages: [...CLASSIFIER, 'nvidia-pytriton'],
  },
  mosec: {
    title: 'mosec',
    script: 'mosec_service.py',
    processes: cores,
    path: '/classify?',
    request: asBody,
    packages: [...CLASSIFIER, 'mosec'],
  },
  litserve: {
    title: 'LitServe',
    script: 'litserve_service.py',
    processes: cores,
    path: '/classify?',
    request: asForm,
    packages: [...CLASSIFIER, 'litserve', 'python-multipart'],
  },
  naive: {
    title: 'naive Node',
    script: 'naive_service.mjs',
    processes: 1,
    path: '/classify?',
    request: asForm,
    packages: [],
  },
};

/** Of a peer, what of it is not there. @param {string} name @param {Record<string, string>} versions of what is installed */
export const missingOf = (name, versions) => PEERS[name]?.packages.filter((wanted) => !versions[wanted]) ?? [];
