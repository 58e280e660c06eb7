// How files are read: the choices before an upload, and what the server assumed.
import { h, tableHead } from './dom.js';
import { number, plural } from './format.js';
import { zones } from './range.js';

const encodings = {
  'utf-8': 'UTF-8', 'utf-16': 'UTF-16', 'utf-16le': 'UTF-16 LE', 'utf-16be': 'UTF-16 BE',
  'windows-1252': 'Windows-1252', 'iso-8859-1': 'ISO 8859-1', 'iso-8859-15': 'ISO 8859-15',
  'shift_jis': 'Shift JIS', 'gbk': 'GBK', 'gb18030': 'GB 18030',
};
const regions = { 'windows-1252': 'Western', 'iso-8859-1': 'Latin 1', 'iso-8859-15': 'Latin 9', 'shift_jis': 'Japanese', 'gbk': 'Chinese', 'gb18030': 'Chinese' };
const delimiters = { ',': 'commas', ';': 'semicolons', '\t': 'tabs', '|': 'vertical bars' };
const orders = { dmy: 'day first', mdy: 'month first' };
const forms = {
  compact: 'times such as 20251108', unix_s: 'Unix time in seconds', unix_ms: 'Unix time in milliseconds',
  unix_us: 'Unix time in microseconds', unix_ns: 'Unix time in nanoseconds',
};
const options = { format: 'Format', encoding: 'Encoding', delimiter: 'Separator', date_order: 'Dates', time_zone: 'Times without a zone' };

/** The name of an encoding for people. */
export const encodingName = (name) => encodings[name] ?? name;

/** The time zone of the browser. */
export function ownZone() {
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return !name || /^(Etc\/)?(UTC|UCT|GMT)$/.test(name) ? 'UTC' : name;
}

const option = (value, text) => h('option', { value }, text);

/** A choice of encodings; value is '' to detect it. */
export function encodingChoice() {
  const select = h('select', { id: 'encoding' }, option('', 'Detect UTF-8 or UTF-16'),
    Object.entries(encodings).map(([value, name]) => option(value, regions[value] ? `${name} (${regions[value]})` : name)));
  return { node: h('label', { class: 'choice' }, 'Encoding ', select), value: () => select.value };
}

/**
 * A choice of the zone of times that have none; value is '' if it is not said.
 * valid asks for a name that is a zone, and returns whether there is one.
 */
export function zoneChoice() {
  const own = ownZone();
  const typed = h('input', { id: 'otherzone', list: 'zones', autocomplete: 'off', spellcheck: 'false', placeholder: 'Asia/Tokyo', 'aria-label': 'Name of the time zone', oninput: () => typed.setCustomValidity('') });
  const other = h('span', { hidden: true }, typed, h('datalist', { id: 'zones' }, zones('').map((zone) => option(zone))));
  const select = h('select', { id: 'zone', onchange: () => { other.hidden = select.value !== 'other'; if (!other.hidden) typed.focus(); } },
    option('', 'Not known: assume UTC and warn'), option('UTC', 'UTC'),
    own === 'UTC' ? null : option(own, `${own} (this browser)`), option('other', 'Other …'));
  return {
    node: h('span', { class: 'choice' }, h('label', { for: 'zone' }, 'Times without a zone are in'), select, other),
    value: () => (select.value === 'other' ? typed.value.trim() : select.value),
    valid: () => {
      if (select.value !== 'other' || isZone(typed.value.trim())) return true;
      typed.setCustomValidity('Enter the name of a time zone, such as Asia/Tokyo.');
      return typed.reportValidity();
    },
  };
}

function isZone(name) {
  try {
    return /^[A-Z]/.test(name) && Boolean(Intl.DateTimeFormat('en', { timeZone: name }));
  } catch {
    return false;
  }
}

/** Says in one line how a file was understood. */
export function readingLine(read) {
  if (!read) return null; // the batch was archived
  const csv = read.format === 'csv';
  const skipped = read.skipped_lines ? ` (${plural(read.skipped_lines, 'line')} skipped)` : '';
  const parts = [
    csv ? `CSV, separated by ${delimiters[read.delimiter] ?? read.delimiter}` : 'NDJSON, one JSON object per line',
    encodingName(read.encoding),
    csv ? `header on line ${number(read.header_line)}${skipped}` : '',
    read.date_order ? `dates ${orders[read.date_order]}` : '',
    ...read.time_forms.map((form) => forms[form]),
    read.time_zone ? `times without a zone read as ${read.time_zone}` : '',
  ];
  return h('p', { class: 'reading' }, h('span', { class: 'quiet' }, 'Read as: '), parts.filter(Boolean).join(', '), '.');
}

/** What is suspicious about a file, with line and count. */
export function warningList(warnings) {
  if (!warnings.length) return null;
  return [h('h3', null, plural(warnings.length, 'warning')), h('ul', { class: 'warnings' }, warnings.map((w) => h('li', null,
    w.column ? [h('code', null, w.column), ' '] : null, w.message,
    h('span', { class: 'quiet' }, ` · ${plural(w.count, 'row')}${w.line ? `, first on line ${number(w.line)}` : ''}`))))];
}

/** The options in which two readings of a file differ. */
export function differenceTable(differences) {
  const named = (value) => delimiters[value] ?? orders[value] ?? encodings[value] ?? (value || 'none');
  return h('div', { class: 'scroll' }, h('table', null, tableHead('Option', 'Earlier batch', 'This upload'),
    h('tbody', null, differences.map((d) => h('tr', null,
      h('td', null, options[d.option] ?? d.option), h('td', null, named(d.earlier)), h('td', null, named(d.now)))))));
}
