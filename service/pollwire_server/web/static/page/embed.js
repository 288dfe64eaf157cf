/**
 * Page inside an iframe: sends its height to the parent page as `{type: 'pollwire:height', poll, height}`, in CSS
 * pixels.
 *
 * The message is sent after each change, and when the parent requests it by `{type: 'pollwire:ask'}` because it
 * started to listen late. The target is the parent's origin if the browser reveals it, else any origin: the height
 * is not confidential.
 */

const widget = document.querySelector('live-poll');

if (widget && parent !== window) {
  const parentOrigin = findParentOrigin();
  let sentHeight = 0;
  const sendHeight = () => {
    sentHeight = Math.ceil(widget.getBoundingClientRect().height);
    parent.postMessage({ type: 'pollwire:height', poll: widget.getAttribute('poll'), height: sentHeight }, parentOrigin);
  };
  new ResizeObserver(() => Math.ceil(widget.getBoundingClientRect().height) !== sentHeight && sendHeight()).observe(widget);
  addEventListener('message', ({ source, data }) => source === parent && data?.type === 'pollwire:ask' && sendHeight());
}

/** Return the origin of the parent page, or `*` if it is unknown. */
function findParentOrigin() {
  const [nearest] = location.ancestorOrigins ?? [];
  const named = nearest ?? (document.referrer && new URL(document.referrer).origin);
  return named && named !== 'null' ? named : '*';
}
