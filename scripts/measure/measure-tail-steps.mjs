#!/usr/bin/env node
// Measures what a training step of networks' last layers costs, against PyTorch.
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { bytesInMemory } from '../../dist/core/byte-source.js';
import { countOf } from '../../dist/core/shape.js';
import { readModel } from '../../dist/onnx/file/model.js';
import { tailGraph } from '../../dist/onnx/gradient/tail-graph.js';
import { tailProbe } from '../../dist/onnx/gradient/tail-probe.js';
import { readCommandLine, refuseCommandLine } from '../shared/command-line.mjs';
import { inTemporaryFolder } from '../shared/temporary-folder.mjs';
import { keepFigures, MACHINE } from './measuring.mjs';
import { spreadOf } from './statistics.mjs';

const HELP = `Usage: node scripts/measure/measure-tail-steps.mjs --assets <folder> --python <program> [--only <text>]

Runs training steps in turn with ONNX Runtime and with PyTorch, on one thread each and on the same values, and writes the times,
and how far the gradients of both are from double precision, to docs/measured/tail-steps.json. It takes some minutes.

  --assets <folder>   networks (its README.md says what is what)
  --python <program>  a Python with PyTorch and onnx
  --only <text>       networks whose file has this in its name, to try it out (nothing is written)
  --help              this text
`;

const { values: options } = readCommandLine(HELP, {
  assets: { type: 'string' },
  python: { type: 'string' },
  only: { type: 'string' },
});
const { assets, python, only = '' } = options;
if (assets === undefined || python === undefined) refuseCommandLine(HELP, 'Name the folder of the assets, and Python.');
