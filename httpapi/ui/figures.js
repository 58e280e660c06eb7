// What belongs to the chart: its legend, and its data as a table.
import { h, tableHead } from './dom.js';
import { number } from './format.js';
import { chosen, filterable, only, toggled } from './filter.js';
import { swatch } from './swatch.js';

/** The legend of the chart; a name filters, and others opens the table of types. */
export function legend(q, model, others) {
  const now = chosen(q, model.by);
  const entry = (s) => {
    if (s.rest) return h('button', { type: 'button', class: 'link', onclick: others }, s.name);
    if (!filterable(model.by, s.value)) return h('span', { class: 'cut', title: s.name }, s.name);
    const on = now.includes(s.value);
    return h('a', { class: 'cut', href: on ? toggled(q, model.by, s.value) : only(model.by, s.value), title: on ? `Remove the filter ${s.name}` : `Only ${s.name}` }, s.name);
  };
  return h('ul', { class: 'legend' }, model.chart.series.map((s) => h('li', null, swatch(s.colour), entry(s))),
    model.chart.previous ? h('li', { class: 'quiet' }, h('span', { class: 'swatch line', 'aria-hidden': 'true' }), model.chart.previous.label) : null,
    model.chart.open >= 0 ? h('li', { class: 'quiet' }, h('span', { class: 'swatch hatch', 'aria-hidden': 'true' }), 'In progress') : null);
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** The data of the chart as a table, built when it is opened. pick(i) follows a period. */
export function dataTable(q, model, pick) {
  const { series, names, previous, open } = model.chart;
  const body = h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Data of the chart' });
  const fill = () => {
    if (body.firstChild) return;
    body.append(h('table', { class: 'data' },
      tableHead(capital(q.interval), ...series.map((s) => [s.name, 'num cut']), ['Total', 'num'], ...(previous ? [[previous.label, 'num']] : [])),
      h('tbody', null, model.axis.map((b, i) => h('tr', null,
        h('th', { scope: 'row' }, h('button', { type: 'button', class: 'link', onclick: () => pick(i) }, names[i]), i === open ? ' (in progress)' : '',
          b.finality === 'sealed' ? h('span', { title: 'Sealed: the raw events were purged' }, ' 🔒') : null),
        series.map((s) => h('td', { class: 'num' }, number(s.values[i]))),
        h('td', { class: 'num' }, number(b.count)),
        previous ? h('td', { class: 'num' }, number(previous.values[i])) : null)))));
  };
  const details = h('details', { class: 'table', ontoggle: () => { if (details.open) fill(); } }, h('summary', null, 'Show as table'), body);
  return details;
}
