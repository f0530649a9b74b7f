import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import Type from '../../core/schema/typebox.js';
import { parseAugmentation } from '../../core/views/test-time.js';
import type { ModelRegistry } from '../../serving/loading/model-registry.js';
import { JobQueue } from '../../training/jobs/job-queue.js';
import type { JobStore } from '../../training/jobs/job-store.js';
import type { TransferJob } from '../../training/jobs/transfer-job.js';
import { resolveDataFolder } from '../../training/pictures/data-folder.js';
import type { TransferRequest } from '../../training/transfer-request.js';
import type { ByteBudget } from '../body/memory/byte-budget.js';
import { receiveTrainingSet } from '../body/training/receive-training-set.js';
import { describeValidation } from '../errors/error-handling.js';
import { abortWhenGone } from '../exchange/client-gone.js';
import { ADMIN_SECURITY, onlyAdmin } from './admin.js';
import { allParameters } from './parameters.js';
import { ModelIdSchema, problems } from './schemas/model-schemas.js';
import {
  TransferBodySchema,
  type TransferParameters,
  TransferQuerySchema,
  TransferSchema,
} from './schemas/transfer-schemas.js';
import { transferJson } from './transfer-json.js';

export interface StartTransferOptions {
  jobs: JobQueue;
  store: JobStore;
  registry: ModelRegistry;
  budget: ByteBudget;
  adminKey: string | undefined;
  dataDir: string;
  maxBytes: number;
  trainingBytes: number;
  trainingTimeoutMs: number;
  uploadTimeoutMs: number;
}

/** Characters of a request in JSON. */
const MAX_JSON = 65_536;

/** POST /models/:id/transfers */
export const startTransferRoute: FastifyPluginAsyncTypebox<StartTransferOptions> = async (app, options) => {
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'string', bodyLimit: MAX_JSON },
    app.getDefaultJsonParser('error', 'error'),
  );
  // Read by the handler, piece by piece.
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));

  app.post(
    '/models/:id/transfers',
    {
      onRequest: onlyAdmin(options.adminKey),
      schema: {
        summary: 'Train a model of your own on the features of this one',
        description:
          'Takes JSON that names a folder on the server, or the pictures: a form with files named class/picture.jpg, or a .tar.gz or ' +
          '.zip of the same. The parameters of pictures in the body are in the URL or fields of the form. Answers at once; ' +
          'GET /transfers/:id tells how far it is.',
        tags: ['transfers'],
        security: ADMIN_SECURITY,
        params: Type.Object({ id: ModelIdSchema }),
        querystring: Type.Partial(TransferQuerySchema),
        response: { 202: TransferSchema, ...problems(400, 401, 403, 404, 408, 409, 413, 415, 422, 503) },
      },
    },
    async (request, reply) => {
      const { jobs, registry } = options;
      const base = request.params.id;
      // Refused before pictures are received.
      await registry.status(base);
      await jobs.prepare(request.query.id);
      const isJson = request.body !== undefined && request.body !== null;
      const job = await (isJson ? fromFolder(request, base, options) : fromUpload(request, reply, base, options));
      return reply.code(202).header('location', `/transfers/${job.id}`).send(transferJson(job));
    },
  );
};

/** A training on pictures that are on the server's disk. */
async function fromFolder(
  request: FastifyRequest,
  base: string,
  { jobs, dataDir }: StartTransferOptions,
): Promise<TransferJob> {
  const validate = request.compileValidationSchema(TransferBodySchema, 'body');
  const isValid = (value: unknown): value is TransferParameters & { data: string; val?: string } =>
    validate(value) === true;
  const { body } = request;
  if (!isValid(body)) throw describeValidation(validate.errors ?? []);
  const data = await resolveDataFolder(dataDir, body.data);
  const val = body.val === undefined ? undefined : await resolveDataFolder(dataDir, body.val);
  return await jobs.submit(JobQueue.nameFor(base), requestOf(base, body, data, val));
}

/** A training on pictures in the body, which go to disk as they arrive. */
async function fromUpload(
  request: FastifyRequest,
  reply: FastifyReply,
  base: string,
  { jobs, store, budget, maxBytes, trainingBytes, trainingTimeoutMs, uploadTimeoutMs }: StartTransferOptions,
): Promise<TransferJob> {
  const id = JobQueue.nameFor(base);
  const folder = await store.makePictures(id);
  const account = budget.open({ address: request.ip, declared: undefined });
  try {
    const rules = {
      bytes: trainingBytes,
      maxBytes,
      parameterNames: new Set(Object.keys(TransferQuerySchema.properties)),
      timeoutMs: trainingTimeoutMs,
      uploadTimeoutMs,
      account,
    };
    const { parameters } = await receiveTrainingSet(request, folder, rules, abortWhenGone(request, reply));
    return await jobs.submit(
      id,
      requestOf(base, allParameters(request, parameters, TransferQuerySchema), folder, undefined),
    );
  } catch (error) {
    await store.remove(id);
    throw error;
  } finally {
    account.close();
  }
}

/** @throws MenagerieError `invalid_request` for an augmentation that does not exist */
function requestOf(
  base: string,
  { id, title, variant, depth = 'head', augment = '', hidden, seed = 0 }: TransferParameters,
  data: string,
  val: string | undefined,
): TransferRequest {
  parseAugmentation(augment);
  return { base, id, title, variant, depth, augment, hidden: hidden?.split(',').map(Number) ?? [], seed, data, val };
}
