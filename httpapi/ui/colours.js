// Which colour an event type or a value has. Nothing here draws.

/** The number of colours; one more is that of the others. */
export const palette = 7;

/**
 * The index of the colour of each name, most frequent first, at most palette of
 * them: the one that it had before, as far as no other has it now, or a free one.
 * known is a Map from names to indexes, to which new names are added.
 */
export function assign(names, known) {
  const shown = names.slice(0, palette);
  const taken = new Map();
  for (const name of shown) {
    const index = known.get(name);
    if (index >= 0 && index < palette && ![...taken.values()].includes(index)) taken.set(name, index);
  }
  for (const name of shown) {
    if (taken.has(name)) continue;
    let index = hash(name) % palette;
    while ([...taken.values()].includes(index)) index = (index + 1) % palette;
    taken.set(name, index);
    if (!known.has(name)) known.set(name, index);
  }
  return shown.map((name) => taken.get(name));
}

/** The same number for the same name, in every browser: FNV-1a. */
function hash(name) {
  let sum = 2166136261;
  for (const unit of name) sum = Math.imul(sum ^ unit.codePointAt(0), 16777619) >>> 0;
  return sum;
}
