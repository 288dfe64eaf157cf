/**
 * Result of a receipt check as a sentence. Few voters verify their vote, so the widget loads this module on demand.
 */
import { receipts } from '../i18n/widget/en_on_demand.js';
import { bidiIsolate } from './dom.js';

/** The message for a vote that is not counted, by the reason of the receipt check. @type {Record<string, keyof typeof receipts>} */
const NOT_COUNTED_KEYS = { replaced: 'voteReplaced', archived: 'voteArchived', gone: 'voteRemoved' };

/**
 * @param {import('./messages.js').WidgetTranslator} translator
 * @param {{counted: boolean, reason?: string, at: string}} receipt
 * @param {string} choice labels of the choice
 */
export function receiptText(translator, { counted, reason, at }, choice) {
  const key = counted ? 'voteCounted' : NOT_COUNTED_KEYS[reason ?? 'gone'];
  return translator.extend(receipts).t(key, { choice: bidiIsolate(choice), time: translator.dateTime(at) });
}
