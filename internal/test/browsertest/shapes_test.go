package browsertest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/eventmetrics/eventmetrics"
)

// years makes events of four types: a few each day for three years, more each year
// and on weekdays.
func years(end time.Time) string {
	var b strings.Builder
	b.WriteString(header)
	for age := 3 * 365; age >= 0; age-- {
		day := end.AddDate(0, 0, -age).Truncate(24 * time.Hour)
		n := 3 + (3*365-age)/180
		if day.Weekday() == time.Sunday || day.Weekday() == time.Saturday {
			n /= 2
		}
		for i := range n {
			at := day.Add(time.Duration(7+(i*5+age)%14) * time.Hour)
			for k, kind := range []string{"test_started", "question_answered", "test_completed", "test_abandoned"} {
				if (i+age)%(k+1) == 0 && at.Before(end) {
					fmt.Fprintf(&b, "C%d,T%d,%s,%s\n", (age*7+i)%97, k, kind, at.Format(time.RFC3339))
				}
			}
		}
	}
	return b.String()
}

func TestTheOverviewHoldsRealShapesOfData(t *testing.T) {
	t.Parallel()
	now := time.Now().UTC()
	today := now.Truncate(24 * time.Hour)
	v := serve(t, setup{})
	v.upload("years.csv", years(now), true)
	var many, spike strings.Builder
	many.WriteString(header)
	spike.WriteString(header)
	for i := range 60 {
		many.WriteString(rows(1+(60-i)*(60-i)/20, fmt.Sprintf("type_%02d", i), today.AddDate(0, 0, -1-i%20).Add(8*time.Hour)))
	}
	long := strings.Repeat("a_very_long_name_", 11) + "of_200_letters"
	many.WriteString(rows(150, long[:200], today.AddDate(0, 0, -2)))
	many.WriteString(rows(90, "Ein Name mit mehreren Wörtern "+strings.Repeat("und noch einem ", 11), today.AddDate(0, 0, -3)))
	for i := range 28 {
		spike.WriteString(rows(2+i%3, "started", today.AddDate(0, 0, -i).Add(-time.Hour)))
	}
	spike.WriteString(rows(1400, "started", today.AddDate(0, 0, -9)))
	spike.WriteString(rows(1200, "started", today.AddDate(0, 0, -8)))
	types, spiked, empty := serve(t, setup{service: eventmetrics.Options{Dimensions: []string{"test_id"}}}), serve(t, setup{}), serve(t, setup{})
	types.upload(long+".csv", many.String(), true)
	spiked.upload("spike.csv", spike.String(), true)
	for _, shape := range []struct {
		name, address, text string
	}{
		{"one-day", v.address("?range=yesterday"), "Activity by hour and weekday"},
		{"year-by-day", v.address("?range=12m&interval=day"), "Activity by hour and weekday"},
		{"years-by-month", v.address("?range=all&interval=month"), "Choose a range of at most 400 days"},
		{"60-types", types.address("?range=28d&compare=none"), "Show all 62"},
		{"spike", spiked.address(""), "Activity by hour and weekday"},
		{"filtered", types.address("?range=7d&type=type_00&type=type_02&type=" + long[:200] + "&where.test_id=T1"), "Remove all"},
		{"empty", empty.address("?range=28d"), "No events yet"},
		{"empty-range", v.address("?range=custom&from=2019-01-01&to=2019-01-31"), "No events in this range"},
	} {
		p := open(t, wide, shape.address)
		p.see(shape.text)
		p.wait(`!document.querySelector('[aria-busy]') && !document.body.innerText.includes('Loading')`)
		p.wait(`!document.querySelector('.chart') || !!document.querySelector('.chart canvas')`)
		p.inspect(shape.name, twoLooks)
		if shape.name == "spike" {
			p.press("Cut them off")
			p.see("Show their full height")
			p.inspect("spike-cut", twoLooks)
		}
	}
}
