/**
 * A ranking being made: options above a line are ranked, best first, and those below it are not.
 *
 * The order of the elements is the ranking; there is no second copy that could differ. It is made by
 * pressing options in the order of preference, by dragging a handle (mouse, finger, pen), by the buttons of
 * each row, or by the arrow keys on any of them, and every move is said. Few polls are of this kind, so the
 * widget fetches this file, with what it imports, for the first of them.
 */
import { isolated, make, write } from './dom.js';
import { showPicture } from './picture.js';

/** @typedef {import('./model.js').Row} Row */
/** @typedef {import('./messages.js').WidgetWords} WidgetWords */

class RankedRow {
  /** @param {string} id */
  constructor(id) {
    this.id = id;
    this.toggle = rowButton('place');
    this.label = make('span', 'label');
    this.label.dir = 'auto';
    this.up = rowButton('move up');
    this.down = rowButton('move down');
    this.grip = make('span', 'grip');
    // Else the browser takes a quick drag for a flick, and swallows a tap that follows it at once.
    this.grip.addEventListener('touchstart', (event) => event.preventDefault(), { passive: false });
    this.element = make('li', 'option', [this.toggle, this.label, this.up, this.down, this.grip]);
    this.element.dataset.option = id;
  }

  /** @param {number} place from 1; 0 below the line @param {WidgetWords} words */
  place(place, words) {
    const label = isolated(this.label.textContent ?? '');
    write(this.toggle, place ? words.number(place) : '+');
    const act = words.say(place ? 'leaveOut' : 'rank', { label });
    this.toggle.setAttribute('aria-label', place ? `${words.number(place)}. ${act}` : act); // what is seen is in the name
    this.up.setAttribute('aria-label', words.say('moveUp', { label }));
    this.down.setAttribute('aria-label', words.say('moveDown', { label }));
    this.up.setAttribute('aria-disabled', String(place === 1));
    this.down.setAttribute('aria-disabled', String(!place));
    this.element.classList.toggle('is-ranked', place > 0);
  }
}

export class Ranking {
  /** @type {Map<string, RankedRow>} */
  #rows = new Map();
  /** @type {WidgetWords | null} */
  #words = null;

  /** @param {(text: string) => void} say to a screen reader, at once */
  constructor(say) {
    this.say = say;
    this.line = make('li', 'line');
    this.list = make('ol', 'ranking', [this.line]);
    this.list.setAttribute('role', 'list');
    this.list.addEventListener('click', (event) => this.#press(event));
    this.list.addEventListener('keydown', (event) => this.#key(event));
    this.list.addEventListener('pointerdown', (event) => this.#grab(event));
  }

  /** @param {Row[]} rows @param {import('./model.js').Poll} poll @param {WidgetWords} words */
  update(rows, poll, words) {
    this.#words = words;
    write(this.line, words.say('unranked'));
    for (const [id, row] of this.#rows) {
      if (rows.some((other) => other.id === id)) continue;
      row.element.remove();
      this.#rows.delete(id);
    }
    for (const { id, label, image } of rows) {
      const row = this.#rows.get(id) ?? this.#add(id);
      write(row.label, label);
      row.label.lang = poll.lang ?? '';
      showPicture(row.label, image);
    }
    this.#number();
  }

  /** The ids above the line, best first. */
  get chosen() {
    return this.#order.slice(0, this.#ranked).map((row) => row.id);
  }

  /** @param {string[]} ids */
  choose(ids) {
    const rows = ids.map((id) => this.#rows.get(id)?.element ?? '');
    const others = [...this.#rows.values()].map((row) => row.element).filter((element) => !rows.includes(element));
    this.list.replaceChildren(...rows, this.line, ...others);
    this.#number();
  }

  focusFirst() {
    this.#order[0]?.toggle.focus();
  }

  get #order() {
    return /** @type {RankedRow[]} */ ([...this.list.children].map((element) => this.#rowOf(element)).filter(Boolean));
  }

  get #ranked() {
    return [...this.list.children].indexOf(this.line);
  }

  /** @param {string} id */
  #add(id) {
    const row = new RankedRow(id);
    this.#rows.set(id, row);
    this.list.append(row.element);
    return row;
  }

  /** @param {EventTarget | null} target */
  #rowOf(target) {
    const element = target instanceof Element ? target.closest('li') : null;
    return this.#rows.get(element?.dataset.option ?? '') ?? null;
  }

  #number() {
    const ranked = this.#ranked;
    if (this.#words) for (const [index, row] of this.#order.entries()) row.place(index < ranked ? index + 1 : 0, this.#words);
  }

  /** @param {RankedRow} row */
  #placeOf(row) {
    return [...this.list.children].indexOf(row.element);
  }

  /** Before the element that stands at a place now, the line among them. @param {RankedRow} row @param {Element | null} next */
  #move(row, next) {
    this.list.insertBefore(row.element, next);
    this.#number();
  }

  /** One step up or down; across the line counts as one. @param {RankedRow} row @param {number} step */
  #step(row, step) {
    const place = this.#placeOf(row);
    const ranked = this.#ranked;
    if (step < 0 && place > ranked) this.#moveKept(row, this.line);
    else if (step < 0 && place > 0) this.#moveKept(row, this.list.children[place - 1]);
    else if (step > 0 && place < ranked) this.#moveKept(row, this.list.children[place + 2] ?? null);
  }

  /** Moves, keeps the focus where it was, and says it. @param {RankedRow} row @param {Element | null} next */
  #moveKept(row, next) {
    const root = /** @type {ShadowRoot} */ (this.list.getRootNode());
    const focused = /** @type {HTMLElement | null} */ (root.activeElement);
    this.#move(row, next);
    focused?.focus();
    this.#tell(row);
  }

  /** @param {RankedRow} row */
  #tell(row) {
    const place = this.#placeOf(row);
    const label = isolated(row.label.textContent ?? '');
    if (!this.#words) return;
    const ranked = place < this.#ranked;
    this.say(this.#words.say(ranked ? 'placed' : 'leftOut', { label, n: place + 1, all: this.#rows.size }));
  }

  /** @param {Event} event */
  #press({ target }) {
    const row = this.#rowOf(target);
    if (!row) return;
    const ranked = this.#placeOf(row) < this.#ranked;
    if (target === row.up) this.#step(row, -1);
    else if (target === row.down) this.#step(row, 1);
    else if (target === row.toggle && ranked) this.#moveKept(row, this.line.nextElementSibling);
    else if (!ranked) this.#moveKept(row, this.line);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const row = this.#rowOf(event.target);
    if (!step || !row) return;
    event.preventDefault();
    this.#step(row, step);
  }

  /** @param {PointerEvent} event */
  #grab(event) {
    const row = this.#rowOf(event.target);
    if (!row || event.target !== row.grip || event.button > 0) return;
    event.preventDefault();
    const { element, grip } = row;
    const grabbedAt = event.clientY - element.getBoundingClientRect().top;
    const drag = (/** @type {PointerEvent} */ { clientY }) => {
      element.style.translate = '';
      const others = [...this.list.children].filter((other) => other !== element);
      const next = others.find((other) => clientY < middleOf(other)) ?? null;
      if (next !== element.nextElementSibling) this.#move(row, next);
      element.style.translate = `0 ${clientY - grabbedAt - element.getBoundingClientRect().top}px`;
    };
    const drop = () => {
      for (const [name, act] of acts) removeEventListener(name, act);
      element.style.translate = '';
      element.classList.remove('is-dragged');
      this.#tell(row);
    };
    /** @type {[string, any][]} */
    const acts = [['pointermove', drag], ['pointerup', drop], ['pointercancel', drop]];
    for (const [name, act] of acts) addEventListener(name, act); // the row moves in the tree, so none of its own
    element.classList.add('is-dragged');
    grip.releasePointerCapture?.(event.pointerId);
  }
}

/** @param {string} names */
function rowButton(names) {
  const button = make('button', names);
  button.type = 'button';
  return button;
}

/** @param {Element} element */
function middleOf(element) {
  const { top, height } = element.getBoundingClientRect();
  return top + height / 2;
}
