/**
 * Banner above the poll: its outcome, or that it was voided or archived.
 */
import { byId, createElement, setTextOrHide } from './dom.js';

/** @typedef {import('../../widget/model.js').State} State */

export class OutcomeBanner {
  /** @param {import('./i18n.js').PageTranslator} translator */
  constructor(translator) {
    this.translator = translator;
  }

  /** @param {State} state */
  update({ poll, results }) {
    if (!poll) return;
    const phase = results?.phase ?? poll.phase;
    const element = byId('outcome-banner');
    element.dataset.phase = phase;
    if (phase === 'archived') return setTextOrHide(element, this.translator.t('archived'));
    const resolution = results?.resolution ?? poll.resolution;
    setTextOrHide(element, phase === 'resolved' && resolution ? this.#text(poll, resolution) : null);
    if (phase === 'resolved' && resolution?.source) element.append(' ', this.#sourceLink(resolution.source));
  }

  /** @param {string} url */
  #sourceLink(url) {
    const link = createElement('a', '', [this.translator.t('source')]);
    link.href = url;
    link.rel = 'noopener noreferrer';
    return link;
  }

  /** Return the outcome as text. The widget shows the time and the note. @param {import('../../client/types.js').Poll} poll @param {any} resolution */
  #text(poll, resolution) {
    const option = poll.options?.find(({ id }) => id === resolution.outcome);
    if (resolution.outcome === null) return this.translator.t('voided');
    return this.translator.t('outcome', { label: option?.label ?? resolution.outcome });
  }
}
