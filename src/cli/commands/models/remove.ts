import { namedInSettings, openModels } from '../../../app/models-to-load.js';
import type { Config } from '../../../config/load-config.js';
import { removeModel } from '../../../zoo/model-folder.js';
import type { CommandIo, ExitCode } from '../../shared/io.js';

/**
 * `menagerie remove <id>`: removes a model with all its versions from the directory of trained models.
 * @throws MenagerieError `unknown_model`, `model_protected`, `io_error`
 */
export async function remove(
  id: string,
  { json }: { json: boolean },
  config: Config,
  io: CommandIo,
): Promise<ExitCode> {
  const repository = await openModels(config);
  const place = await repository.removable(id, namedInSettings(config));
  await removeModel(place);
  if (json) io.out.write(`${JSON.stringify({ id, removed: place.folder }, null, 2)}\n`);
  else io.out.write(`${id} is removed with all its versions: ${place.folder}\n`);
  return 0;
}
