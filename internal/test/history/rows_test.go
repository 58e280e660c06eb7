package history_test

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/eventmetrics/eventmetrics/internal/test/recount"
)

// rows decodes the rows of an answer in any of the formats.
func (q *query) rows(a *answer) ([]recount.Row, error) {
	switch q.format {
	case "csv":
		return q.csvRows(a)
	case "ndjson":
		return q.lineRows(a)
	}
	var body struct {
		Data []map[string]any `json:"data"`
	}
	if err := a.into(&body); err != nil {
		return nil, err
	}
	var all []recount.Row
	for _, period := range body.Data {
		metrics, ok := period["metrics"].([]any)
		if !ok {
			metrics = []any{period}
		}
		for _, m := range metrics {
			members, ok := m.(map[string]any)
			if !ok {
				return nil, errors.New("a metric is no object")
			}
			members["date"], members["finality"] = period["date"], period["finality"]
			all = append(all, q.row(members))
		}
	}
	return all, nil
}

func (q *query) lineRows(a *answer) (all []recount.Row, _ error) {
	for line := range strings.Lines(string(a.body)) {
		var members map[string]any
		if err := json.Unmarshal([]byte(line), &members); err != nil {
			return nil, err
		}
		all = append(all, q.row(members))
	}
	return all, nil
}

func (q *query) csvRows(a *answer) (all []recount.Row, _ error) {
	lines, err := csv.NewReader(strings.NewReader(string(a.body))).ReadAll()
	if err != nil {
		return nil, err
	}
	for _, line := range lines[1:] {
		members := map[string]any{}
		for i, name := range lines[0] {
			members[name] = line[i]
			if n, err := strconv.Atoi(line[i]); err == nil {
				members[name] = float64(n)
			}
		}
		all = append(all, q.row(members))
	}
	return all, nil
}

// row makes a row of its members.
func (q *query) row(members map[string]any) recount.Row {
	text := func(name string) string { s, _ := members[name].(string); return s }
	number := func(name string) int { n, _ := members[name].(float64); return int(n) }
	r := recount.Row{
		Period: text("date"), Type: text("event_type"), Count: int64(number("count")), Previous: int64(number("previous_count")),
		Uniques: number("uniques"), PreviousUniques: number("previous_uniques"), Finality: text("finality"),
	}
	for _, name := range q.GroupBy {
		r.Group += text(name) + "\n"
	}
	return r
}

// compareRows compares rows. Uniques are estimates, and whether a settled
// period is sealed is not in the recount.
func (q *query) compareRows(got, want []recount.Row, purged bool) error {
	for i := range want {
		if i >= len(got) {
			return fmt.Errorf("%d rows; want %d, the next %+v", len(got), len(want), want[i])
		}
		g, w := got[i], want[i]
		if similar(g.Uniques, w.Uniques) {
			g.Uniques = w.Uniques
		}
		if similar(g.PreviousUniques, w.PreviousUniques) {
			g.PreviousUniques = w.PreviousUniques
		}
		if !q.finality || g.Finality == "sealed" && w.Finality == "settled" && purged {
			g.Finality = w.Finality
		}
		if fmt.Sprintf("%+v", g) != fmt.Sprintf("%+v", w) {
			return fmt.Errorf("row %d is %+v; want %+v", i, g, w)
		}
	}
	if len(got) > len(want) {
		return fmt.Errorf("%d rows; want %d, the next is %+v", len(got), len(want), got[len(want)])
	}
	return nil
}

func similar(a, b int) bool { return max(a-b, b-a) <= 1+b/20 }

func (m *model) anyPurged() bool {
	return slices.ContainsFunc(m.batches, (*batch).unusual)
}

// compareHead compares what an answer says of the range as a whole.
func (q *query) compareHead(a *answer, want *recount.Answer) error {
	sliced := len(q.GroupBy)+len(q.Where) > 0
	if sliced && a.header.Get("Unattributed-Count") != strconv.FormatInt(want.Unattributed, 10) {
		return fmt.Errorf("unattributed: %s; want %d", a.header.Get("Unattributed-Count"), want.Unattributed)
	}
	if q.format != "json" {
		return nil
	}
	var got struct {
		Total        *int64 `json:"total_count"`
		Unattributed *int64 `json:"unattributed_count"`
		Folded       *int   `json:"folded_group_count"`
		Previous     *struct {
			Count int64 `json:"count"`
		} `json:"previous"`
	}
	if err := a.into(&got); err != nil {
		return err
	}
	switch {
	case got.Total != nil && *got.Total != want.Count:
		return fmt.Errorf("total_count is not %d", want.Count)
	case got.Folded != nil && *got.Folded != want.Collapsed:
		return fmt.Errorf("folded_group_count is not %d", want.Collapsed)
	case got.Previous != nil && got.Previous.Count != want.Previous:
		return fmt.Errorf("previous.count is not %d", want.Previous)
	}
	return nil
}
