/**
 * Confirmation dialog of an action: its effect and its input.
 *
 * Every request names the version that the operator saw. If the poll has changed, the service rejects it and the
 * operator decides again.
 */
import { roundProportion } from '../../results/shares.js';
import { el, isolated, setText } from '../dom.js';
import { operatorZone, toLocalTime } from '../date_format.js';
import { decimal, number, percent, t } from '../i18n.js';
import { confirmDialog } from './dialog.js';
import { Fields } from './fields.js';
import { showToast } from './toast.js';
import { timeField } from './time_field.js';
import { zoneField } from './window_fields.js';

/** @typedef {import('../types.js').Poll} Poll */
/** @typedef {import('../actions.js').Action} Action */

/**
 * @param {Action} action
 * @param {() => {poll: Poll, voters: number | undefined, results?: import('../types.js').Results | null}} getCurrent return the current poll
 * @param {() => Promise<void>} reload called after a conflict
 * @returns {Promise<{response: any, repeat: () => Promise<any>} | null>} the response and a function that repeats the request,
 *   for an action that continues after its response; null if the operator cancelled
 */
export async function runAction(action, getCurrent, reload) {
  const fields = new Fields();
  const { poll, results = null } = getCurrent();
  const votes = action.danger ? votesNow(() => getCurrent().voters) : null;
  const inputs = inputsOf(action, poll, fields, results);
  /** @type {any} */
  let response;
  /** @type {Record<string, any>} */
  let values = {};
  const done = await confirmDialog({
    title: t.actions.names[action.name],
    verb: t.actions.names[action.name],
    danger: action.danger,
    fields,
    body: [
      el('p', { class: 'poll-name' }, isolated(poll.question, poll.lang)),
      el('p', { class: 'statement' }, t.actions.consequences[action.name]),
      votes?.element,
      ...inputs.body,
      fields.summary,
    ],
    check: inputs.check,
    act: async () => {
      values = inputs.values();
      response = (await action.send(getCurrent().poll, values)) ?? { deleted: true };
    },
    onError: async (error) => {
      if (error.status !== 412 && error.slug !== 'phase-conflict') return null;
      await reload();
      return error.status === 412 ? t.actions.versionConflict : t.actions.phaseConflict;
    },
  });
  votes?.end();
  if (done) showToast(t.actions.done(action.name));
  return done ? { response, repeat: () => action.send({ ...getCurrent().poll, version: undefined }, values) } : null;
}

/** Return a live text with the number of votes that are affected. @param {() => number | undefined} voters */
function votesNow(voters) {
  const element = el('p', { class: 'statement' });
  const update = () => {
    const count = voters();
    element.hidden = count === undefined;
    setText(element, count === undefined ? '' : t.actions.votesNow(count));
  };
  update();
  const timer = setInterval(update, 250);
  return { element, end: () => clearInterval(timer) };
}

/**
 * @typedef {object} Inputs
 * @property {import('../dom.js').Child[]} body
 * @property {() => Record<string, any>} values
 * @property {() => boolean} check
 *
 * @param {Action} action @param {Poll} poll @param {Fields} fields @param {import('../types.js').Results | null} results @returns {Inputs}
 */
function inputsOf(action, poll, fields, results) {
  if (action.input === 'confirm') return confirmation(poll, fields);
  if (action.input === 'until') return closing(action, poll, fields);
  if (action.input === 'outcome' || action.input === 'note') return outcome(action, poll, fields, results);
  return { body: [], values: () => ({}), check: () => true };
}

/** @param {Poll} poll @param {Fields} fields @returns {Inputs} */
function confirmation(poll, fields) {
  let typed = '';
  const check = () => {
    if (typed.trim() === poll.id) return true;
    fields.showError('confirm', t.actions.confirmMismatch, false);
    return false;
  };
  return { body: [fields.text({ path: 'confirm', label: t.actions.confirmLabel(poll.id) }, '', (value) => (typed = value), { dir: 'ltr', spellcheck: 'false' })], values: () => ({}), check };
}

/** @param {Action} action @param {Poll} poll @param {Fields} fields @returns {Inputs} */
function closing(action, poll, fields) {
  let zone = poll.timezone ?? operatorZone;
  const current = action.name === 'extend' ? poll.closes_at : null;
  const time = { text: current ? toLocalTime(current, zone) : '', instant: current };
  const until = timeField({ path: 'closes_at', label: t.actions.until, hint: t.actions.untilHint }, time, () => zone, fields, () => {});
  const where = zoneField(zone, fields, (value) => {
    zone = value;
    until.changeZone();
  });
  const values = () => {
    const text = time.instant ?? (time.text || null);
    return text === null || time.instant ? { closes_at: text } : { closes_at: text, timezone: zone };
  };
  return { body: [until.element, where], values, check: () => true };
}

/** Return what an outcome would do to the scores. @param {import('../types.js').Results | null} results @param {string} id */
function effectOf(results, id) {
  const voters = results?.voters;
  if (!results || !voters) return '';
  const { forecast, mean_log: meanLog } = results;
  if (!forecast || !meanLog) return t.actions.effectOnPicks(number(results.counts?.[id] ?? 0), number(voters));
  const mean = 100 * (1 + meanLog[id] / Math.log(Object.keys(forecast).length));
  return t.actions.effectOnForecasts(number(voters), percent(roundProportion(forecast[id]), 1), decimal(mean, 1));
}

/** @param {Action} action @param {Poll} poll @param {Fields} fields @param {import('../types.js').Results | null} results @returns {Inputs} */
function outcome(action, poll, fields, results) {
  let [chosen, note, source] = ['', '', ''];
  const zone = poll.timezone ?? operatorZone;
  const effectiveTime = { text: '', instant: null };
  const choices = fields.radios({ path: 'outcome', label: t.actions.outcome }, '', poll.options.map(({ id, label }) => [id, label, effectOf(results, id)]), (value) => (chosen = value));
  const effective = timeField({ path: /** @type {any} */ ('effective_at'), label: t.actions.effective, hint: t.actions.effectiveHint }, effectiveTime, () => zone, fields, () => {});
  const noteField = fields.longText({ path: 'note', label: t.actions.note, hint: t.actions.noteHint, optional: true }, '', (value) => (note = value), { dir: 'auto', rows: '2' });
  const sourceField = fields.text({ path: 'source', label: t.actions.source, hint: t.actions.sourceHint, optional: true }, '', (value) => (source = value), { dir: 'ltr', type: 'url' });
  const hasOutcome = action.input === 'outcome';
  const values = () => ({
    ...(hasOutcome ? { outcome: chosen } : {}),
    ...(effectiveTime.text ? { effective_at: effectiveTime.instant ?? effectiveTime.text, timezone: zone } : {}),
    ...(note.trim() ? { note: note.trim() } : {}),
    ...(source.trim() ? { source: source.trim() } : {}),
  });
  const check = () => {
    if (!hasOutcome || chosen) return true;
    fields.showError('outcome', t.actions.chooseOutcome, false);
    return false;
  };
  return { body: hasOutcome ? [choices, effective.element, noteField, sourceField] : [noteField, sourceField], values, check };
}

/** Return the progress of scoring as text. @param {{done: number, total: number}} progress */
export function scoringText({ done, total }) {
  return t.actions.scoring(number(done), number(total));
}
