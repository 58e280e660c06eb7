// Rejected rows by reason.
import { h, tableHead } from './dom.js';
import { number } from './format.js';

/** Returns a table of reasons: {count, sample} with the first row of each. */
export function reasonTable(reasons) {
  return h('div', { class: 'scroll' }, h('table', { class: 'reasons' },
    tableHead(['Rows', 'num'], 'Reason', 'First on', 'Value'),
    h('tbody', null, reasons.map(({ count, sample }) => h('tr', null,
      h('td', { class: 'num' }, number(count)), h('td', null, sample.error_reason), h('td', null, `line ${number(sample.line)}`),
      h('td', null, sample.value === '' ? h('span', { class: 'quiet' }, 'empty') : h('code', null, sample.value)))))));
}
