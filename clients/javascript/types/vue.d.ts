/** Types for Vue 3: `import type {} from 'pollwire/vue';` makes `<live-poll>` known to templates. */
import type { EmitFn, HTMLAttributes, PublicProps } from 'vue';
import type { GetToken } from './client.js';
import type { LivePoll, LivePollAttributes, PollState } from './element.js';

export type LivePollProps = Omit<HTMLAttributes, keyof LivePollAttributes> &
  LivePollAttributes &
  PublicProps & { getToken?: GetToken | null };

declare module 'vue' {
  interface GlobalComponents {
    'live-poll': new () => LivePoll & {
      $props: LivePollProps;
      $emit: EmitFn<{ 'poll-change': (event: CustomEvent<PollState>) => void }>;
    };
  }
}
