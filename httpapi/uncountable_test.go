package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/httpapi"
	"github.com/eventmetrics/eventmetrics/ingest"
)

func TestDaysThatQuarterHoursCannotTellApartAreRefused(t *testing.T) {
	a := start(t, setup{})
	a.count("C1,T1,x,1971-06-01T00:44:15Z\nC2,T1,x,1971-06-01T00:44:45Z\n")
	for _, query := range []string{
		"", "&interval=hour", "&interval=week", "&interval=month", "&interval=all", "&date=1971-06-01",
		"&from=1971-06-01&to=2025-01-01", "&from=1971-06-01", "&to=1971-06-01",
		"&date=1972-06-01&compare=previous_year", "&format=csv",
	} {
		a.get("/metrics?tz=Africa/Monrovia"+query).problem(t, http.StatusUnprocessableEntity, httpapi.CodeUnalignedZone)
	}
	const want = "tz: days and hours of Africa/Monrovia cannot be counted exactly on 1971-05-31: its offset from UTC was -00:44:30, which is not a multiple of 15 minutes; ask for a range without that day, or for UTC"
	if got := a.get("/metrics?tz=Africa/Monrovia").json(t)["detail"]; got != want {
		t.Errorf("got %v", got)
	}
	if res := a.get("/metrics?date=1971-06-01"); res.status != http.StatusOK {
		t.Errorf("UTC: %d", res.status)
	}
}

func TestUniquesOfASchemaWithoutTheSubjectAreRefused(t *testing.T) {
	a := start(t, setup{service: eventmetrics.Options{Schema: ingest.Schema{Required: []string{}}, Subject: "candidate_id"}})
	a.countFile("event_type,timestamp\nx,2025-11-08T10:00:00Z\n")
	for _, query := range []string{"", "&group=none", "&interval=month", "&date=2025-11-09&compare=previous_period"} {
		a.get("/metrics?uniques=true"+query).problem(t, http.StatusUnprocessableEntity, httpapi.CodeNoSubject)
	}
	const want = `uniques are not known: no event of type "x" on 2025-11-08 has a subject; leave out uniques, or ask for other event types or days`
	if got := a.get("/metrics?uniques=true").json(t)["detail"]; got != want {
		t.Errorf("got %v", got)
	}
	a.countFile("event_type,timestamp,candidate_id\ny,2025-11-08T10:00:00Z,C1\n")
	if res := a.get("/metrics?uniques=true&event_type=y"); res.status != http.StatusOK {
		t.Errorf("events with a subject: %d %s", res.status, res.body)
	}
}
