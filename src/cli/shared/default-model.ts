import { defaultModelOf } from '../../app/models-to-load.js';
import type { Config } from '../../config/load-config.js';
import type { Question } from '../../serving/asking/question.js';
import type { Repository } from '../../zoo/repository.js';

/**
 * The question, with the default model if it names none.
 * @throws MenagerieError from defaultModelOf
 */
export async function withDefaultModel(question: Question, repository: Repository, config: Config): Promise<Question> {
  const { asked } = question;
  if ('ensemble' in asked || asked.model !== undefined) return question;
  return { ...question, asked: { ...asked, model: await defaultModelOf(repository, config) } };
}
