// Calendar arithmetic on dates such as 2025-11-08, in any time zone. Nothing here
// draws or asks the server.

const oneDay = 86_400_000;

/** The time zones to choose from: first UTC, that of the browser, and the current one. */
export function zones(current) {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return [...new Set(['UTC', own, current, ...Intl.supportedValuesOf('timeZone')])].filter(Boolean);
}

/** Whether this names a time zone; the list to choose from lacks some names. */
export function isZone(name) {
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

/** How much of its day has passed in a zone, from 0 to 1. */
export function dayPassed(zone, now = new Date()) {
  const parts = new Intl.DateTimeFormat('en', { timeZone: zone, hour: 'numeric', minute: 'numeric', hourCycle: 'h23' }).formatToParts(now);
  const value = (type) => Number(parts.find((p) => p.type === type).value);
  return (value('hour') * 60 + value('minute')) / 1440;
}

const at = (date) => Date.parse(`${date}T00:00:00Z`);
const text = (ms) => new Date(ms).toISOString().slice(0, 10);

export const isDate = (s) => /^\d{4}-\d\d-\d\d$/.test(s ?? '') && !Number.isNaN(at(s)) && text(at(s)) === s;
export const addDays = (date, n) => text(at(date) + n * oneDay);
export const daysBetween = (from, to) => Math.round((at(to) - at(from)) / oneDay) + 1;

/** The Monday of a date's week, and the first of its month. */
export const monday = (date) => addDays(date, -weekday(date));
export const first = (date) => date.slice(0, 8) + '01';

export function lastOfMonth(date) {
  return text(Date.UTC(Number(date.slice(0, 4)), Number(date.slice(5, 7)), 0));
}

/** The same date n months later, or the last day of a month that lacks it. */
export function addMonths(date, n) {
  const month = text(Date.UTC(Number(date.slice(0, 4)), Number(date.slice(5, 7)) - 1 + n, 1));
  const last = lastOfMonth(month);
  const same = month.slice(0, 8) + date.slice(8, 10);
  return same < last ? same : last;
}

/** 0 for Monday to 6 for Sunday. */
export const weekday = (date) => (new Date(at(date.slice(0, 10))).getUTCDay() + 6) % 7;

/** The comparisons to choose from. */
export const comparisons = { none: 'Nothing', previous_period: 'Previous period', same_weekday: 'Same weekday', previous_year: 'Same period last year' };

/** The ranges to choose from. */
export const ranges = {
  today: 'Today', yesterday: 'Yesterday', '7d': '7 days', '28d': '28 days', '90d': '90 days',
  month: 'This month', lastmonth: 'Last month', '12m': '12 months', year: 'This year', all: 'All time',
};

const usualRange = '28d';

/** First and last day of a range by its name; began is the first day with events. */
export function daysOfRange(name, now, began = now) {
  const since = (from) => ({ from, to: now });
  switch (name) {
    case 'today': return since(now);
    case 'yesterday': return { from: addDays(now, -1), to: addDays(now, -1) };
    case '7d': return since(addDays(now, -6));
    case '90d': return since(addDays(now, -89));
    case 'month': return since(first(now));
    case 'lastmonth': return { from: first(addMonths(now, -1)), to: addDays(first(now), -1) };
    case '12m': return since(first(addMonths(now, -11)));
    case 'year': return since(`${now.slice(0, 4)}-01-01`);
    case 'all': return since(began < now ? began : now);
    default: return since(addDays(now, -27));
  }
}

const isFirst = (date) => date.slice(8) === '01';
const isLast = (date) => date === lastOfMonth(date);
const monthsOf = (from, to) => (Number(to.slice(0, 4)) - Number(from.slice(0, 4))) * 12 + Number(to.slice(5, 7)) - Number(from.slice(5, 7)) + 1;

/**
 * The range before (by -1) or after (by 1) another: whole months lead to whole
 * months, also if the last one is not over, and other ranges to as many days.
 * Returns the parameters of the address, or null if it would be in the future.
 */
export function step(q, by) {
  let { from, to } = q;
  if (q.range === 'all') return null;
  const months = ['month', 'lastmonth', '12m', 'year'].includes(q.range) || (isFirst(from) && isLast(to));
  if (months) {
    const n = q.range === 'year' ? 12 : monthsOf(from, to);
    from = addMonths(from, n * by);
    to = lastOfMonth(addMonths(from, n - 1));
  } else {
    [from, to] = [addDays(from, q.days * by), addDays(to, q.days * by)];
  }
  if (from > q.now) return null;
  if (to > q.now) to = q.now;
  return { ...named(from, to, q.now), interval: null, day: null, hour: null, of: null };
}

/** The name of a range if it has one, otherwise its days. */
function named(from, to, now) {
  const name = Object.keys(ranges).find((r) => r !== 'all' && daysOfRange(r, now).from === from && daysOfRange(r, now).to === to);
  return name ? { range: name, from: null, to: null } : { range: 'custom', from, to };
}

/**
 * Reads range, from, to, interval, compare, tz, type, where.NAME and group from
 * the parameters of the page. What is missing is taken from kept, the choice that
 * was made last; what is invalid gets its default. began is the first day with
 * events, for the range of all time.
 */
export function readQuery(params, { kept = {}, began, moment = new Date() } = {}) {
  const given = (name) => params.get(name) ?? kept[name];
  const zone = isZone(given('tz')) ? given('tz') : 'UTC';
  const now = today(zone, moment);
  let range = given('range') ?? usualRange;
  let { from, to } = params.has('range') ? { from: params.get('from'), to: params.get('to') } : kept;
  if (range === 'custom' ? !(isDate(from) && isDate(to) && from <= to) : !Object.hasOwn(ranges, range)) range = usualRange;
  if (range !== 'custom') ({ from, to } = daysOfRange(range, now, began));
  const days = daysBetween(from, to);
  const fits = intervals(days);
  const interval = fits.includes(params.get('interval')) ? params.get('interval') : usual(days);
  const compare = Object.hasOwn(comparisons, given('compare') ?? '') ? given('compare') : 'previous_period';
  const q = { zone, range, from, to, days, interval, compare, types: params.getAll('type'), where: whereOf(params), by: params.get('group') ?? '', now };
  q.open = from <= now && to >= now;
  q.passed = Math.max(0, daysBetween(from, to < now ? to : now) - (q.open ? 1 - dayPassed(zone, moment) : 0));
  q.against = against(q);
  return q;
}

/** The filters by values of dimensions: [name, values] of each. */
function whereOf(params) {
  const names = new Set([...params.keys()].filter((key) => key.startsWith('where.')));
  return [...names].map((key) => [key.slice(6), params.getAll(key)]);
}

/** The comparison to ask the server for, or '' for none. */
function against({ range, from, to, compare }) {
  if (range === 'all' || compare === 'none') return '';
  if (compare !== 'previous_period' || from > to) return compare;
  if (range === 'month' || (isFirst(from) && isLast(to) && monthsOf(from, to) === 1)) return 'previous_month';
  if (range === 'year' || range === '12m' || (isFirst(from) && isLast(to) && monthsOf(from, to) === 12)) return 'previous_year';
  return compare;
}

/** The day that a day of the range is compared with. */
export function dayBefore(date, { against, days }) {
  switch (against) {
    case 'previous_month': return addMonths(date, -1);
    case 'previous_year': return addMonths(date, -12);
    case 'same_weekday': return addDays(date, -Math.ceil(days / 7) * 7);
    default: return addDays(date, -days);
  }
}

/**
 * The whole days of a range that is not over, and the same days of the range it is
 * compared with: distinct subjects are known by whole days only. null if the range
 * has none.
 */
export function wholeDays(q) {
  const to = addDays(q.now, -1);
  if (!q.open || !q.against || to < q.from) return null;
  return [{ from: q.from, to }, { from: dayBefore(q.from, q), to: dayBefore(to, q) }];
}

/** The intervals that make sense for a number of days. */
export function intervals(days) {
  return ['hour', 'day', 'week', 'month'].filter((i) => ({
    hour: days <= 14, day: days <= 1200, week: days > 7, month: days > 31,
  })[i]);
}

const usual = (days) => (days <= 2 ? 'hour' : days <= 120 ? 'day' : days <= 731 ? 'week' : 'month');

/** First and last day of a period, within the range of q. */
export function daysOf(date, interval, q) {
  const start = date.slice(0, 10);
  const end = { week: addDays(monday(start), 6), month: lastOfMonth(start) }[interval] ?? start;
  return { from: start < q.from ? q.from : start, to: end > q.to ? q.to : end };
}
