package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/eventmetrics/eventmetrics/httpapi"
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
