import Type from 'typebox';
import { ERRORS, type ErrorCode, MenagerieError, toMenagerieError } from '../../core/errors.js';
import { STATUS } from './status.js';

/** An error as it is sent: RFC 9457, with the stable `code` as an extension. */
export const ProblemSchema = Type.Object(
  {
    type: Type.String({ description: 'urn:menagerie:error:<code>' }),
    title: Type.String({ description: 'What the code means.' }),
    status: Type.Integer(),
    code: Type.Enum(Object.keys(ERRORS) as ErrorCode[], { description: 'Stable identifier of the kind of error.' }),
    detail: Type.String({ description: 'What was wrong this time, and the limit.' }),
    request_id: Type.String({ description: 'The id under which the log knows the request.' }),
  },
  { $id: 'Problem', title: 'Problem' },
);

export interface Problem {
  type: string;
  title: string;
  status: number;
  code: ErrorCode;
  detail: string;
  request_id: string;
}

/** The problem document of an error. What is not typed becomes `internal` and says nothing of itself. */
export function problemOf(error: MenagerieError, requestId: string): Problem {
  const { code, message } = error;
  return {
    type: `urn:menagerie:error:${code}`,
    title: ERRORS[code],
    status: STATUS[code],
    code,
    detail: message,
    request_id: requestId,
  };
}

interface ForeignError {
  code?: string;
  statusCode?: number;
  message?: string;
}

const FOREIGN: Record<string, ErrorCode> = {
  FST_ERR_VALIDATION: 'invalid_request',
  FST_ERR_BAD_URL: 'malformed_request',
  FST_ERR_MAX_PARAM_LENGTH: 'not_found',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_EMPTY_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_BODY_TOO_LARGE: 'too_many_bytes',
  FST_INVALID_MULTIPART_CONTENT_TYPE: 'unsupported_media_type',
  FST_REQ_FILE_TOO_LARGE: 'too_many_bytes',
  FST_FILES_LIMIT: 'too_many_images',
  FST_PARTS_LIMIT: 'too_many_images',
  FST_FIELDS_LIMIT: 'unexpected_field',
};

/** Some repeat what the client sent. */
const MAX_FOREIGN_MESSAGE = 200;

/** Any error as a typed one: the framework's own are translated, the rest hidden behind `internal`. */
export function typedError(error: unknown): MenagerieError {
  if (error instanceof MenagerieError) return error;
  const { code = '', statusCode = 500, message = '' } = error as ForeignError;
  const known = FOREIGN[code] ?? (statusCode >= 400 && statusCode < 500 ? 'malformed_body' : undefined);
  return known
    ? new MenagerieError(known, message.slice(0, MAX_FOREIGN_MESSAGE), { cause: error })
    : toMenagerieError(error);
}
