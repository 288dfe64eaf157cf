/** A React 18 page. Attributes only; events and properties need a ref. */
import { useEffect, useRef } from 'react';
import { defineLivePoll, type LivePoll } from 'pollwire/element';
import type {} from 'pollwire/react';

defineLivePoll('https://polls.example/');

export function Page() {
  const widget = useRef<LivePoll>(null);
  useEffect(() => {
    if (widget.current) widget.current.getToken = async () => 'token';
    widget.current?.addEventListener('poll-change', ({ detail }) => detail.results?.voters);
  }, []);
  return <live-poll ref={widget} poll="lunch" theme="dark" results-only="" class="wide" />;
}

// @ts-expect-error React 18 sets attributes only
export const property = <live-poll getToken={() => 'token'} />;
// @ts-expect-error no such theme
export const theme = <live-poll theme="blue" />;
// @ts-expect-error React 18 would set the attribute to "false"
export const falsy = <live-poll results-only={false} />;
