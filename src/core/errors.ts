/**
 * Every error that a user can see, by its stable code. http/errors/status.ts maps codes to HTTP statuses; docs/errors.md is
 * generated from both tables.
 */
export const ERRORS = {
  // The request's body and parameters
  empty_body: 'The request body is empty.',
  no_image: 'The form or the JSON has no picture.',
  unexpected_field: 'The form has a field that the endpoint does not accept.',
  malformed_body:
    'The body is not what its Content-Type or Content-Encoding says, ends early, or comes in too many chunks of a few bytes.',
  malformed_request:
    'The request is not valid HTTP or is incomplete, its headers are too large, or its URL is invalid.',
  unsupported_media_type: 'The address takes no body.',
  unsupported_encoding:
    'The body has a Content-Encoding that the server does not decode; Accept-Encoding names those it does.',
  unsupported_transfer_encoding: 'The body has a Transfer-Encoding other than chunked.',
  expectation_failed: 'The request expects something other than 100-continue.',
  not_an_image: 'The bytes are not a picture in any known format.',
  unsupported_image_format: 'The picture is in a known format, or of a kind of it, that is not accepted.',
  corrupt_image: 'The picture is truncated or damaged.',
  too_many_bytes: 'The picture or the body is larger than the limit.',
  too_many_pixels: 'The picture has more pixels than the limit (read from its header, before it is decoded).',
  too_many_images: 'The request has more pictures than the limit.',
  invalid_request: 'A parameter is unknown, of the wrong type, out of range, or given twice with different values.',
  too_expensive: 'The request needs more computation than one request may; the message gives its cost and the limit.',
  answer_too_large: 'The answer would hold more values than one answer may; the message gives both numbers.',
  upload_timeout: 'The body did not arrive in time, or arrived too slowly.',
  // The requested resource
  not_found: 'There is nothing at this URL.',
  not_acceptable: 'The resource is not available in any form that the Accept header allows.',
  method_not_allowed: 'The URL exists, but not for this method.',
  unknown_model: 'The repository has no model of this name.',
  unknown_variant: 'The model has no such variant.',
  model_not_pulled: 'The weights of the model are not on this machine.',
  model_not_loaded: 'The model is on disk, but not loaded.',
  model_not_ready: 'The model is still loading or warming up.',
  model_failed: 'The model could not be loaded; GET /models/:id gives the reason.',
  model_untrained: 'The model is an architecture without trained weights: its answers would be meaningless.',
  model_busy: 'The model is already being loaded, unloaded, replaced or removed.',
  model_protected:
    'The model cannot be replaced or removed: it is not in the model directory below MENAGERIE_DATA_DIR, or an ensemble or a setting names it.',
  no_previous_version: 'The model has no earlier version to go back to.',
  admin_disabled: 'No admin key is configured, so models cannot be changed over HTTP.',
  unauthorized: 'The admin key is missing or wrong.',
  // Trainings
  unknown_training: 'There is no training of this name.',
  training_busy: 'A training for a model of this id is not over yet.',
  training_cancelled: 'The training was cancelled.',
  training_lost: 'The server ended several times while the training ran, so it was not begun again.',
  no_report: 'The training has no report, because it did not come so far.',
  // The state of the server
  overloaded: 'The queue is full. Nothing was decoded; try again after the stated time.',
  deadline_exceeded: 'The answer did not come within the deadline.',
  client_closed_request: 'The client disconnected before the answer was ready.',
  shutting_down: 'The server is stopping and accepts no new requests.',
  worker_failed: 'The worker that ran the request crashed or hung, and was replaced.',
  training_failed: 'The process that trained crashed or took too long; the log has the details.',
  scores_not_finite: 'The network answered with scores that are not numbers: infinite, or NaN.',
  memory_exceeded: 'The operation needs more memory than a worker may use; the message says how much.',
  internal: 'An unexpected error occurred; the log has the details.',
  // Files on disk, and downloads
  invalid_manifest: 'The manifest breaks a rule of its schema.',
  invalid_labels: 'The label file is missing, malformed, or of the wrong length.',
  file_missing: 'A file that a manifest names does not exist.',
  size_mismatch: 'A file does not have the number of bytes its manifest states.',
  checksum_mismatch: 'A file does not have the SHA-256 its manifest states.',
  download_failed: 'The file could not be downloaded from any source.',
  provider_unavailable: 'The requested execution provider cannot be used on this machine.',
  not_onnx: 'The file is not an ONNX model, or is truncated.',
  cyclic_graph: 'A node of the network depends on its own output.',
  unsupported_opset: 'The network uses a version of an operator set that the runtime does not support.',
  unsupported_operator: 'The network uses an operator that the runtime does not support.',
  invalid_input_shape: 'The network cannot process an input of this shape.',
  invalid_network: 'The runtime cannot load the file as a network.',
  not_trainable: 'The layers before the classifier cannot be trained: the message names one that has no gradient.',
  signature_mismatch: 'The inputs or outputs of the network differ from its manifest.',
  golden_mismatch: 'The network classifies its golden picture wrongly.',
  // The command line and the settings
  invalid_config: 'A setting is unknown or out of range.',
  usage: 'The command line is wrong.',
  server_failed: 'The server that was to be measured did not start, ended, or cannot be reached.',
  invalid_data:
    'The pictures or labels to evaluate on or to train on are not in a known form, or not allowed, or do not fit the model.',
  invalid_sidecar: 'The XMP file beside a picture cannot be changed safely, and was left as it is.',
  io_error: 'A file could not be read or written.',
  too_little_disk: 'The disk, or the part of it that may be used, has too little room for what is to be written.',
} as const satisfies Record<string, string>;

/** Stable identifier of a kind of error; part of the public interface. */
export type ErrorCode = keyof typeof ERRORS;

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(ERRORS, code);
}

/** Optional details of an error. */
export interface ErrorOptions {
  /** The underlying failure: logged, never sent to a client. */
  cause?: unknown;
  /** Seconds after which the client should try again. */
  retryAfterS?: number;
}

/** An error with a stable code and a message that may be shown to a client. */
export class MenagerieError extends Error {
  override readonly name = 'MenagerieError';
  readonly code: ErrorCode;
  readonly retryAfterS: number | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : {});
    this.code = code;
    this.retryAfterS = options.retryAfterS;
  }
}

/** `error` itself if it has a code; otherwise an `internal` error that hides its details from clients. */
export function toMenagerieError(error: unknown): MenagerieError {
  if (error instanceof MenagerieError) return error;
  return new MenagerieError('internal', ERRORS.internal, { cause: error });
}
