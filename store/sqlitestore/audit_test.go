package sqlitestore_test

import (
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/internal/test/audittest"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/queue/memqueue"
)

func TestAuditsRaiseNoFalseAlarm(t *testing.T) {
	audittest.Beside(t, opened(t, filepath.Join(t.TempDir(), "events.db")), 12)
}

func TestAuditFindsSumsThatWereTamperedWith(t *testing.T) {
	const day = metrics.Day(20_000)
	right := aContribution(testRand(), int(day), 3, 2, 90)
	wrong := metrics.Merge(right)
	wrong[1].Count++
	wrong[1].Slots.Add(7, 1)
	shifted := metrics.Merge(right)
	shifted[0].Slots.Add(7, 1)
	other := metrics.Merge(right)
	other[0].Subjects.Add("somebody")
	for _, tc := range []struct {
		name, table, column string
		sums                metrics.Contribution
		part                metrics.Filter
		want                eventmetrics.WrongDay
	}{
		{"counts", "days", "totals", wrong[:2], metrics.Filter{}, eventmetrics.WrongDay{Ledger: 90, Sum: 91, Types: []string{"event_type_1"}}},
		{"a type that is gone", "days", "totals", right[1:2], metrics.Filter{}, eventmetrics.WrongDay{Ledger: 90, Sum: 45, Types: []string{"event_type_0"}}},
		{"quarter hours", "details", "slots", shifted[:2], metrics.Filter{Slots: true}, eventmetrics.WrongDay{Ledger: 90, Sum: 90, Types: []string{"event_type_0"}}},
		{"subjects", "details", "subjects", other[:2], metrics.Filter{Subjects: true}, eventmetrics.WrongDay{Ledger: 90, Sum: 90, Types: []string{"event_type_0"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "events.db")
			st, db := opened(t, path), direct(t, path)
			for i := range 4 {
				id := strconv.Itoa(i)
				upload(t, st, id)
				c := metrics.Contribution(nil)
				if i == 1 {
					c = right
				}
				if err := st.Record(t.Context(), id, c); err != nil {
					t.Fatal(err)
				}
			}
			part, err := tc.sums.AppendPart(nil, tc.part)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.ExecContext(t.Context(), "UPDATE "+tc.table+" SET "+tc.column+" = ? WHERE day = ?", part, day); err != nil {
				t.Fatal(err)
			}
			svc := eventmetrics.New(st, memqueue.New(nil), nil)
			all, err := svc.Audit(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			tc.want.Day = day
			if d := cmp.Diff([]eventmetrics.WrongDay{tc.want}, all.WrongDays); d != "" || all.OK || all.Last.Days != 3 {
				t.Errorf("ok %t, %d days, %s", all.OK, all.Last.Days, d)
			}
			report, err := svc.Reprocess(t.Context())
			if d := cmp.Diff([]eventmetrics.WrongDay{tc.want}, report.WrongDays); d != "" || err != nil || !report.Rebuilt {
				t.Errorf("Reprocess: rebuilt %t, %v, %s", report.Rebuilt, err, d)
			}
			if all, err := svc.Audit(t.Context()); err != nil || !all.OK {
				t.Errorf("after Reprocess: %v, %+v", err, all)
			}
			if d := cmp.Diff(right, dailies(t, st, metrics.Filter{Slots: true, Subjects: true})); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestAuditFindsADayThatTheSumsLack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	st, db := opened(t, path), direct(t, path)
	upload(t, st, "1")
	if err := st.Record(t.Context(), "1", aContribution(testRand(), 20_000, 3, 2, 90)); err != nil {
		t.Fatal(err)
	}
	execute(t, db, "DELETE FROM days WHERE day = 20001; DELETE FROM details WHERE day = 20001")
	all, err := eventmetrics.New(st, memqueue.New(nil), nil).Audit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	report, err := eventmetrics.New(st, memqueue.New(nil), nil).Reprocess(t.Context())
	if d := cmp.Diff(all.WrongDays, report.WrongDays); d != "" || err != nil || !report.Rebuilt {
		t.Errorf("Reprocess: rebuilt %t, %v, %s", report.Rebuilt, err, d)
	}
	var days []metrics.Day
	for _, w := range all.WrongDays {
		days = append(days, w.Day)
	}
	if d := cmp.Diff([]metrics.Day{20_001}, days); d != "" {
		t.Error(d)
	}
}

func TestAuditGoesOnBehindWhatCannotBeRead(t *testing.T) {
	for _, tc := range []struct {
		name, damage string
		repairable   bool
	}{
		{"counts", "UPDATE days SET totals = x'00' WHERE day = 20060", true},
		{"quarter hours", "UPDATE details SET slots = x'01ff' WHERE day = 20060", true},
		{"an entry", "UPDATE ledger SET counts = x'' WHERE day = 20060", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "events.db")
			st, db := opened(t, path), direct(t, path)
			for i, first := range []int{20_000, 20_060, 20_120} {
				upload(t, st, strconv.Itoa(i))
				if err := st.Record(t.Context(), strconv.Itoa(i), aContribution(testRand(), first, 1, 2, 9)); err != nil {
					t.Fatal(err)
				}
			}
			execute(t, db, tc.damage)
			svc := eventmetrics.New(st, memqueue.New(nil), nil)
			pass := func() eventmetrics.Integrity {
				for before := svc.Integrity().Days.Complete; ; {
					all, err := svc.Audit(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					if all.Days.Complete > before {
						return all
					}
				}
			}
			all := pass()
			if len(all.WrongDays) != 1 || all.WrongDays[0].Day != 20_060 || all.WrongDays[0].Err == "" {
				t.Fatalf("%+v", all)
			}
			report, err := svc.Reprocess(t.Context())
			if err != nil || len(report.WrongDays) != 1 || report.Rebuilt != tc.repairable {
				t.Errorf("Reprocess: %v, %+v", err, report)
			}
			if all := pass(); all.OK != tc.repairable {
				t.Errorf("after Reprocess: %+v", all)
			}
		})
	}
}
