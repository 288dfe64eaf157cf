/**
 * Three facts beside the poll: how many voted, how long it goes on, and whether this is live.
 *
 * Times are told in the reader's own zone, and, where that differs, in the zone of the poll: a poll that
 * closes "at the end of 31 October, Accra time" closes at another hour on the reader's wall.
 */
import { Clock } from '../../client/clock.js';
import { byId, write, writeOrHide } from './dom.js';
import { phaseName } from './i18n.js';

/** @typedef {import('../../widget/model.js').State} State */

export class Facts {
  clock = new Clock();
  /** The second that `hourText` tells. */
  hourOf = 0;
  hourText = '';

  /** @param {import('./i18n.js').PageWords} words */
  constructor(words) {
    this.words = words;
    write(byId('voters-name'), words.say('voters'));
    write(byId('connection-name'), words.say('connection'));
  }

  /** @param {State} state */
  update({ poll, results, connection, trouble }) {
    byId('facts').hidden = !poll || trouble === 'gone';
    if (!poll) return;
    if (results) this.clock.learn(results.as_of);
    const { words } = this;
    const phase = results?.phase ?? poll.phase;
    const counted = phase === 'scheduled' ? undefined : results?.voters;
    write(byId('voters'), counted === undefined ? '–' : words.number(counted));
    const ended = Boolean(results?.final) && connection === 'live';
    write(byId('connection'), words.say(ended ? 'final' : connection));
    byId('connection').dataset.state = ended ? 'final' : connection;
    write(byId('as-of'), results ? words.say('asOf', { time: this.#hour(results.as_of) }) : '');
    write(byId('scan-name'), words.say(phase === 'open' || phase === 'scheduled' ? 'scanToVote' : 'scanToSee'));
    this.#time(phase, phase === 'scheduled' ? poll.opens_at : results ? results.closes_at : poll.closes_at, poll.timezone);
  }

  /** @param {string} phase @param {string | null} instant @param {string | null | undefined} zone */
  #time(phase, instant, zone) {
    const { words } = this;
    const waits = phase === 'scheduled' || phase === 'open';
    const leftMs = instant ? Date.parse(instant) - this.clock.now() : 0;
    const name = phase === 'open' ? 'closesIn' : phase === 'scheduled' ? 'opensIn' : 'voting';
    const reached = phase === 'open' ? 'closing' : 'opening';
    write(byId('clock-name'), words.say(instant ? name : 'voting'));
    if (!waits || !instant) write(byId('clock'), phaseName(words, phase));
    else write(byId('clock'), leftMs > 0 ? words.timeLeft(leftMs) : words.say(reached));
    const theirs = instant && zone ? inZone(words, instant, zone, name !== 'opensIn') : null;
    const mine = instant ? words.moment(instant) : waits ? words.say('noDate') : null;
    writeOrHide(byId('moment'), mine && theirs ? words.say('yourTime', { time: mine }) : mine);
    writeOrHide(byId('their-moment'), theirs);
  }

  /** @param {string} instant */
  #hour(instant) {
    const whole = Math.floor(Date.parse(instant) / 1000);
    if (whole !== this.hourOf) {
      this.hourOf = whole; // formatting a date costs more than a frame of the screen has to spare
      this.hourText = new Date(instant).toLocaleTimeString(this.words.locale);
    }
    return this.hourText;
  }
}

/**
 * An instant on the clock of the poll's zone; null where the reader's own clock shows the same.
 * @param {import('./i18n.js').PageWords} words
 * @param {string} instant
 * @param {string} zone an IANA name
 * @param {boolean} isEnd midnight is then the end of the day before
 */
export function inZone(words, instant, zone, isEnd) {
  try {
    const moment = new Date(instant);
    const place = placeOf(zone);
    const local = moment.toLocaleString('en-GB', { timeZone: zone });
    if (isEnd && local.endsWith('00:00:00')) {
      const before = new Date(moment.getTime() - 1);
      return words.say('endOfDay', { day: before.toLocaleDateString(words.locale, { timeZone: zone, dateStyle: 'long' }), place });
    }
    if (local === moment.toLocaleString('en-GB')) return null;
    return words.say('theirTime', { time: moment.toLocaleString(words.locale, { timeZone: zone, dateStyle: 'long', timeStyle: 'short' }), place });
  } catch {
    return null; // a zone that this browser does not know
  }
}

/** `America/Argentina/Buenos_Aires` is told as `Buenos Aires`. @param {string} zone */
export function placeOf(zone) {
  return (zone.split('/').pop() ?? zone).replaceAll('_', ' ');
}
