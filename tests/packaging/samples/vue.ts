/** Types that Vue uses to check `<live-poll>` in templates, and events without a framework. */
import type { GlobalComponents } from 'vue';
import { connect } from 'pollwire';
import { defineLivePoll } from 'pollwire/element';
import type {} from 'pollwire/vue';

type LivePollComponent = InstanceType<GlobalComponents['live-poll']>;

defineLivePoll(new URL('https://polls.example/'));
export const props: LivePollComponent['$props'] = { poll: 'lunch', theme: 'dark', class: 'wide', getToken: () => null };
// @ts-expect-error no such theme
export const theme: LivePollComponent['$props'] = { theme: 'blue' };
export const listen = (widget: LivePollComponent) => widget.$emit('poll-change', new CustomEvent('poll-change'));

document.addEventListener('poll-change', ({ detail }) => detail.mine?.choice);
document.createElement('live-poll').addEventListener('poll-change', ({ detail }) => detail.poll?.question);
// @ts-expect-error no such field
document.addEventListener('poll-change', ({ detail }) => detail.nothing);
export const poll = connect('https://polls.example/').poll('lunch');
