/** A page that uses all types. The compiler checks it, and checks the types against the code. */
import type * as types from '../../../service/pollwire_server/web/static/client.d.ts';
import type {} from '../../../service/pollwire_server/web/static/widget.d.ts';
import * as code from '../../../service/pollwire_server/web/static/client/client.js';

const client: types.Client = code.connect('https://polls.example/', { getToken: async () => null });
const poll: types.Poll = await code.connect('https://polls.example/').poll('lunch');
const standing: types.Standing = await client.vote(poll, ['a', 'b'], { revision: 0, onRetry: ({ passes }) => passes });
const stop: () => void = client.watch(poll.id, { results: ({ counts, voters }) => [counts?.a, voters, standing.revision] });
const proof: types.Proof | null = await client.check(poll.id);
const widget = document.querySelector('live-poll');
widget?.addEventListener('poll-change', ({ detail }) => detail.mine?.choice);
if (widget) widget.getToken = () => 'token';
const refused: types.PollwireError = new code.PollwireError(403, 'poll-closed', 'over');
stop();
export { proof, refused };
