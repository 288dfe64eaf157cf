/**
 * One act, before it is done: what it will do in plain words, what it needs to know, and how often it says it.
 *
 * Every act names the version that the operator looked at, so that what was said is what happens: where the
 * poll has moved on, nothing is done and the operator decides again.
 */
import { el, own, write } from '../dom.js';
import { operatorZone, wallClock } from '../date_format.js';
import { number, t } from '../i18n.js';
import { askFirst } from './dialog.js';
import { Fields } from './fields.js';
import { say } from './toast.js';
import { timeField } from './time_field.js';
import { zoneField } from './window_fields.js';

/** @typedef {import('../types.js').Poll} Poll */
/** @typedef {import('../actions.js').Act} Act */

/**
 * @param {Act} act
 * @param {() => {poll: Poll, voters: number | undefined}} look at what stands now
 * @param {() => Promise<void>} reread the poll, after a conflict
 * @returns {Promise<{answer: any, repeat: () => Promise<any>} | null>} what the act answered, and the very act again,
 *   for one that goes on after its answer; null where it was not done
 */
export async function doAct(act, look, reread) {
  const fields = new Fields();
  const { poll } = look();
  const votes = act.danger ? votesNow(() => look().voters) : null;
  const asked = questions(act, poll, fields);
  /** @type {any} */
  let answer;
  /** @type {Record<string, any>} */
  let given = {};
  const done = await askFirst({
    title: t.acts.names[act.name],
    verb: t.acts.names[act.name],
    danger: act.danger,
    fields,
    body: [
      el('p', { class: 'poll-name' }, own(poll.question, poll.lang)),
      el('p', { class: 'statement' }, t.acts.statements[act.name]),
      votes?.element,
      ...asked.body,
      fields.summary,
    ],
    check: asked.check,
    act: async () => {
      given = asked.given();
      answer = (await act.send(look().poll, given)) ?? { deleted: true };
    },
    refused: async (error) => {
      if (error.status !== 412 && error.slug !== 'phase-conflict') return null;
      await reread();
      return error.status === 412 ? t.acts.moved : t.acts.conflict;
    },
  });
  votes?.end();
  if (done) say(t.acts.done(act.name));
  return done ? { answer, repeat: () => act.send({ ...look().poll, version: undefined }, given) } : null;
}

/** How many votes are at stake, as they come in while the operator thinks. @param {() => number | undefined} voters */
function votesNow(voters) {
  const element = el('p', { class: 'statement' });
  const tell = () => {
    const count = voters();
    element.hidden = count === undefined;
    write(element, count === undefined ? '' : t.acts.votesNow(count));
  };
  tell();
  const timer = setInterval(tell, 250);
  return { element, end: () => clearInterval(timer) };
}

/**
 * @typedef {object} Questions
 * @property {import('../dom.js').Child[]} body
 * @property {() => Record<string, any>} given
 * @property {() => boolean} check
 *
 * @param {Act} act @param {Poll} poll @param {Fields} fields @returns {Questions}
 */
function questions(act, poll, fields) {
  if (act.asks === 'confirm') return confirmation(poll, fields);
  if (act.asks === 'until') return closing(act, poll, fields);
  if (act.asks === 'outcome' || act.asks === 'note') return outcome(act, poll, fields);
  return { body: [], given: () => ({}), check: () => true };
}

/** @param {Poll} poll @param {Fields} fields @returns {Questions} */
function confirmation(poll, fields) {
  let typed = '';
  const check = () => {
    if (typed.trim() === poll.id) return true;
    fields.refuse('confirm', t.acts.confirmWrong, false);
    return false;
  };
  return { body: [fields.text({ path: 'confirm', label: t.acts.confirmLabel(poll.id) }, '', (value) => (typed = value), { dir: 'ltr', spellcheck: 'false' })], given: () => ({}), check };
}

/** @param {Act} act @param {Poll} poll @param {Fields} fields @returns {Questions} */
function closing(act, poll, fields) {
  let zone = poll.timezone ?? operatorZone;
  const standing = act.name === 'extend' ? poll.closes_at : null;
  const time = { text: standing ? wallClock(standing, zone) : '', instant: standing };
  const until = timeField({ path: 'closes_at', label: t.acts.until, hint: t.acts.untilHint }, time, () => zone, fields, () => {});
  const where = zoneField(zone, fields, (value) => {
    zone = value;
    until.rezone();
  });
  const given = () => {
    const text = time.instant ?? (time.text || null);
    return text === null || time.instant ? { closes_at: text } : { closes_at: text, timezone: zone };
  };
  return { body: [until.element, where], given, check: () => true };
}

/** @param {Act} act @param {Poll} poll @param {Fields} fields @returns {Questions} */
function outcome(act, poll, fields) {
  let [chosen, note] = ['', ''];
  const zone = poll.timezone ?? operatorZone;
  const known = { text: '', instant: null };
  const choices = fields.radios({ path: 'outcome', label: t.acts.outcome }, '', poll.options.map(({ id, label }) => [id, label]), (value) => (chosen = value));
  const effective = timeField({ path: /** @type {any} */ ('effective_at'), label: t.acts.effective, hint: t.acts.effectiveHint }, known, () => zone, fields, () => {});
  const noteField = fields.longText({ path: 'note', label: t.acts.note, hint: t.acts.noteHint, optional: true }, '', (value) => (note = value), { dir: 'auto', rows: '2' });
  const asksOutcome = act.asks === 'outcome';
  const given = () => ({
    ...(asksOutcome ? { outcome: chosen } : {}),
    ...(known.text ? { effective_at: known.instant ?? known.text, timezone: zone } : {}),
    ...(note.trim() ? { note: note.trim() } : {}),
  });
  const check = () => {
    if (!asksOutcome || chosen) return true;
    fields.refuse('outcome', t.acts.chooseOutcome, false);
    return false;
  };
  return { body: asksOutcome ? [choices, effective.element, noteField] : [noteField], given, check };
}

/** The answer of a resolution that goes on: how far it is. @param {{done: number, total: number}} progress */
export function scoringText({ done, total }) {
  return t.acts.scoring(number(done), number(total));
}
