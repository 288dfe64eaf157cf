/**
 * Preview: the widget's own view, showing the draft. It cannot vote.
 *
 * The widget is loaded with the first preview. It is inert, so that its controls take no focus.
 */
import { namedOptions } from '../draft.js';
import { el } from '../dom.js';
import { language, t } from '../i18n.js';
import { instantsOfLocalTime } from '../date_format.js';

/** @typedef {import('../draft.js').Draft} Draft */
/** @typedef {import('../../widget/view.js').View} View */
/** @typedef {import('../../widget/model.js').State} State */

const FALLBACK_LABEL = '…';

export class Preview {
  #host = el('div', { class: 'preview', inert: true });
  element = el('section', { class: 'preview-frame', 'aria-label': t.form.preview }, el('h2', {}, t.form.preview), el('p', { class: 'hint' }, t.form.previewHint), this.#host);
  #shown = seen(this.#host);
  #drawing = 0;

  /** Update at most once per animation frame. @param {Draft} draft */
  update(draft) {
    cancelAnimationFrame(this.#drawing);
    this.#drawing = requestAnimationFrame(async () => (await this.#shown)(draft));
  }
}

/** @param {HTMLElement} host @returns {Promise<(draft: Draft) => void>} */
async function seen(host) {
  const [{ View }, { initialState }, { adoptStyles }, { loadTranslator }, english] = await Promise.all([
    import('../../widget/view.js'),
    import('../../widget/model.js'),
    import('../../widget/stylesheet.js'),
    import('../../i18n/i18n.js'),
    import('../../i18n/widget/en.js'),
  ]);
  const root = host.attachShadow({ mode: 'open' });
  /** @type {Draft | null} */
  let newest = null;
  const draw = () => newest && view.update({ ...initialState(), poll: asPoll(newest), connection: 'live' }, Date.now());
  const view = new View(root, draw); // parts of the view come later, and ask to be drawn then
  view.translator = await loadTranslator(language(), english.default, (name) => import(`../../i18n/widget/${name}.js`));
  adoptStyles(root);
  return (draft) => {
    newest = draft;
    draw();
  };
}

/** @param {Draft} draft @returns {NonNullable<State['poll']>} */
function asPoll(draft) {
  const time = (/** @type {import('../draft.js').TimeDraft} */ { text, instant }) => instant ?? isoOf(instantsOfLocalTime(text, draft.timezone)[0]);
  const opensAt = time(draft.opens_at);
  const options = namedOptions(draft).map(({ id, label, image }) => ({ id, label: label || FALLBACK_LABEL, image: pictureOf(image) }));
  return {
    ...{ id: draft.id || 'preview', kind: draft.kind, question: draft.question || FALLBACK_LABEL, description: draft.description || null },
    options: draft.kind === 'rating' ? [] : options,
    choices: draft.kind === 'multiple' ? bounds(draft.choices, 1, options.length) : null,
    scale: draft.kind === 'rating' ? bounds(draft.scale, 1, 5) : null,
    ...{ forecast: draft.kind === 'prediction' && draft.forecast, opens_at: opensAt ?? new Date().toISOString(), closes_at: time(draft.closes_at) },
    ...{ revote: draft.revote, identity: 'device', results: draft.results, lang: draft.lang || null, shuffle: false, resolution: null },
    phase: opensAt && Date.parse(opensAt) > Date.now() ? 'scheduled' : 'open',
  };
}

/** @param {number | undefined} instant */
function isoOf(instant) {
  return instant === undefined ? null : new Date(instant).toISOString();
}

/** Return the image's URL if the service would accept it. @param {string} image */
function pictureOf(image) {
  return /^(https?:\/\/|\/)\S+$/.test(image.trim()) ? image.trim() : null;
}

/** @param {{min: string, max: string}} given @param {number} least @param {number} most */
function bounds({ min, max }, least, most) {
  const within = (/** @type {string} */ text, /** @type {number} */ otherwise) => (/^\d{1,2}$/.test(text) ? Number(text) : otherwise);
  const low = within(min, least);
  return { min: low, max: Math.max(low, within(max, most)) };
}
