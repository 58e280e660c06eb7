package main

import "strings"

const header = "candidate_id,test_id,event_type,timestamp\n"

// hostileTypes are names that mean something to a database or a language.
var hostileTypes = []string{
	"a.b", "$x", "$set", "a.$.b", "constructor", "__proto__", "_id", "%id", "0", "null", strings.Repeat("\U0001F600", 200),
	"\u00e9", "e\u0301", `quote " and \`, "tab\tbed", "{}", "*",
}

func hostileRows() string {
	var b strings.Builder
	for i, name := range hostileTypes {
		for range i + 1 {
			b.WriteString(`C1,T1,"` + strings.ReplaceAll(name, `"`, `""`) + `",2025-12-01T00:00:00Z` + "\n")
		}
	}
	return b.String()
}

// script is what is asked of every backend: the documented requests, in the
// documented forms, with what goes wrong.
func script() []step {
	all := [][]step{uploads(), uploadsThatAreRefused(), processing(), queries(), groups(), batchRequests(), tolerances(), repairs(), duplicates(), adminRequests(), erasures(), badRequests()}
	var script []step
	for _, part := range all {
		script = append(script, part...)
	}
	return script
}

func uploads() []step {
	csv := []string{"Content-Type", "text/csv"}
	with := func(headers ...string) []string { return append(headers, csv...) }
	form := "--frame\r\nContent-Disposition: form-data; name=\"upload\"; filename=\"form.csv\"\r\n\r\n" + header +
		"C1,T1,started,2025-11-08T10:00:00Z\nC2,T1,started,2025-11-08 10:20:00\n,T1,started,2025-11-08\nC3,T1,ended,soon\n\r\n--frame--\r\n"
	return []step{
		{about: "a form, with rows that are wrong", request: "POST /uploads", headers: []string{"Content-Type", "multipart/form-data; boundary=frame"}, body: form},
		{about: "the batch has not been processed", request: "GET /batches/BATCH-01"},
		{about: "nothing counts yet", request: "GET /metrics"},
		{about: "CSV with ids, columns of its own and the same id twice", request: "POST /uploads?process=true&file_name=ids.csv", headers: with("Prefer", "wait=30"), body: "event_id;Candidate_ID;test_id;event_type;timestamp;$set;a.b;_id;batch_id\n" +
			"e1;C1;T1;started;2025-11-08T10:00:00+05:45;1;2;3;4\ne1;C1;T1;started;2025-11-08T10:00:00+05:45;1;2;3;4\n;C2;T2;\"a;b\";2025-11-09T23:59:59.999Z;;;;\ne3;C3;T3;ended;1762732799999;1;2;3;4;5\n"},
		{about: "NDJSON", request: "POST /uploads?process=true", headers: []string{"Content-Type", "application/x-ndjson", "Prefer", "wait=30"}, body: `{"candidate_id":"C1","test_id":"T1","event_type":"started","timestamp":"2025-10-26T01:30:00Z"}` + "\n" +
			`{"candidate_id":"C1","test_id":"T1","event_type":"started","timestamp":1761445800,"score":7.5,"$where":true}` + "\n" + `{"candidate_id":{}}` + "\nnonsense\n" +
			`{"candidate_id":"C\u0000","test_id":"T1","event_type":"started","timestamp":"2025-10-26"}` + "\n"},
		{about: "times without a zone", request: "POST /uploads?process=true&timestamp_zone=Asia/Kathmandu", headers: with("Prefer", "wait=30"), body: header + "C9,T1,local,2025-11-09 00:10:00\n"},
		{about: "hostile event types", request: "POST /uploads?process=true&file_name=../../etc/passwd", headers: with("Prefer", "wait=30"), body: header + hostileRows()},
		{about: "a key", request: "POST /uploads", headers: with("Idempotency-Key", "one"), body: header + "C1,T1,keyed,2025-12-02\n,,x,\n"},
		{about: "the same key and content", request: "POST /uploads?process=true", headers: with("Idempotency-Key", "one", "Prefer", "wait=30"), body: header + "C1,T1,keyed,2025-12-02\n,,x,\n"},
		{about: "the same key, processed already", request: "POST /uploads?process=true", headers: with("Idempotency-Key", "one"), body: header + "C1,T1,keyed,2025-12-02\n,,x,\n"},
		{about: "the same key, another content", request: "POST /uploads", headers: with("Idempotency-Key", "one"), body: header + "C2,T1,keyed,2025-12-02\n"},
		{about: "a hostile key", request: "POST /uploads", headers: with("Idempotency-Key", "$gt.{}"), body: header + "C1,T1,keyed,2025-12-03\n"},
	}
}

func uploadsThatAreRefused() []step {
	csv := []string{"Content-Type", "text/csv"}
	return []step{
		{about: "a column is missing", request: "POST /uploads", headers: csv, body: "candidate_id,test_id,event_typ\nC1,T1,a\n"},
		{about: "no row", request: "POST /uploads", headers: csv, body: header},
		{about: "nothing", request: "POST /uploads", headers: csv},
		{about: "no valid row", request: "POST /uploads", headers: csv, body: header + "C1,T1,,2025-11-08\nC1,T1,a,1969-01-01\nC1,T1,a,2999-01-01\nC1,T1,\xff,2025-11-08\nC1,T1," + strings.Repeat("x", 1025) + ",2025-11-08\n"},
		{about: "neither CSV nor NDJSON", request: "POST /uploads", headers: []string{"Content-Type", "application/json"}, body: "{}"},
		{about: "an unknown encoding", request: "POST /uploads", headers: []string{"Content-Type", "text/csv", "Content-Encoding", "br"}, body: header},
		{about: "no such zone", request: "POST /uploads?timestamp_zone=Mars/Olympus", headers: csv, body: header + "C1,T1,a,2025-11-08\n"},
	}
}

func processing() []step {
	return []step{
		{about: "process", request: "POST /batches/BATCH-01/process", headers: []string{"Prefer", "wait=30"}},
		{about: "process again", request: "POST /batches/BATCH-01/process"},
		{about: "it is completed", request: "GET /batches/BATCH-01"},
		{about: "process what is not there", request: "POST /batches/019a0000-0000-7000-8000-000000000000/process"},
		{about: "process what is no id", request: "POST /batches/$ne/process"},
	}
}

func queries() []step {
	get := func(about, path string, headers ...string) step {
		return step{about: about, request: "GET /metrics" + path, headers: headers}
	}
	return []step{
		get("all", ""),
		get("one day", "?date=2025-11-08"),
		get("a range", "?from=2025-11-08&to=2025-11-09"),
		get("an open range", "?from=2025-12-01"),
		get("one type", "?event_type=started"),
		get("two types", "?event_type=started&event_type=a.b"),
		get("a dot", "?event_type=a.b"),
		get("a dollar", "?event_type=$x"),
		get("a constructor", "?event_type=constructor"),
		get("a prototype", "?event_type=__proto__"),
		get("200 emoji", "?event_type="+strings.Repeat("%F0%9F%98%80", 200)),
		get("a composed letter is not the other", "?event_type=%C3%A9"),
		get("nothing found", "?event_type=nothing"),
		get("CSV", "?format=csv"),
		get("NDJSON", "?format=ndjson"),
		get("CSV because of Accept", "?date=2025-11-08", "Accept", "text/csv"),
		get("hours", "?interval=hour&from=2025-11-08&to=2025-11-09"),
		get("hours of a zone with three quarters", "?interval=hour&tz=Asia/Kathmandu&from=2025-11-08&to=2025-11-09"),
		get("days of a zone", "?tz=Pacific/Auckland&from=2025-11-01"),
		get("hours when clocks go back", "?interval=hour&tz=Europe/Berlin&date=2025-10-26"),
		get("weeks", "?interval=week"),
		get("months", "?interval=month&format=csv"),
		get("uniques", "?uniques=true"),
		get("uniques of months", "?uniques=true&interval=month&group=none&format=ndjson"),
		get("uniques need UTC", "?uniques=true&tz=Asia/Kathmandu"),
		get("zeros", "?fill=zero&from=2025-11-07&to=2025-11-10&event_type=started&event_type=ended"),
		get("totals", "?group=none"),
		get("totals and zeros", "?group=none&fill=zero&from=2025-11-07&to=2025-11-10&format=csv"),
		get("beside the day before", "?date=2025-11-09&compare=previous_period"),
		get("beside the period before, as CSV", "?from=2025-11-08&to=2025-11-09&compare=previous_period&fill=zero&uniques=true&format=csv"),
		get("beside the year before, as NDJSON", "?from=2026-10-01&to=2026-12-31&interval=month&compare=previous_year&tz=Asia/Kathmandu&event_type=started&format=ndjson"),
		get("hours beside those of another clock", "?interval=hour&tz=Europe/Berlin&date=2025-10-27&compare=previous_period"),
		get("comparing needs a range", "?from=2025-11-08&compare=previous_period"),
		get("the greatest and the rest", "?top=2&other=true&interval=all&from=2025-11-01&to=2025-12-31&compare=previous_period"),
		get("finality, while batches wait", "?finality=true&from=2025-11-08&to=2025-11-09"),
		get("as of now", "?from=2025-11-08&to=2025-11-09&as_of=THEN"),
		get("as of before all", "?as_of=2025-01-01T00:00:00Z"),
		get("as of a moment to come", "?as_of=2999-01-01T00:00:00%2B05:45"),
		get("as of a date", "?as_of=2025-11-08"),
		get("a table", "?format=text&from=2025-11-08&to=2025-12-02"),
		get("a table because of Accept", "?from=2025-11-08&to=2025-11-09&top=1&compare=previous_period&uniques=true&columns=100&finality=true", "Accept", "text/plain"),
		{about: "explain", request: "GET /metrics/explain?date=2025-11-08&event_type=started"},
		{about: "explain a dot", request: "GET /metrics/explain?date=2025-12-01&event_type=a.b"},
		{about: "explain nothing", request: "GET /metrics/explain?date=2025-12-01&event_type=nothing"},
		{about: "explain without a type", request: "GET /metrics/explain?date=2025-12-01"},
	}
}

func groups() []step {
	get := func(about, query string) step { return step{about: about, request: "GET /metrics?" + query} }
	rows := "candidate_id,test_id,event_type,timestamp,country\nC1,T1,grouped,2025-12-05T10:00:00Z,np\nC2,T1,grouped,2025-12-05T22:00:00Z,de\n" +
		"C3,\"T,2\",grouped,2025-12-05T10:00:00Z,\nC3,a.b,grouped,2025-12-06T10:00:00Z,$x\nC3,__other__,grouped,2025-12-06T10:00:00Z,__unknown__\n"
	return []step{
		{about: "a batch with countries", request: "POST /uploads?process=true", headers: []string{"Content-Type", "text/csv", "Prefer", "wait=30"}, body: rows},
		get("by test", "from=2025-12-05&to=2025-12-06&group_by=test_id"),
		get("by country and test of all types, as CSV", "from=2025-12-05&to=2025-12-06&group_by=country,test_id&group=none&format=csv"),
		get("by test, as NDJSON", "date=2025-12-06&group_by=test_id&format=ndjson"),
		get("by test, as a table", "from=2025-12-05&to=2025-12-06&group_by=test_id&format=text"),
		get("hours by country", "date=2025-12-06&group_by=country&interval=hour&tz=Asia/Kathmandu"),
		get("the greatest test", "interval=all&group_by=test_id&top=1"),
		get("one test, or another, of one country", "where.test_id=T1&where.test_id=T,2&where.country=np"),
		get("one test, with zeros and beside the days before", "from=2025-12-05&to=2025-12-06&where.test_id=T1&fill=zero&compare=previous_period&event_type=grouped"),
		get("a filter that nothing has", "where.test_id=T999"),
		get("an unknown dimension", "group_by=tset_id"),
		get("uniques are not known by dimension", "group_by=test_id&uniques=true"),
		get("a dimension twice", "group_by=test_id,test_id"),
	}
}

func batchRequests() []step {
	return []step{
		{about: "all batches", request: "GET /batches"},
		{about: "a page", request: "GET /batches?limit=2"},
		{about: "the next page", request: "GET /batches?limit=2&cursor=BATCH-05"},
		{about: "by status", request: "GET /batches?status=uploaded&status=failed"},
		{about: "counts", request: "GET /batches?limit=1&counts=true"},
		{about: "an unknown status", request: "GET /batches?status=lost"},
		{about: "what is in a batch", request: "GET /batches/BATCH-01/contents"},
		{about: "what is in a batch that is not processed", request: "GET /batches/BATCH-03/contents"},
		{about: "the repair file of a form", request: "GET /batches/BATCH-01/errors"},
		{about: "the repair file of NDJSON", request: "GET /batches/BATCH-03/errors"},
		{about: "an empty repair file", request: "GET /batches/BATCH-04/errors"},
		{about: "delete", request: "DELETE /batches/BATCH-01"},
		{about: "delete again", request: "DELETE /batches/BATCH-01"},
		{about: "it is gone", request: "GET /batches/BATCH-01"},
		{about: "its errors are gone", request: "GET /batches/BATCH-01/errors"},
		{about: "it does not count any more", request: "GET /metrics?date=2025-11-08"},
		{about: "delete what was not processed", request: "DELETE /batches/BATCH-07"},
		{about: "its key is free again", request: "POST /uploads", headers: []string{"Content-Type", "text/csv", "Idempotency-Key", "$gt.{}"}, body: header + "C2,T1,keyed,2025-12-03\n"},
	}
}

func tolerances() []step {
	csv := []string{"Content-Type", "text/csv"}
	with := func(headers ...string) []string { return append(headers, csv...) }
	content := header + "C1,T1,started,2025-11-09\nC1,T1,new,2025-12-04\n,T1,a,2025-11-08\nC1,T1,a,soon\nC2,T1,a,soon\n"
	return []step{
		{about: "all or nothing", request: "POST /uploads?mode=strict", headers: with("Idempotency-Key", "strict"), body: content},
		{about: "too many errors", request: "POST /uploads?max_errors=1", headers: csv, body: content},
		{about: "too great a share of errors", request: "POST /uploads?max_error_ratio=0.5", headers: csv, body: content},
		{about: "no such mode", request: "POST /uploads?mode=lenient", headers: csv, body: content},
		{about: "no such share", request: "POST /uploads?max_error_ratio=5", headers: csv, body: content},
		{about: "a dry run", request: "POST /uploads?dry_run=true&max_errors=3", headers: with("Idempotency-Key", "strict"), body: content},
		{about: "a dry run of what would be refused", request: "POST /uploads?dry_run=true&mode=strict", headers: csv, body: content},
		{about: "a dry run without a row", request: "POST /uploads?dry_run=true", headers: csv, body: header},
		{about: "neither took the key", request: "POST /uploads?mode=partial&max_error_ratio=0.6&process=true", headers: with("Idempotency-Key", "strict", "Prefer", "wait=30"), body: content},
		{about: "what the dry run foretold", request: "GET /metrics?from=2025-12-04&to=2025-12-04"},
		{about: "what was there then, without what was deleted", request: "GET /metrics?from=2025-11-08&as_of=THEN&event_type=started&event_type=new"},
	}
}

func repairs() []step {
	csv := []string{"Content-Type", "text/csv"}
	corrected := "candidate_id,test_id,event_type,timestamp,_row,_line,_column,_code,_message\n"
	return []step{
		{about: "nothing is corrected yet", request: "GET /batches/BATCH-11"},
		{about: "a corrected repair file", request: "POST /uploads?repairs=BATCH-11&file_name=corrected.csv", headers: csv, body: corrected + "C1,T1,a,2025-11-08,3,4,,,\nC1,T1,a,soon,4,5,,,\n"},
		{about: "what it rejects, corrected", request: "POST /uploads?repairs=BATCH-12&mode=strict", headers: csv, body: corrected + "C1,T1,a,2025-11-08,1,2,,,\n"},
		{about: "two rows are open", request: "GET /batches/BATCH-11"},
		{about: "the repair is corrected", request: "GET /batches/BATCH-12"},
		{about: "repair what is not there", request: "POST /uploads?repairs=019a0000-0000-7000-8000-000000000000", headers: csv, body: corrected},
		{about: "repair what is no id", request: "POST /uploads?repairs=$ne", headers: csv, body: corrected},
		{about: "delete what was repaired", request: "DELETE /batches/BATCH-11"},
		{about: "its repair stays", request: "GET /batches/BATCH-12"},
	}
}

func duplicates() []step {
	csv := []string{"Content-Type", "text/csv", "Prefer", "wait=30"}
	ids := "event_id," + header
	monday := header + "C1,T1,started,2025-12-08T09:00:00Z\nC1,T1,clicked,2025-12-08T09:01:00Z\nC1,T1,clicked,2025-12-08T09:01:00Z\n"
	later := header + "C1,T1,clicked,2025-12-08 09:01\nC1,T1,clicked,2025-12-08 09:01\nC1,T1,started,2025-12-08 09:00\nC2,T1,started,2025-12-09T09:00:00Z\n"
	return []step{
		{about: "rows by their ids, one twice and one without", request: "POST /uploads?process=true&dedupe=event_id", headers: csv, body: ids + "d1,C1,T1,ids,2025-12-07\nd2,C1,T1,ids,2025-12-07\nd1,C1,T1,ids,2025-12-07\n,C1,T1,ids,2025-12-07\n"},
		{about: "an id that is there", request: "POST /uploads?process=true&dedupe=event_id", headers: csv, body: ids + "d2,C1,T1,ids,2025-12-07\nd3,C1,T1,ids,2025-12-07\n"},
		{about: "no column of ids", request: "POST /uploads?dedupe=event_id", headers: csv, body: header},
		{about: "a file with a row twice", request: "POST /uploads?process=true&dedupe=occurrence&file_name=monday.csv", headers: csv, body: monday},
		{about: "a dry run of a longer one", request: "POST /uploads?dry_run=true&dedupe=occurrence", headers: csv, body: later},
		{about: "the longer one", request: "POST /uploads?process=true&dedupe=occurrence", headers: csv, body: later},
		{about: "nothing but duplicates", request: "POST /uploads?process=true&dedupe=occurrence&mode=strict", headers: csv, body: header + "C1,T1,clicked,2025-12-08 09:01\n"},
		{about: "each row counts once", request: "GET /metrics?from=2025-12-07&to=2025-12-09"},
		{about: "the same content again", request: "POST /uploads?process=true", headers: csv, body: monday},
		{about: "a dry run of it", request: "POST /uploads?dry_run=true", headers: csv, body: monday},
		{about: "the same content, allowed", request: "POST /uploads?on_duplicate=allow", headers: csv, body: monday},
		{about: "no such answer", request: "POST /uploads?on_duplicate=perhaps", headers: csv, body: monday},
		{about: "no such rows", request: "POST /uploads?dedupe=id", headers: csv, body: monday},
	}
}

func adminRequests() []step {
	const dlq = " /admin/queues/event-processing/dlq"
	return []step{
		{about: "dead letters", request: "GET" + dlq, dead: 1},
		{about: "retry one that is not there", request: "POST" + dlq + "/process%3A1/retry"},
		{about: "retry all", request: "POST" + dlq + "/retry"},
		{about: "it dies again", request: "GET" + dlq, dead: 1},
		{about: "retry", request: "POST" + dlq + "/novelty%3A1/retry"},
		{about: "discard", request: "DELETE" + dlq + "/novelty%3A1?reason=tried", dead: 1},
		{about: "discard again", request: "DELETE" + dlq + "/novelty%3A1?reason=tried"},
		{about: "no dead letters", request: "GET" + dlq},
		{about: "another queue", request: "GET /admin/queues/other/dlq"},
		{about: "cleanup that only counts", request: "POST /admin/cleanup?dry_run=true"},
		{about: "cleanup", request: "POST /admin/cleanup"},
		{about: "reprocess", request: "POST /admin/reprocess"},
		{about: "the same as before", request: "GET /metrics?format=csv"},
		{about: "no audit yet", request: "GET /admin/integrity"},
		{about: "a round of the audit", request: "POST /admin/integrity"},
		{about: "what it found", request: "GET /admin/integrity"},
	}
}

func erasures() []step {
	erase := func(about, body string) step {
		return step{about: about, request: "POST /admin/erasures", headers: []string{"Content-Type", "application/json"}, body: body}
	}
	return []step{
		erase("what an erasure would remove", `{"subject":"C1","counts":"keep","dry_run":true}`),
		erase("erase a subject and keep its counts", `{"subject":"C1","counts":"keep"}`),
		{about: "the counts are the same", request: "GET /metrics?format=csv"},
		erase("erase a subject and subtract its counts", `{"subject":"C2","counts":"subtract"}`),
		{about: "its counts are gone", request: "GET /metrics?format=csv&uniques=true"},
		{about: "the batch has fewer events", request: "GET /batches/BATCH-02"},
		{about: "and other subjects keep their rejected rows", request: "GET /batches/BATCH-02/errors"},
		erase("erase it again", `{"subject":"C2","counts":"subtract"}`),
		{about: "the ledger agrees", request: "POST /admin/reprocess"},
		erase("erase nobody", `{"subject":"","counts":"keep"}`),
		{about: "a subject in a form", request: "POST /admin/erasures", headers: []string{"Content-Type", "text/plain"}, body: "C1"},
		{about: "nothing is older than it is to be kept", request: "POST /admin/retention?dry_run=true"},
		{about: "so nothing is removed", request: "POST /admin/retention"},
	}
}

func badRequests() []step {
	return []step{
		{about: "the page", request: "GET /health", headers: []string{"Authorization", ""}},
		{about: "alive", request: "GET /healthz", headers: []string{"Authorization", ""}},
		{about: "ready", request: "GET /readyz", headers: []string{"Authorization", ""}},
		{about: "no token", request: "GET /metrics", headers: []string{"Authorization", ""}},
		{about: "a wrong token", request: "GET /metrics", headers: []string{"Authorization", "Bearer public"}},
		{about: "no such route", request: "GET /metric"},
		{about: "no such method", request: "PUT /metrics"},
		{about: "no such day", request: "GET /metrics?date=2025-02-30"},
		{about: "backwards", request: "GET /metrics?from=2025-11-09&to=2025-11-08"},
		{about: "no such zone", request: "GET /metrics?tz=Mars/Olympus"},
		{about: "no such interval", request: "GET /metrics?interval=year"},
		{about: "no such comparison", request: "GET /metrics?date=2025-11-08&compare=yesterday"},
		{about: "no such format", request: "GET /metrics?format=xml"},
		{about: "too many buckets", request: "GET /metrics?interval=hour&fill=zero&from=1971-01-01&to=2025-01-01"},
		{about: "no limit", request: "GET /batches?limit=0"},
		{about: "no batch", request: "GET /batches/1"},
		{about: "too many uploads", request: "POST /uploads?on_duplicate=allow", headers: []string{"Content-Type", "text/csv"}, body: header + "C1,T1,limited,2025-11-20\n", insist: true},
	}
}
