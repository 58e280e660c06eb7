import { h } from './dom.js';

/** A square in the colour of a series; the last colour is that of the others. */
export function swatch(index) {
  const square = h('span', { class: 'swatch', 'aria-hidden': 'true' });
  square.style.background = `var(--s${index})`;
  return square;
}
