/**
 * Summary beside the poll: number of voters, remaining time, and state of the connection.
 *
 * Times are in the reader's time zone. If the poll's time zone differs, the time is shown in both: "end of
 * 31 October, Accra time" is another local time elsewhere.
 */
import { Clock } from '../../client/clock.js';
import { byId, setText, setTextOrHide } from './dom.js';
import { phaseName } from './i18n.js';

/** @typedef {import('../../widget/model.js').State} State */

export class Facts {
  clock = new Clock();
  /** The second that `hourText` shows. */
  hourOf = 0;
  hourText = '';

  /** @param {import('./i18n.js').PageTranslator} translator */
  constructor(translator) {
    this.translator = translator;
    setText(byId('voters-name'), translator.t('voters'));
    setText(byId('connection-name'), translator.t('connection'));
  }

  /** @param {State} state */
  update({ poll, results, connection, trouble }) {
    byId('facts').hidden = !poll || trouble === 'gone';
    if (!poll) return;
    if (results) this.clock.update(results.as_of);
    const { translator } = this;
    const phase = results?.phase ?? poll.phase;
    const counted = phase === 'scheduled' ? undefined : results?.voters;
    setText(byId('voters'), counted === undefined ? '–' : translator.number(counted));
    const ended = Boolean(results?.final) && connection === 'live';
    setText(byId('connection'), translator.t(ended ? 'final' : connection));
    byId('connection').dataset.state = ended ? 'final' : connection;
    setText(byId('as-of'), results ? translator.t('asOf', { time: this.#hour(results.as_of) }) : '');
    setText(byId('scan-name'), translator.t(phase === 'open' || phase === 'scheduled' ? 'scanToVote' : 'scanToSee'));
    this.#time(phase, phase === 'scheduled' ? poll.opens_at : results ? results.closes_at : poll.closes_at, poll.timezone);
  }

  /** @param {string} phase @param {string | null} instant @param {string | null | undefined} zone */
  #time(phase, instant, zone) {
    const { translator } = this;
    const waits = phase === 'scheduled' || phase === 'open';
    const leftMs = instant ? Date.parse(instant) - this.clock.now() : 0;
    const name = phase === 'open' ? 'closesIn' : phase === 'scheduled' ? 'opensIn' : 'voting';
    const reached = phase === 'open' ? 'closing' : 'opening';
    setText(byId('clock-name'), translator.t(instant ? name : 'voting'));
    if (!waits || !instant) setText(byId('clock'), phaseName(translator, phase));
    else setText(byId('clock'), leftMs > 0 ? translator.timeLeft(leftMs) : translator.t(reached));
    const theirs = instant && zone ? inZone(translator, instant, zone, name !== 'opensIn') : null;
    const mine = instant ? translator.dateTime(instant) : waits ? translator.t('noDate') : null;
    setTextOrHide(byId('moment'), mine && theirs ? translator.t('yourTime', { time: mine }) : mine);
    setTextOrHide(byId('their-moment'), theirs);
  }

  /** @param {string} instant */
  #hour(instant) {
    const whole = Math.floor(Date.parse(instant) / 1000);
    if (whole !== this.hourOf) {
      this.hourOf = whole; // formatting a date takes too long for every animation frame
      this.hourText = new Date(instant).toLocaleTimeString(this.translator.locale);
    }
    return this.hourText;
  }
}

/**
 * Format an instant in the poll's time zone. Return null if the reader's local time is the same.
 * @param {import('./i18n.js').PageTranslator} translator
 * @param {string} instant
 * @param {string} zone an IANA name
 * @param {boolean} isEnd show midnight as the end of the previous day
 */
export function inZone(translator, instant, zone, isEnd) {
  try {
    const moment = new Date(instant);
    const place = placeOf(zone);
    const local = moment.toLocaleString('en-GB', { timeZone: zone });
    if (isEnd && local.endsWith('00:00:00')) {
      const before = new Date(moment.getTime() - 1);
      return translator.t('endOfDay', { day: before.toLocaleDateString(translator.locale, { timeZone: zone, dateStyle: 'long' }), place });
    }
    if (local === moment.toLocaleString('en-GB')) return null;
    return translator.t('pollTime', { time: moment.toLocaleString(translator.locale, { timeZone: zone, dateStyle: 'long', timeStyle: 'short' }), place });
  } catch {
    return null; // the browser does not support the time zone
  }
}

/** Return the city of a time zone: `Buenos Aires` for `America/Argentina/Buenos_Aires`. @param {string} zone */
export function placeOf(zone) {
  return (zone.split('/').pop() ?? zone).replaceAll('_', ' ');
}
