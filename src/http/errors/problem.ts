import { ERRORS, type ErrorCode, MenagerieError, toMenagerieError } from '../../core/errors.js';
import Type from '../../core/schema/typebox.js';
import { STATUS } from './status.js';

/** An error reply: RFC 9457, with the stable `code` as an extension. */
export const ProblemSchema = Type.Object(
  {
    type: Type.String({ description: 'urn:menagerie:error:<code>' }),
    title: Type.String({ description: 'Meaning of the code.' }),
    status: Type.Integer(),
    code: Type.Enum(Object.keys(ERRORS), { description: 'Stable identifier of the kind of error.' }),
    detail: Type.String({ description: 'What is wrong with this request, and the limit if there is one.' }),
    request_id: Type.String({ description: 'Id of the request in the log.' }),
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

/** The problem document of an error. */
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

const FOREIGN: Record<string, ErrorCode> = {
  FST_ERR_VALIDATION: 'invalid_request',
  FST_ERR_BAD_URL: 'malformed_request',
  FST_ERR_MAX_PARAM_LENGTH: 'not_found',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_EMPTY_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_BODY_TOO_LARGE: 'too_many_bytes',
};

/** Characters, because some messages repeat what the client sent. */
const MAX_FOREIGN_MESSAGE = 200;

/** Any error as a typed one: translates errors of Fastify and hides all others behind `internal`. */
export function typedError(error: unknown): MenagerieError {
  if (error instanceof MenagerieError) return error;
  if (!(error instanceof Error)) return toMenagerieError(error);
  const known = 'code' in error && typeof error.code === 'string' ? FOREIGN[error.code] : undefined;
  const status = 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : 500;
  const code = known ?? (status >= 400 && status < 500 ? 'malformed_body' : undefined);
  if (!code) return toMenagerieError(error);
  if (code === 'unsupported_media_type') {
    return new MenagerieError(code, 'This address takes no body; its parameters belong in the URL.', { cause: error });
  }
  return new MenagerieError(code, error.message.slice(0, MAX_FOREIGN_MESSAGE), { cause: error });
}
