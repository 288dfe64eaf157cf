// Uses the types that openapi-typescript generates. A wrong type makes an unused @ts-expect-error an error.
import type { components, operations, paths } from './api';

type Schemas = components['schemas'];
type Body<Name extends keyof operations> = operations[Name] extends {
  requestBody?: { content: { 'application/json': infer Type } };
}
  ? Type
  : never;

export const draft: Body<'createPoll'> = {
  kind: 'single',
  question: 'Rice or yam?',
  options: [{ id: 'rice', label: 'Rice' }],
};
// @ts-expect-error: a poll has a question
export const incomplete: Body<'createPoll'> = { kind: 'single' };

export const votes: Body<'castVote'>[] = [
  { choice: 'rice' },
  { choice: 4 },
  { choice: { rice: 0.6, yam: 0.4 } },
];
// @ts-expect-error: no kind of poll has such a choice
export const wrong: Body<'castVote'> = { choice: true };

export function leader(poll: Schemas['Poll'], results: Schemas['Results']): string | undefined {
  if (results.hidden || results.winner === null) return undefined;
  return poll.options.find((option) => option.id === results.winner)?.label;
}

export function explain(problem: Schemas['Problem']): string {
  return problem.type === '/problems/poll-closed' ? `closed at ${problem.closed_at}` : problem.detail;
}

export type Votes = paths['/v1/polls/{poll_id}/votes']['post']['responses'][200]['content']['application/json'];
export const status: Votes['status'] = 'counted';
