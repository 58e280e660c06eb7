// How numbers, sizes and times are written.

const numbers = new Intl.NumberFormat('en');
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const percents = new Intl.NumberFormat('en', { style: 'percent', maximumFractionDigits: 1 });

export const number = (n) => numbers.format(n);
export const short = (n) => compact.format(n);
export const percent = (n) => percents.format(n);

/** A part of a whole, with as many digits as the others of its column. */
export const share = (n) => `${(n * 100).toFixed(1)}%`;

/** One decimal below 100. */
export const average = (n) => numbers.format(n < 100 ? Math.round(n * 10) / 10 : Math.round(n));

/** n and its noun, as in 1 row and 2 rows. */
export const plural = (n, noun, nouns = `${noun}s`) => `${number(n)} ${n === 1 ? noun : nouns}`;

export function bytes(n) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let i = 0;
  for (; n >= 1024 && i < units.length - 1; i++) n /= 1024;
  return `${i > 0 && n < 10 ? n.toFixed(1) : Math.round(n)} ${units[i]}`;
}

/** Seconds as 0:42 or 1:02:03. */
export function clock(seconds) {
  const s = Math.max(0, Math.ceil(seconds));
  const two = (n) => String(n).padStart(2, '0');
  const hours = Math.floor(s / 3600);
  const rest = `${hours ? two(Math.floor(s / 60) % 60) : Math.floor(s / 60)}:${two(s % 60)}`;
  return hours ? `${hours}:${rest}` : rest;
}

/** Seconds as 42 s, 3 min, 5 h or 2 d. */
export function age(seconds) {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** A time in the time zone of the browser. */
export function moment(text) {
  return new Date(text).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });
}

const days = new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', day: 'numeric', month: 'short', year: 'numeric' });
const months = new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', month: 'long', year: 'numeric' });
const weekday = new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' });

const utc = (date) => new Date(`${date.slice(0, 10)}T00:00:00Z`);

/** A date such as 2025-11-08 as 8 Nov 2025. */
export const day = (date) => days.format(utc(date));

/** Two dates as 7 Nov to 8 Nov 2025, or one if they are the same. */
export const span = (from, to) => (from === to ? day(from) : `${from.slice(0, 4) === to.slice(0, 4) ? day(from).slice(0, -5) : day(from)} to ${day(to)}`);

/** The name of a period. */
export function period(date, interval) {
  switch (interval) {
    case 'hour':
      return `${weekday.format(utc(date))}, ${date.slice(11, 16)}`;
    case 'week':
      return `Week of ${day(date)}`;
    case 'month':
      return months.format(utc(date));
    default:
      return weekday.format(utc(date));
  }
}

/** The start and the end of an id, enough to tell batches apart. */
export const shortID = (id) => id.slice(0, 13) + '…' + id.slice(-4);
