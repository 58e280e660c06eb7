package httpapi_test

import (
	"strings"
	"testing"

	"github.com/eventmetrics/eventmetrics"
)

// TestNoCSVAnswerIsCalculated asks for every CSV answer about values that are
// formulas for a spreadsheet with another list separator.
func TestNoCSVAnswerIsCalculated(t *testing.T) {
	a := start(t, setup{service: eventmetrics.Options{Dimensions: []string{"=place"}}})
	values := []string{"=1+1", "+1", "-1", "@x", "x;=1", "x\t+1", "x|-1", "x\n=1", "＝1", "＋1", "－1", "＠x", "x;＝1", `x;"=1`, " =1", "'=1"}
	var file strings.Builder
	file.WriteString("candidate_id,test_id,event_type,timestamp,=place\n")
	for _, v := range values {
		quoted := `"` + strings.ReplaceAll(v, `"`, `""`) + `"`
		file.WriteString("C1,T1," + quoted + ",2025-11-08," + quoted + "\nC1,T1," + quoted + ",never," + quoted + "\n")
	}
	id := a.countFile(file.String())
	for _, path := range []string{"/metrics?format=csv", "/metrics?format=csv&group_by=%3Dplace&uniques=false", "/metrics?format=csv&compare=previous_period&date=2025-11-08", "/batches/" + id + "/errors"} {
		res := a.get(path)
		if res.status != 200 || !strings.HasPrefix(res.header.Get("Content-Type"), "text/csv") {
			t.Fatalf("%s: %d %s", path, res.status, res.body)
		}
		for _, separator := range []string{";", "\t", "|"} {
			for _, cell := range strings.FieldsFunc(res.body, func(c rune) bool { return strings.ContainsRune("\r\n"+separator, c) }) {
				if cell = strings.TrimLeft(cell, `" `); cell != "" && strings.ContainsRune("=+-@＝＋－＠", []rune(cell)[0]) {
					t.Errorf("%s with %q as separator: %q is calculated", path, separator, cell)
				}
			}
		}
	}
}
