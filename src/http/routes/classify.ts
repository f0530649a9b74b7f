import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply } from 'fastify';
import { MenagerieError } from '../../core/errors.js';
import type { Classifier } from '../../serving/classifier.js';
import type { ByteBudget } from '../byte-budget.js';
import { ClassificationSchema, ClassifyQuerySchema, problems } from '../schemas.js';
import { readImages, type UploadLimits } from '../upload.js';
import { classificationView, serverTiming } from '../views.js';

export interface ClassifyRouteOptions extends UploadLimits {
  classifier: Classifier;
  budget: ByteBudget;
  uploadTimeoutMs: number;
  deadlineMs: number;
}

/** POST /classify */
export const classifyRoute: FastifyPluginAsyncTypebox<ClassifyRouteOptions> = async (app, options) => {
  const { classifier, budget, uploadTimeoutMs, deadlineMs } = options;
  const schema = {
    summary: 'Classify pictures',
    description:
      'Takes a form with one or more files in the field `image`, or the bytes of one picture as the body. ' +
      'The header Server-Timing says how long decode, queue, preprocess and inference took (summed over the pictures).',
    tags: ['classify'],
    consumes: ['multipart/form-data', 'image/*', 'application/octet-stream'],
    querystring: ClassifyQuerySchema,
    response: { 200: ClassificationSchema, ...problems(400, 404, 408, 409, 413, 415, 422, 503, 504) },
  };
  app.post('/classify', { schema }, async (request, reply) => {
    const { model, top_k: topK, auto_orient: autoOrient, timeout_ms: wanted = deadlineMs } = request.query;
    const started = performance.now();
    const account = budget.open();
    const abort = new AbortController();
    const stop = (error: MenagerieError) => abort.abort(error);
    const timer = startTimer(uploadTimeoutMs, () => stop(uploadTimeout(uploadTimeoutMs)));
    const unwatch = onClientGone(reply, () => stop(clientGone()));
    const { signal } = abort;
    const receive = async () => {
      const images = await readImages(request, options, account, signal);
      const ms = Math.min(wanted, deadlineMs);
      timer.restart(ms, () => stop(new MenagerieError('deadline_exceeded', `No answer within ${ms} ms.`)));
      return images;
    };
    try {
      const answer = await classifier.classify({ model, topK, autoOrient, signal }, receive);
      reply.header('server-timing', serverTiming(answer.timings, performance.now() - started));
      return classificationView(answer, request.id);
    } finally {
      timer.stop();
      unwatch();
      account.close();
    }
  });
};

/** One timer, first for the upload, then for the answer. */
function startTimer(ms: number, onExpiry: () => void) {
  let timeout = setTimeout(onExpiry, ms);
  return {
    restart(newMs: number, newOnExpiry: () => void) {
      clearTimeout(timeout);
      timeout = setTimeout(newOnExpiry, newMs);
    },
    stop: () => clearTimeout(timeout),
  };
}

/** Calls back if the connection closes before the reply is written. */
function onClientGone(reply: FastifyReply, callback: () => void): () => void {
  const onClose = () => {
    if (!reply.raw.writableFinished) callback();
  };
  reply.raw.once('close', onClose);
  return () => reply.raw.off('close', onClose);
}

function uploadTimeout(ms: number): MenagerieError {
  return new MenagerieError('upload_timeout', `The body did not arrive within ${ms} ms.`);
}

function clientGone(): MenagerieError {
  return new MenagerieError('client_closed_request', 'The client closed the connection.');
}
