// What the browser keeps between visits: choices and colours, no data and no token.

const most = 500; // colours

function read(name, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(`eventmetrics.${name}`)) ?? otherwise;
  } catch {
    return otherwise; // no storage, or something else in it
  }
}

function write(name, value) {
  try {
    localStorage.setItem(`eventmetrics.${name}`, JSON.stringify(value));
  } catch { /* the choice is not kept */ }
}

const isText = (v) => typeof v === 'string';

const kinds = ['range', 'from', 'to', 'compare', 'tz'];

/** The range, with its dates if they are one's own, comparison and zone that were chosen last. */
export function choice() {
  const kept = read('overview', {});
  return Object.fromEntries(kinds.filter((k) => isText(kept?.[k])).map((k) => [k, kept[k]]));
}

/** Keeps what the address says. The dates belong to their range. */
export function keepChoice(params) {
  const kept = choice();
  if (params.has('range')) delete kept.from, delete kept.to;
  for (const name of kinds) {
    const value = params.get(name);
    if (value) kept[name] = value;
  }
  write('overview', kept);
}

/** The colours of the names of a kind, to be kept with keepColours. */
export function colours(kind) {
  const all = read('colours', []);
  return new Map((Array.isArray(all) ? all : []).filter((c) => Array.isArray(c) && c[0] === kind && isText(c[1])).map((c) => [c[1], c[2]]));
}

export function keepColours(kind, known) {
  const all = read('colours', []);
  const others = (Array.isArray(all) ? all : []).filter((c) => Array.isArray(c) && c[0] !== kind);
  write('colours', [...others, ...[...known].map(([name, index]) => [kind, name, index])].slice(-most));
}
