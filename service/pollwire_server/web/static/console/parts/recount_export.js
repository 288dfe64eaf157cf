/**
 * Recount and export of a poll's votes.
 *
 * An export is streamed and saved only if complete, so that a broken transfer never looks like an export.
 */
import { fetchResponse, request, pollPath } from '../api.js';
import { button, el, isolated, setChildren } from '../dom.js';
import { number, size, t } from '../i18n.js';
import { rowsOf } from './bars.js';
import { errorMessage } from './toast.js';
import { session } from '../session.js';

/** @typedef {import('../types.js').Poll} Poll */

const FORMS = { csv: 'text/csv', ndjson: 'application/x-ndjson' };
/** Chunks are joined into blobs of this size, which lets the browser store them on disk. */
const JOIN_BYTES = 4_000_000;
const NEWLINE = 10;
const PROGRESS_INTERVAL_MS = 200;

/** @param {() => Poll} poll @param {() => number | undefined} voters */
export function votesData(poll, voters) {
  const outcome = el('div', { class: 'outcome', role: 'status' });
  const recount = button(t.data.recount, () => runRecount(), { class: 'button' });
  const runRecount = async () => {
    setChildren(outcome, el('p', {}, t.data.recounting));
    recount.disabled = true;
    try {
      setChildren(outcome, ...recounted(poll(), await request(pollPath(poll().id, 'recount'), { method: 'POST', body: {}, long: true })));
    } catch (error) {
      setChildren(outcome, el('p', { class: 'error' }, errorMessage(error)));
    }
    recount.disabled = false;
  };
  const exports = Object.keys(FORMS).map((form) => button(`${t.data.export} ${form.toUpperCase()}`, () => runExport(form), { class: 'button', 'data-form': form }));
  const runExport = async (/** @type {string} */ form) => {
    for (const one of exports) one.disabled = true;
    await download(poll(), form, voters() ?? 0, outcome);
    for (const one of exports) one.disabled = false;
  };
  const isArchived = poll().phase === 'archived';
  const controls = isArchived ? [el('p', { class: 'quiet' }, t.data.archived)] : [el('div', { class: 'buttons start' }, recount, ...exports), hint(t.data.recount, t.data.recountHint), hint(t.data.export, t.data.exportHint)];
  const body = session.hasScopes('results:read') ? controls : [el('p', { class: 'quiet' }, t.missingPermission('results:read'))];
  return el('section', { class: 'card' }, el('h2', {}, t.data.heading), ...body, outcome);
}

/** @param {string} name of a button @param {string} text what it does */
function hint(name, text) {
  return el('p', { class: 'hint' }, el('b', {}, name), ' · ', text);
}

/** @param {Poll} poll @param {import('../types.js').Recount} recount */
function recounted(poll, { matches, stored, recounted: counted }) {
  const verdict = el('p', { class: matches ? 'good' : 'error' }, matches ? t.data.totalsMatch(counted.voters) : t.data.totalsDiffer);
  if (matches) return [verdict];
  const head = el('tr', {}, ...[t.poll.option, t.data.stored, t.data.recounted].map((text) => el('th', { scope: 'col' }, text)));
  const row = (/** @type {import('../dom.js').Child} */ label, /** @type {number} */ one, /** @type {number} */ other) =>
    el('tr', one === other ? {} : { class: 'differs' }, el('th', { scope: 'row' }, label), el('td', {}, number(one)), el('td', {}, number(other)));
  const rows = rowsOf(poll).map(({ id, label }) => row(isolated(label, poll.lang), stored.counts[id] ?? 0, counted.counts[id] ?? 0));
  return [verdict, el('table', { class: 'data-table' }, el('thead', {}, head), el('tbody', {}, row(t.poll.voters, stored.voters, counted.voters), ...rows))];
}

/** @param {Poll} poll @param {string} form @param {number} expected votes @param {HTMLElement} outcome */
async function download(poll, form, expected, outcome) {
  const stop = new AbortController();
  const progress = el('progress', { max: String(Math.max(1, expected)), 'aria-label': t.data.export });
  const lastDrawn = el('span', {});
  setChildren(outcome, el('div', { class: 'progress' }, progress, lastDrawn, button(t.data.stop, () => stop.abort(), { class: 'button small' })));
  try {
    const response = await fetchResponse(`${pollPath(poll.id, 'export')}?format=${form}`, {}, stop.signal);
    const header = form === 'csv' ? 1 : 0;
    const { parts, rows } = await pieces(response, (rows, bytes) => {
      progress.value = Math.min(expected, rows - header);
      lastDrawn.textContent = t.data.exporting(Math.max(0, rows - header), size(bytes));
    });
    saveFile(new Blob(parts, { type: /** @type {any} */ (FORMS)[form] }), `${poll.id}.${form}`);
    setChildren(outcome, el('p', { class: 'good' }, t.data.exported(Math.max(0, rows - header))));
  } catch (error) {
    if (stop.signal.aborted) return setChildren(outcome);
    const isRefusal = error instanceof Error && 'slug' in error;
    setChildren(outcome, el('p', { class: 'error' }, isRefusal ? errorMessage(error) : t.data.exportFailed));
  }
}

/** @param {Response} response @param {(rows: number, bytes: number) => void} onProgress */
async function pieces(response, onProgress) {
  /** @type {Blob[]} */
  const parts = [];
  /** @type {BlobPart[]} */
  let waiting = [];
  let [rows, bytes, waitingBytes, toldAt] = [0, 0, 0, 0];
  const reader = /** @type {ReadableStream<Uint8Array<ArrayBuffer>>} */ (response.body).getReader();
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    waiting.push(piece.value);
    bytes += piece.value.length;
    waitingBytes += piece.value.length;
    for (const byte of piece.value) if (byte === NEWLINE) rows += 1;
    if (waitingBytes > JOIN_BYTES) {
      parts.push(new Blob(waiting));
      [waiting, waitingBytes] = [[], 0];
    }
    if (performance.now() - toldAt > PROGRESS_INTERVAL_MS) {
      onProgress(rows, bytes);
      toldAt = performance.now();
    }
  }
  return { parts: [...parts, ...waiting], rows };
}

/** @param {Blob} file @param {string} name */
function saveFile(file, name) {
  const href = URL.createObjectURL(file);
  el('a', { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}
