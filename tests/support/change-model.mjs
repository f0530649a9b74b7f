// Changes a model folder, in a process that may be killed while it does. Arguments: what, the model directory, the model as JSON.
import { commitModel, removeModel, stageModel, stagePrevious } from '../../dist/zoo/model-folder.js';

const [what = '', root = '', model = ''] = process.argv.slice(2);
const place = { id: 'mine', root, folder: `${root}/mine` };
if (what === 'write') await commitModel(await stageModel(root, JSON.parse(model)));
else if (what === 'rollback') await commitModel(await stagePrevious(place));
else await removeModel(place);
