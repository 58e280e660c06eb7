// How many bars a chart has, and what is written below them. Nothing here draws.

/** The least width of a bar with its gap, in pixels. */
export const thinnest = 3;

const sizes = { hour: [1, 2, 3, 4, 6, 8, 12, 24], day: [1, 2, 3, 4, 5, 7, 14, 28], week: [1, 2, 4, 8, 13, 26, 52], month: [1, 2, 3, 4, 6, 12, 24, 60] };

/** How many of n periods share a bar, so that no bar of a chart is too thin. */
export function perBar(n, interval, width) {
  const fits = (k) => Math.ceil(n / k) * thinnest <= width;
  return sizes[interval].find(fits) ?? Math.max(1, Math.ceil((n * thinnest) / Math.max(width, thinnest)));
}

/** The sums of k values each, from the first on. */
export function merge(values, k) {
  if (k === 1) return values;
  return Array.from({ length: Math.ceil(values.length / k) }, (_, i) => values.slice(i * k, (i + 1) * k).reduce((sum, v) => sum + v, 0));
}

/** At most n values that have the shape of others: the means of neighbours. */
export function thin(values, n) {
  const k = Math.max(1, Math.ceil(values.length / n));
  return merge(values, k).map((sum, i) => sum / Math.min(k, values.length - i * k));
}

/**
 * The height to cut bars off at because a few of them, at most one in ten, hide the
 * shape of the others; 0 if there are none.
 */
export function cutoff(totals) {
  const high = totals.toSorted((a, b) => b - a);
  for (let n = 1; n <= Math.max(1, totals.length / 10) && n < high.length; n++) {
    if (high[n] > 0 && high[n - 1] > 5 * high[n]) return high[n] * 1.5;
  }
  return 0;
}

const dayName = new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', day: 'numeric', month: 'short' });
const monthName = new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', month: 'short' });
const utc = (date) => new Date(`${date.slice(0, 10)}T00:00:00Z`);

/**
 * The labels of an axis, at most a number of them: [index, text]. starts are the
 * dates or hours that the bars begin with. The second line of a text has the year,
 * or for hours the day, where it is not that of the label before.
 */
export function labels(starts, interval, most) {
  let above = '';
  return places(starts, interval, Math.max(2, most)).map((i) => {
    const date = starts[i];
    const [line, below] = interval === 'hour' ? [date.slice(11, 16), `${dayName.format(utc(date))} ${date.slice(0, 4)}`]
      : [(interval === 'month' ? monthName : dayName).format(utc(date)), date.slice(0, 4)];
    const text = below === above ? line : `${line}\n${below}`;
    above = below;
    return [i, text];
  });
}

/** The indexes of the bars that have a label. */
function places(starts, interval, most) {
  const all = starts.map((_, i) => i);
  const round = { hour: [1, 2, 3, 4, 6, 12, 24].map((n) => (i) => Number(starts[i].slice(11, 13)) % n === 0), month: [1, 2, 3, 6, 12].map((n) => (i) => (Number(starts[i].slice(5, 7)) - 1) % n === 0) };
  for (const fits of round[interval] ?? []) {
    const some = all.filter(fits);
    if (some.length > 1 && some.length <= most) return some;
  }
  const midnights = interval === 'hour' ? all.filter((i) => starts[i].slice(11, 16) === '00:00') : [];
  const from = midnights.length > most ? midnights : all;
  return from.filter((_, i) => i % Math.ceil(from.length / most) === 0);
}
