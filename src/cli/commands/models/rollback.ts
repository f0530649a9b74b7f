import { createEngine, unbounded } from '../../../app/engine.js';
import type { Config } from '../../../config/load-config.js';
import { findVariant } from '../../../zoo/weights.js';
import type { CommandIo, ExitCode } from '../../shared/io.js';

/**
 * `menagerie rollback <id>`: makes the version before the current one current again, after it has been loaded and has answered its
 * golden picture.
 * @throws MenagerieError `unknown_model`, `model_protected`, `no_previous_version`; errors of loading and writing
 */
export async function rollback(
  id: string,
  { json }: { json: boolean },
  config: Config,
  io: CommandIo,
): Promise<ExitCode> {
  const engine = await createEngine({ config: unbounded(config), env: io.env });
  try {
    const before = engine.repository.models.get(id);
    const { version } = await engine.registry.rollback(id);
    const replaced = before && findVariant(before).sha256?.slice(0, 12);
    if (json) io.out.write(`${JSON.stringify({ id, version, replaced: replaced ?? null }, null, 2)}\n`);
    else {
      io.out.write(
        `${id}: version ${version} is current again${replaced ? ` in place of ${replaced}` : ''}. ` +
          'The same command undoes this.\nA server that runs takes it up with POST ' +
          `/models/${id}/load, or when it is started again.\n`,
      );
    }
    return 0;
  } finally {
    await engine.stop();
  }
}
