import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ARCHITECTURES } from '../../architectures/index.js';
import { onnxFile } from '../../architectures/onnx-file.js';
import type { InitialWeights } from '../../architectures/weights.js';
import type { Config } from '../../config/load-config.js';
import { MenagerieError } from '../../core/errors.js';
import { formatBytes, table } from '../../report/format.js';
import { writeWhole } from '../../system/whole-file.js';
import type { CommandIo, ExitCode } from '../shared/io.js';
import { ProgressBar } from '../shared/progress.js';
import { type SummaryCommandOptions, summary } from './summary.js';

export interface ArchitectureCommandOptions extends SummaryCommandOptions {
  /** Where to write the ONNX file; undefined: print its summary instead. */
  out: string | undefined;
  weights: InitialWeights;
}

/**
 * `menagerie architecture [id]`: writes a classic architecture as an ONNX file without learned weights, or prints its summary.
 * Without an id, lists the architectures.
 * @throws MenagerieError `unknown_model`, `io_error`
 */
export async function architecture(
  id: string | undefined,
  options: ArchitectureCommandOptions,
  config: Config,
  io: CommandIo,
): Promise<ExitCode> {
  if (id === undefined) {
    const rows = Object.entries(ARCHITECTURES).map(([name, { title, paper }]) => [name, title, paper]);
    io.out.write(table([['ARCHITECTURE', 'TITLE', 'PAPER'], ...rows]));
    return 0;
  }
  const found = Object.hasOwn(ARCHITECTURES, id) ? ARCHITECTURES[id] : undefined;
  if (!found) {
    throw new MenagerieError(
      'unknown_model',
      `There is no architecture "${id}"; \`menagerie architecture\` lists the architectures.`,
    );
  }
  const file = onnxFile(found.build(), options.weights);
  if (options.out !== undefined) {
    await write(file, options.out, io);
    io.out.write(`${options.out}: ${found.title}, ${formatBytes(file.length)}, untrained\n`);
    return 0;
  }
  const temporary = join(tmpdir(), `menagerie-${process.pid}-${id}.onnx`);
  try {
    await write(file, temporary, io);
    return await summary(temporary, options, config, io, found.title);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Writes the file completely or not at all, with a progress bar. */
async function write(
  file: { length: number; chunks(): Iterable<Uint8Array> },
  target: string,
  io: CommandIo,
): Promise<void> {
  const bar = new ProgressBar(io.err, 'writing');
  try {
    await writeWhole(target, async (handle) => {
      let written = 0;
      for (const chunk of file.chunks()) {
        io.signal.throwIfAborted();
        await handle.writeFile(chunk);
        written += chunk.length;
        bar.update(written, file.length, `of ${formatBytes(file.length)}`);
      }
    });
  } finally {
    bar.clear();
  }
}
