/** A React 19 page. */
import { defineLivePoll } from 'pollwire/element';
import type {} from 'pollwire/react';

defineLivePoll('https://polls.example/');

export function Page() {
  return (
    <live-poll
      poll="lunch"
      className="wide"
      getToken={async () => 'token'}
      onpoll-change={({ detail }) => detail.results?.counts?.rice}
    />
  );
}

// @ts-expect-error no such theme
export const theme = <live-poll theme="blue" />;
// @ts-expect-error no such event field
export const event = <live-poll onpoll-change={({ detail }) => detail.total} />;
