/**
 * Banner above the poll: the outcome of a prediction, the winner or tie of a ranked poll, or that it was voided or
 * archived.
 */
import { leadingIds } from '../../results/leading.js';
import { bidiIsolate } from '../../widget/dom.js';
import { byId, createElement, setTextOrHide } from './dom.js';
import { tiedText } from './ties.js';

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
    setTextOrHide(element, phase === 'resolved' && resolution ? this.#text(poll, resolution) : phase === 'closed' ? this.#runoffText(poll, results) : null);
    if (phase === 'resolved' && resolution?.source) element.append(' ', this.#sourceLink(resolution.source));
  }

  /** @param {string} url */
  #sourceLink(url) {
    const link = createElement('a', '', [this.translator.t('source')]);
    link.href = url;
    link.rel = 'noopener noreferrer';
    return link;
  }

  /** Return the final result of a ranked poll as text; null in other polls. @param {import('../../client/types.js').Poll} poll @param {import('../../client/types.js').Results | null} results */
  #runoffText(poll, results) {
    const { translator } = this;
    const leading = poll.kind === 'ranked' && results?.final ? leadingIds(poll.kind, results) : [];
    const labels = leading.map((id) => poll.options?.find((option) => option.id === id)?.label ?? id);
    if (labels.length > 1) return tiedText(translator, labels);
    const text = labels.length ? translator.t('winner', { label: bidiIsolate(labels[0]) }) : null;
    return text && results?.tie_broken ? `${text} ${translator.t('tieBroken')}` : text;
  }

  /** Return the outcome as text. The widget shows the time and the note. @param {import('../../client/types.js').Poll} poll @param {any} resolution */
  #text(poll, resolution) {
    const option = poll.options?.find(({ id }) => id === resolution.outcome);
    if (resolution.outcome === null) return this.translator.t('voided');
    return this.translator.t('outcome', { label: option?.label ?? resolution.outcome });
  }
}
