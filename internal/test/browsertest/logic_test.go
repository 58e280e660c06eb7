package browsertest_test

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// cases are run in the page: each is a name, an expression and its value as JSON.
// The modules that the expressions use are imported before.
const cases = `
const { load: at } = await import(document.querySelector('script').src);
const [range, buckets, delta, colours, types, format, causes, receipts] = await Promise.all(
  ['range.js', 'buckets.js', 'delta.js', 'colours.js', 'types.js', 'format.js', 'causes.js', 'receipt.js'].map(at));
const moment = new Date('2025-11-15T10:30:00Z');
const query = (text, more) => range.readQuery(new URLSearchParams(text), { moment, ...more });
const days = ({ from, to, against }) => [from, to, against];
const step = (text, by) => { const s = range.step(query(text), by); return s && [s.range, s.from, s.to]; };
const count = (from, n) => Array.from({ length: n }, (_, i) => range.addDays(from, i));
const hours = (from, n) => count(from, n).flatMap((d) => Array.from({ length: 24 }, (_, i) => d + 'T' + String(i).padStart(2, '0') + ':00:00Z'));
const text = (all) => all.map(([, t]) => t.replace('\n', '/'));
return [
  ['by default 28 days', days(query('')), ['2025-10-19', '2025-11-15', 'previous_period']],
  ['the choice that is kept', days(query('', { kept: { range: '7d', compare: 'same_weekday' } })), ['2025-11-09', '2025-11-15', 'same_weekday']],
  ['dates that are kept', days(query('', { kept: { range: 'custom', from: '2025-11-03', to: '2025-11-04' } })), ['2025-11-03', '2025-11-04', 'previous_period']],
  ['dates of the address before them', days(query('range=custom&from=2025-11-01&to=2025-11-02', { kept: { range: 'custom', from: '2025-11-03', to: '2025-11-04' } })), ['2025-11-01', '2025-11-02', 'previous_period']],
  ['whole days of a range that is not over', ['range=7d', 'range=month', 'range=year', 'range=7d&compare=same_weekday'].map((text) => range.wholeDays(query(text))), [
    [{ from: '2025-11-09', to: '2025-11-14' }, { from: '2025-11-02', to: '2025-11-07' }], [{ from: '2025-11-01', to: '2025-11-14' }, { from: '2025-10-01', to: '2025-10-14' }],
    [{ from: '2025-01-01', to: '2025-11-14' }, { from: '2024-01-01', to: '2024-11-14' }], [{ from: '2025-11-09', to: '2025-11-14' }, { from: '2025-11-02', to: '2025-11-07' }]]],
  ['no whole days', ['range=today', 'range=yesterday', 'compare=none', 'range=all'].map((text) => range.wholeDays(query(text))), [null, null, null, null]],
  ['the address before what is kept', days(query('range=today', { kept: { range: '7d' } })), ['2025-11-15', '2025-11-15', 'previous_period']],
  ['yesterday', days(query('range=yesterday')), ['2025-11-14', '2025-11-14', 'previous_period']],
  ['this month beside the last one', days(query('range=month')), ['2025-11-01', '2025-11-15', 'previous_month']],
  ['last month', days(query('range=lastmonth')), ['2025-10-01', '2025-10-31', 'previous_month']],
  ['12 months beside the 12 before', days(query('range=12m')), ['2024-12-01', '2025-11-15', 'previous_year']],
  ['this year', days(query('range=year')), ['2025-01-01', '2025-11-15', 'previous_year']],
  ['all time beside nothing', days(query('range=all', { began: '2023-02-03' })), ['2023-02-03', '2025-11-15', '']],
  ['all time without events', days(query('range=all')), ['2025-11-15', '2025-11-15', '']],
  ['compared with nothing', query('compare=none').against, ''],
  ['a month in the address', query('range=custom&from=2024-02-01&to=2024-02-29').against, 'previous_month'],
  ['a year in the address', query('range=custom&from=2024-01-01&to=2024-12-31').against, 'previous_year'],
  ['days in the address', days(query('range=custom&from=2025-11-03&to=2025-11-04')), ['2025-11-03', '2025-11-04', 'previous_period']],
  ['nonsense', [query('range=custom&from=x').range, query('range=toString').range, query('tz=Mars').zone, query('compare=__proto__').compare, query('interval=eon').interval], ['28d', '28d', 'UTC', 'previous_period', 'day']],
  ['today in a zone', query('range=today&tz=Pacific/Kiritimati').from, '2025-11-16'],
  ['what has passed of today', query('range=today').passed, 10.5 / 24],
  ['what has passed of a past range', query('range=lastmonth').passed, 31],
  ['a range that is over is not open', [query('').open, query('range=yesterday').open], [true, false]],
  ['filters', [query('type=a&type=b&where.x=1&where.x=&where.y=2').types, query('where.x=1&where.x=').where], [['a', 'b'], [['x', ['1', '']]]]],

  ['a step back from today', step('range=today', -1), ['yesterday', null, null]],
  ['and to today again', step('range=yesterday', 1), ['today', null, null]],
  ['no step into the future', [step('range=today', 1), step('', 1), step('range=all', -1)], [null, null, null]],
  ['days', step('range=custom&from=2025-11-01&to=2025-11-03', -1), ['custom', '2025-10-29', '2025-10-31']],
  ['from this month to the last', step('range=month', -1), ['lastmonth', null, null]],
  ['and back', step('range=lastmonth', 1), ['month', null, null]],
  ['whole months', step('range=custom&from=2024-02-01&to=2024-02-29', 1), ['custom', '2024-03-01', '2024-03-31']],
  ['a quarter', step('range=custom&from=2025-04-01&to=2025-06-30', -1), ['custom', '2025-01-01', '2025-03-31']],
  ['years', step('range=year', -1), ['custom', '2024-01-01', '2024-12-31']],
  ['12 months', step('range=12m', -1), ['custom', '2023-12-01', '2024-11-30']],

  ['months of other lengths', [range.addMonths('2025-03-31', -1), range.addMonths('2024-03-30', -1), range.addMonths('2025-01-31', 1), range.addMonths('2024-02-29', -12), range.addMonths('2025-12-15', 1)], ['2025-02-28', '2024-02-29', '2025-02-28', '2023-02-28', '2026-01-15']],
  ['days that are compared', ['previous_period', 'same_weekday', 'previous_month', 'previous_year'].map((against) => range.dayBefore('2025-11-15', { against, days: 8 })), ['2025-11-07', '2025-11-01', '2025-10-15', '2024-11-15']],
  ['hours for two weeks', [14, 15].map((n) => range.intervals(n).includes('hour')), [true, false]],
  ['the days of a week within the range', range.daysOf('2025-11-10', 'week', { from: '2025-11-12', to: '2025-11-30' }), { from: '2025-11-12', to: '2025-11-16' }],

  ['bars are 3 px wide', [buckets.perBar(365, 'day', 1100), buckets.perBar(365, 'day', 1090), buckets.perBar(336, 'hour', 280), buckets.perBar(36, 'month', 280), buckets.perBar(1200, 'day', 30)], [1, 2, 4, 1, 120]],
  ['no bar is too thin', [[365, 'day'], [336, 'hour'], [1200, 'day'], [400, 'week'], [5000, 'month']].every(([n, i]) => [30, 280, 700, 1180].every((w) => w / Math.ceil(n / buckets.perBar(n, i, w)) >= buckets.thinnest)), true],
  ['sums', buckets.merge([1, 2, 3, 4, 5], 2), [3, 7, 5]],
  ['sparks are thinned without a fall at the end', buckets.thin(new Array(365).fill(4), 48).every((v) => v === 4) && buckets.thin(new Array(365).fill(4), 48).length <= 48, true],
  ['few values stay', buckets.thin([1, 2, 3], 48), [1, 2, 3]],
  ['hours of a day', text(buckets.labels(hours('2025-11-08', 1), 'hour', 8)), ['00:00/8 Nov 2025', '03:00', '06:00', '09:00', '12:00', '15:00', '18:00', '21:00']],
  ['hours of two weeks', text(buckets.labels(hours('2025-12-28', 14), 'hour', 7)), ['00:00/28 Dec 2025', '00:00/30 Dec 2025', '00:00/1 Jan 2026', '00:00/3 Jan 2026', '00:00/5 Jan 2026', '00:00/7 Jan 2026', '00:00/9 Jan 2026']],
  ['days carry the year', text(buckets.labels(count('2025-12-30', 4), 'day', 9)), ['30 Dec/2025', '31 Dec', '1 Jan/2026', '2 Jan']],
  ['months begin with January', text(buckets.labels(Array.from({ length: 24 }, (_, i) => range.addMonths('2024-05-01', i)), 'month', 8)), ['Jul/2024', 'Oct', 'Jan/2025', 'Apr', 'Jul', 'Oct', 'Jan/2026', 'Apr']],
  ['labels have room', [['day', count('2020-01-01', 400)], ['hour', hours('2020-01-01', 14)], ['week', count('2020-01-01', 53)]].every(([i, all]) => [2, 3, 5, 17].every((n) => buckets.labels(all, i, n).length <= n && buckets.labels(all, i, n).length > 0)), true],
  ['a spike is cut off', [buckets.cutoff([1, 2, 3, 2, 400]), buckets.cutoff([1, 2, 3, 4]), buckets.cutoff([5]), buckets.cutoff([0, 0, 9])], [4.5, 0, 0, 0]],

  ['changes', [[3, 2], [1, 2], [2, 2], [5, 0], [0, 5], [0, 0], [11000, 1000], [10990, 1000], [2, undefined]].map(([a, b]) => delta.delta(a, b).text), ['▲ 50%', '▼ 50%', '= 0%', 'new', '▼ 100%', '–', '>999%'.replace(/^/, '▲ '), '▲ 999%', '']],
  ['changes are said', [delta.delta(3, 2).spoken, delta.delta(1, 4).spoken], ['50% more than', '75% less than']],

  ['colours stay when others leave', (() => { const known = new Map(); const [a, b, c] = colours.assign(['a', 'b', 'c'], known); return [colours.assign(['c'], known)[0] === c, colours.assign(['b', 'a'], known).join() === [b, a].join()] })(), [true, true]],
  ['colours differ', (() => { const known = new Map(); const names = Array.from({ length: 60 }, (_, i) => 'type ' + i); return [0, 7, 30, 53].every((i) => new Set(colours.assign(names.slice(i, i + 7), known)).size === 7) })(), true],
  ['names such as __proto__ have colours', new Set(colours.assign(['__proto__', 'constructor', ''], new Map())).size, 3],
  ['no more than there are', colours.assign(Array.from({ length: 9 }, (_, i) => 't' + i), new Map()).length, 7],

  ['sorted by name', types.sorted([{ name: 'b', count: 1 }, { name: 'a', count: 2 }], 'name', true).map((t) => t.name), ['a', 'b']],
  ['sorted by change, new ones first', types.sorted([{ name: 'b', count: 4, before: 2 }, { name: 'a', count: 2, before: 0 }, { name: 'c', count: 1, before: 2 }], 'change', false).map((t) => t.name), ['a', 'b', 'c']],
  ['equal ones by count, then by name', types.sorted([{ name: 'b', count: 1, before: 1 }, { name: 'a', count: 1, before: 1 }, { name: 'c', count: 2, before: 2 }], 'change', false).map((t) => t.name), ['c', 'a', 'b']],
  ['searched', types.matching([{ name: 'Started' }, { name: 'ended' }], ' START ').length, 1],
  ['causes without ids', ['batch 019ab4a3-3c5e-7e44-9a35-7f1f7a3a9d0e: 12 rows', 'dial 127.0.0.1:6379: refused', 'since 2025-11-08T09:00:00.5+01:00'].map(causes.causeOf), ['batch …: … rows', 'dial …: refused', 'since …']],
  ['each cause once, frequent ones first', causes.byCause(['x', 'row 1', 'row 2'].map((failedReason) => ({ failedReason }))).map(([cause, jobs]) => [cause, jobs.length]), [['row …', 2], ['x', 1]]],
  ['names of repair files', ['a.csv', 'b.ndjson.gz', 'c', 'd.e.TXT', ''].map((name) => receipts.rejectedName(name, 'id')), ['a-rejected.csv', 'b-rejected.csv', 'c-rejected.csv', 'd.e-rejected.csv', 'id-rejected.csv']],
  ['one and many', [1, 2, 0, 1234].map((n) => format.plural(n, 'row')), ['1 row', '2 rows', '0 rows', '1,234 rows']],
  ['spans', [format.span('2025-11-07', '2025-11-08'), format.span('2024-12-31', '2025-01-01'), format.span('2025-11-08', '2025-11-08')], ['7 Nov to 8 Nov 2025', '31 Dec 2024 to 1 Jan 2025', '8 Nov 2025']],
].filter(([, got, want]) => JSON.stringify(got) !== JSON.stringify(want)).map(([name, got, want]) => name + ': ' + JSON.stringify(got) + ', want ' + JSON.stringify(want));
`

func TestTheLogicOfThePages(t *testing.T) {
	t.Parallel()
	v := serve(t, setup{})
	p := open(t, wide, v.address(""))
	p.see("No events yet")
	faults, err := chromedp.Run(p.ctx, chromedp.Evaluate[[]string]("(async () => {"+cases+"})()", chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range faults {
		t.Error(fault)
	}
}
