/**
 * Web workers for pages that are opened as files.
 *
 * Browsers refuse workers at `file:` addresses, and the search of this site is one. There, a hidden
 * frame runs the worker's script instead. The search looks for the name `IFrameWorker`.
 */
if (location.protocol === 'file:') {
  window.IFrameWorker = class extends EventTarget {
    #deliver;
    #waiting = [];

    constructor(url) {
      super();
      const frame = document.createElement('iframe');
      frame.hidden = true;
      frame.addEventListener('load', () => this.#run(frame.contentWindow, new URL(url, location.href)), { once: true });
      document.body.append(frame);
    }

    postMessage(data) {
      if (this.#deliver) this.#deliver(data);
      else this.#waiting.push(data);
    }

    #run(inside, url) {
      inside.postMessage = (data) => this.dispatchEvent(new MessageEvent('message', { data }));
      const script = inside.document.createElement('script');
      script.src = url.href;
      script.onload = () => {
        this.#deliver = (data) => inside.dispatchEvent(new inside.MessageEvent('message', { data }));
        this.#waiting.forEach(this.#deliver);
      };
      inside.document.body.append(script);
    }
  };
  window.Worker = window.IFrameWorker;
}
