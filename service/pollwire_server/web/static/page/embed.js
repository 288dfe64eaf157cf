/**
 * Tells the page around the frame how high it should be: `{type: 'pollwire:height', poll, height}`, in CSS pixels.
 *
 * It goes to the site that frames us, by name where the browser tells it, and once more when that page asks
 * (`{type: 'pollwire:ask'}`), for one that began to listen late. The height is no secret: where nobody says
 * who frames us it goes to whoever does.
 */

const widget = document.querySelector('live-poll');

if (widget && parent !== window) {
  const site = siteAround();
  let told = 0;
  const tell = () => {
    told = Math.ceil(widget.getBoundingClientRect().height);
    parent.postMessage({ type: 'pollwire:height', poll: widget.getAttribute('poll'), height: told }, site);
  };
  new ResizeObserver(() => Math.ceil(widget.getBoundingClientRect().height) !== told && tell()).observe(widget);
  addEventListener('message', ({ source, data }) => source === parent && data?.type === 'pollwire:ask' && tell());
}

/** The origin of the page around us, as a target of messages. */
function siteAround() {
  const [nearest] = location.ancestorOrigins ?? [];
  const named = nearest ?? (document.referrer && new URL(document.referrer).origin);
  return named && named !== 'null' ? named : '*';
}
