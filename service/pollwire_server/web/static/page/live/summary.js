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

export class Summary {
  clock = new Clock();
  /** The second that `timeText` shows. */
  timeSecond = 0;
  timeText = '';

  /** @param {import('./i18n.js').PageTranslator} translator */
  constructor(translator) {
    this.translator = translator;
    setText(byId('voters-name'), translator.t('voters'));
    setText(byId('connection-name'), translator.t('connection'));
  }

  /** @param {State} state */
  update({ poll, results, connection, trouble }) {
    byId('summary').hidden = !poll || trouble === 'gone';
    if (!poll) return;
    if (results) this.clock.update(results.as_of);
    const { translator } = this;
    const phase = results?.phase ?? poll.phase;
    const voters = phase === 'scheduled' ? undefined : results?.voters;
    setText(byId('voters'), voters === undefined ? '–' : translator.number(voters));
    const ended = Boolean(results?.final) && connection === 'live';
    setText(byId('connection'), translator.t(ended ? 'final' : connection));
    byId('connection').dataset.state = ended ? 'final' : connection;
    setText(byId('as-of'), results ? translator.t('asOf', { time: this.#timeOfDay(results.as_of) }) : '');
    setText(byId('qr-code-name'), translator.t(phase === 'open' || phase === 'scheduled' ? 'scanToVote' : 'scanToSee'));
    this.#showTime(phase, phase === 'scheduled' ? poll.opens_at : results ? results.closes_at : poll.closes_at, poll.timezone);
  }

  /** @param {string} phase @param {string | null} instant @param {string | null | undefined} zone */
  #showTime(phase, instant, zone) {
    const { translator } = this;
    const isPending = phase === 'scheduled' || phase === 'open';
    const remainingMs = instant ? Date.parse(instant) - this.clock.now() : 0;
    const name = phase === 'open' ? 'closesIn' : phase === 'scheduled' ? 'opensIn' : 'voting';
    const endText = phase === 'open' ? 'closing' : 'opening';
    setText(byId('clock-name'), translator.t(instant ? name : 'voting'));
    if (!isPending || !instant) setText(byId('clock'), phaseName(translator, phase));
    else setText(byId('clock'), remainingMs > 0 ? translator.timeLeft(remainingMs) : translator.t(endText));
    const pollTime = instant && zone ? formatInZone(translator, instant, zone, name !== 'opensIn') : null;
    const localTime = instant ? translator.dateTime(instant) : isPending ? translator.t('noDate') : null;
    setTextOrHide(byId('local-time'), localTime && pollTime ? translator.t('yourTime', { time: localTime }) : localTime);
    setTextOrHide(byId('poll-time'), pollTime);
  }

  /** @param {string} instant */
  #timeOfDay(instant) {
    const second = Math.floor(Date.parse(instant) / 1000);
    if (second !== this.timeSecond) {
      this.timeSecond = second; // formatting a date takes too long for every animation frame
      this.timeText = new Date(instant).toLocaleTimeString(this.translator.locale);
    }
    return this.timeText;
  }
}

/**
 * Format an instant in the poll's time zone. Return null if the reader's local time is the same.
 * @param {import('./i18n.js').PageTranslator} translator
 * @param {string} instant
 * @param {string} zone an IANA name
 * @param {boolean} isEnd show midnight as the end of the previous day
 */
export function formatInZone(translator, instant, zone, isEnd) {
  try {
    const date = new Date(instant);
    const place = cityOf(zone);
    const local = date.toLocaleString('en-GB', { timeZone: zone });
    if (isEnd && local.endsWith('00:00:00')) {
      const before = new Date(date.getTime() - 1);
      return translator.t('endOfDay', { day: before.toLocaleDateString(translator.locale, { timeZone: zone, dateStyle: 'long' }), place });
    }
    if (local === date.toLocaleString('en-GB')) return null;
    return translator.t('pollTime', { time: date.toLocaleString(translator.locale, { timeZone: zone, dateStyle: 'long', timeStyle: 'short' }), place });
  } catch {
    return null; // the browser does not support the time zone
  }
}

/** Return the city of a time zone: `Buenos Aires` for `America/Argentina/Buenos_Aires`. @param {string} zone */
export function cityOf(zone) {
  return (zone.split('/').pop() ?? zone).replaceAll('_', ' ');
}
