package ingest_test

import (
	"fmt"
	"os"
	"strings"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/metrics"
)

func ExampleReader() {
	file := strings.NewReader(`candidate_id;test_id;event_type;timestamp
C101;T1001;test_started;2025-11-08T09:00:00Z
C101;T1001;test_completed;2025-11-08 09:10
C102;;test_started;2025-11-08
`)
	sum := metrics.NewAggregator(nil)
	r := ingest.NewReader(file, &ingest.Options{
		Accept: sum.Add,
		Reject: func(e *ingest.RowError) error {
			fmt.Println(e)
			return nil
		},
	})
	events := make([]metrics.Event, 1024)
	for {
		n, err := r.Read(events)
		if err != nil {
			break // io.EOF here
		}
		for _, e := range events[:n] {
			fmt.Println(e.Row, e.Type, e.Time.Format("15:04"), e.Field("candidate_id"))
		}
	}
	fmt.Println(sum.Contribution().Events(), "accepted,", r.Rejected(), "rejected")
	// Output:
	// ingest: row 3 (line 4): test_id is missing
	// 1 test_started 09:00 C101
	// 2 test_completed 09:10 C101
	// 2 accepted, 1 rejected
}

func ExampleReader_Columns() {
	file := strings.NewReader("candidate_id,test_id,event_type,time_stamp\n")
	_, err := ingest.NewReader(file, nil).Columns()
	fmt.Println(err)
	// Output:
	// ingest: header: missing timestamp (is it "time_stamp"?); found candidate_id, test_id, event_type, time_stamp
}

func ExampleRepairWriter() {
	file := strings.NewReader("candidate_id,test_id,event_type,timestamp,note\n,T1001,test_started,2025-11-08,=1+1\n")
	var repair *ingest.RepairWriter
	r := ingest.NewReader(file, &ingest.Options{Reject: func(e *ingest.RowError) error {
		_, err := os.Stdout.Write(repair.AppendRow(nil, e))
		return err
	}})
	columns, err := r.Columns()
	if err != nil {
		fmt.Println(err)
		return
	}
	repair = ingest.NewRepairWriter(columns)
	fmt.Print(string(repair.AppendHeader(nil)))
	if _, err := r.Read(make([]metrics.Event, 8)); err != nil {
		fmt.Println(err)
	}
	// Output:
	// candidate_id,test_id,event_type,timestamp,note,_row,_line,_column,_code,_message
	// ,T1001,test_started,2025-11-08,'=1+1,1,2,candidate_id,missing_value,candidate_id is missing
	// EOF
}

func ExampleRule() {
	file := strings.NewReader(`candidate_id,test_id,event_type,timestamp,country
C101,T1001,test_started,13/11/2025,DE
101,T1001,test_started,03/11/2025 09:30,DE
C102,T1001,test_started,03/11/2025 09:45,XX
`)
	r := ingest.NewReader(file, &ingest.Options{
		Schema: ingest.Schema{Rules: []ingest.Rule{
			{Column: "candidate_id", Pattern: "C[0-9]+", Code: "bad_candidate"},
			{Column: "country", Enum: []string{"DE", "FR"}, Warn: true, Code: "unknown_country"},
		}},
		Reject: func(e *ingest.RowError) error {
			fmt.Println(e.Code, e)
			return nil
		},
	})
	events := make([]metrics.Event, 8)
	n, _ := r.Read(events)
	for _, e := range events[:n] {
		fmt.Println(e.Time.Format("2006-01-02 15:04"), e.Field("candidate_id"))
	}
	for _, w := range r.Warnings() {
		fmt.Println(w.Code, w.Count, "from line", w.Line)
	}
	// Output:
	// bad_candidate ingest: row 2 (line 3): candidate_id does not have the form C[0-9]+
	// 2025-11-13 00:00 C101
	// 2025-11-03 09:45 C102
	// time_without_zone 1 from line 4
	// unknown_country 1 from line 4
}
