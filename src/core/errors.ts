/**
 * Every error a user can meet, under a stable code. The HTTP status of a code is not known here (see http/status.ts);
 * docs/errors.md is generated from both tables.
 */
export const ERRORS = {
  // What was sent
  empty_body: 'The request carries no bytes.',
  no_image: 'The form holds no file in the field `image`.',
  unexpected_field: 'The form holds a part that the endpoint does not take.',
  malformed_body:
    'The body is not what its Content-Type says, it ended early, or it comes in a great many chunks of a few bytes.',
  malformed_request:
    'The bytes are no HTTP request or only a part of one, its headers are too large, or its address is none.',
  unsupported_media_type: 'The Content-Type is neither a form, an image nor plain bytes.',
  not_an_image: 'The bytes are no picture in any known format.',
  unsupported_image_format: 'The picture is of a known format that is not accepted.',
  corrupt_image: 'The picture is truncated or damaged.',
  too_many_bytes: 'The picture or the body is larger than the limit.',
  too_many_pixels: 'The picture has more pixels than the limit (read from its header, before it is decoded).',
  too_many_images: 'One request holds more pictures than the limit.',
  invalid_request: 'A parameter is unknown, of the wrong type, or out of range.',
  too_expensive: 'The request costs more computation than one request may; the message says its cost and the limit.',
  upload_timeout: 'The body did not arrive in time, or came too slowly.',
  // What was asked for
  not_found: 'No such address.',
  not_acceptable: 'The resource does not come in any form that the Accept header asks for.',
  method_not_allowed: 'The address exists, but not for this method.',
  unknown_model: 'No model of this name in the repository.',
  unknown_variant: 'The model has no such variant.',
  model_not_pulled: 'The weights of the model are not on this machine.',
  model_not_loaded: 'The model is on disk but not loaded.',
  model_not_ready: 'The model is still loading or warming up.',
  model_failed: 'The model could not be made ready; the reason is in GET /models/:id.',
  model_untrained: 'The model is an architecture without learned weights: its answers would mean nothing.',
  model_busy: 'The model is already being loaded or unloaded.',
  admin_disabled: 'No admin key is configured, so models cannot be loaded or unloaded over HTTP.',
  unauthorized: 'The admin key is missing or wrong.',
  // What the server could not do just now
  overloaded: 'The queue is full. Nothing was decoded; try again after the stated time.',
  deadline_exceeded: 'The answer did not come within the deadline.',
  client_closed_request: 'The client left before the answer was ready.',
  shutting_down: 'The server is stopping and takes no new work.',
  worker_failed: 'The worker running the request died or hung and was replaced.',
  memory_exceeded: 'The work needs more memory than a worker may use; the message says how much.',
  internal: 'Something unforeseen went wrong; the log has the details.',
  // What lies on disk or is fetched
  invalid_manifest: 'The manifest breaks a rule of its schema.',
  invalid_labels: 'The label file is missing, malformed, or of the wrong length.',
  file_missing: 'A file named by a manifest is not there.',
  size_mismatch: 'A file does not have the number of bytes its manifest states.',
  checksum_mismatch: 'A file does not have the SHA-256 its manifest states.',
  download_failed: 'The file could not be fetched from any source.',
  provider_unavailable: 'The asked-for execution provider cannot be used on this machine.',
  not_onnx: 'The file is no ONNX model, or a truncated one.',
  cyclic_graph: 'A node of the network depends on its own output.',
  unsupported_opset: 'The network uses a version of an operator set that the runtime does not know.',
  unsupported_operator: 'The network uses an operator that the runtime does not have.',
  invalid_input_shape: 'The network cannot take an input of this shape.',
  invalid_network: 'The runtime cannot load the file as a network.',
  signature_mismatch: 'The inputs or outputs of the network are not those of its manifest.',
  golden_mismatch: 'The network answers its golden picture wrongly.',
  // How it was started
  invalid_config: 'A setting is unknown or out of range.',
  usage: 'The command line is wrong.',
  invalid_data: 'The pictures or labels to evaluate with are not in a form that is known, or do not fit the model.',
  io_error: 'A file could not be read or written.',
} as const satisfies Record<string, string>;

/** Stable identifier of one kind of error; it is part of the public interface. */
export type ErrorCode = keyof typeof ERRORS;

/** What an error may carry besides its message. */
export interface ErrorOptions {
  /** The underlying failure: logged, never shown to a client. */
  cause?: unknown;
  /** Seconds after which trying again is sensible. */
  retryAfterS?: number;
}

/** An error with a stable code and a message that may be shown to whoever caused it. */
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

/** `error` itself if it is typed, else an `internal` error that hides its details from clients. */
export function toMenagerieError(error: unknown): MenagerieError {
  if (error instanceof MenagerieError) return error;
  return new MenagerieError('internal', ERRORS.internal, { cause: error });
}
