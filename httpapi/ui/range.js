// Calendar arithmetic on dates such as 2025-11-08, in any time zone.

const oneDay = 86_400_000;

/** The time zones to choose from: first UTC, that of the browser, and the current one. */
export function zones(current) {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return [...new Set(['UTC', own, current, ...Intl.supportedValuesOf('timeZone')])].filter(Boolean);
}

/** Whether this names a time zone; the list to choose from lacks some names. */
function isZone(name) {
  try {
    return /^[A-Z]/.test(name ?? '') && Boolean(Intl.DateTimeFormat('en', { timeZone: name }));
  } catch {
    return false;
  }
}

/** Today in a zone. */
export function today(zone, now = new Date()) {
  return new Intl.DateTimeFormat('en-CA', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' }).format(now);
}

const at = (date) => Date.parse(`${date}T00:00:00Z`);
const text = (ms) => new Date(ms).toISOString().slice(0, 10);

export const isDate = (s) => /^\d{4}-\d\d-\d\d$/.test(s ?? '') && !Number.isNaN(at(s)) && text(at(s)) === s;
export const addDays = (date, n) => text(at(date) + n * oneDay);
export const daysBetween = (from, to) => Math.round((at(to) - at(from)) / oneDay) + 1;

/** The Monday of a date's week, and the first of its month. */
export const monday = (date) => addDays(date, -((new Date(at(date)).getUTCDay() + 6) % 7));
export const first = (date) => date.slice(0, 8) + '01';

export function lastOfMonth(date) {
  return text(Date.UTC(Number(date.slice(0, 4)), Number(date.slice(5, 7)), 0));
}

/** 0 for Monday to 6 for Sunday. */
export const weekday = (date) => (new Date(at(date.slice(0, 10))).getUTCDay() + 6) % 7;

export const comparisons = { previous_period: 'Previous period', previous_year: 'Same period last year' };

export const ranges = { today: 'Today', '7d': '7 days', '28d': '28 days', '90d': '90 days', '12m': '12 months' };

/**
 * Reads range, from, to, interval, compare, tz, type and group from the
 * parameters of the page. What is missing or invalid gets its default.
 */
export function readQuery(params) {
  const zone = isZone(params.get('tz')) ? params.get('tz') : 'UTC';
  const now = today(zone);
  let range = params.get('range') ?? '28d';
  let [from, to] = [params.get('from'), params.get('to')];
  if (range === 'custom' && !(isDate(from) && isDate(to) && from <= to)) range = '28d';
  if (range !== 'custom') {
    range = Object.hasOwn(ranges, range) ? range : '28d';
    to = now;
    from = { today: now, '7d': addDays(now, -6), '28d': addDays(now, -27), '90d': addDays(now, -89), '12m': first(addDays(now, -334)) }[range];
  }
  const days = daysBetween(from, to);
  const fits = intervals(days);
  const interval = fits.includes(params.get('interval')) ? params.get('interval') : usual(days);
  const compare = Object.hasOwn(comparisons, params.get('compare') ?? '') ? params.get('compare') : 'previous_period';
  return { zone, range, from, to, days, interval, compare, types: params.getAll('type'), by: params.get('group') ?? '', now };
}

/** The intervals that make sense for a number of days. */
export function intervals(days) {
  return ['hour', 'day', 'week', 'month'].filter((i) => ({
    hour: days <= 92, day: days <= 1200, week: days > 7, month: days > 31,
  })[i]);
}

const usual = (days) => (days <= 2 ? 'hour' : days <= 120 ? 'day' : days <= 731 ? 'week' : 'month');

/** First and last day of a period, within the range of q. */
export function daysOf(date, interval, q) {
  const start = date.slice(0, 10);
  const end = { week: addDays(monday(start), 6), month: lastOfMonth(start) }[interval] ?? start;
  return { from: start < q.from ? q.from : start, to: end > q.to ? q.to : end };
}
