// How a number has changed. Nothing here draws.
import { percent } from './format.js';

/**
 * What to write about a number and the earlier one: text, its kind (up, down,
 * same) and how it is said. before is undefined if nothing is compared.
 */
export function delta(now, before) {
  if (before === undefined || before === null) return { text: '', kind: 'same', spoken: '' };
  if (!now && !before) return { text: '–', kind: 'same', spoken: 'none in either' };
  if (!before) return { text: 'new', kind: 'up', spoken: 'none' };
  const part = now / before - 1;
  if (Math.abs(part) < 0.0005) return { text: '= 0%', kind: 'same', spoken: 'as many as' };
  const size = part > 9.99 ? '>999%' : percent(Math.abs(part));
  return part > 0 ? { text: `▲ ${size}`, kind: 'up', spoken: `${size.replace('>', 'more than ')} more than` } : { text: `▼ ${size}`, kind: 'down', spoken: `${size} less than` };
}

/** Sorts by the change: those without an earlier number are the greatest. */
export const growth = (now, before) => (before ? now / before : now ? Infinity : 1);
