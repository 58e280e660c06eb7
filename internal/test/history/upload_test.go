package history_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// upload is a request to store a file.
type upload struct {
	file     *file
	options  options
	key      string
	allow    bool
	dedupe   string // "", event_id or occurrence
	repairOf *batch
	unknown  bool // the original is not there
	strict   bool
	max      int // -1: none is set
	ratio    float64
	dryRun   bool
	process  bool
	wait     bool
	name     string
}

// drawUpload draws an upload of a new file, or of one that was sent before.
func (h *history) drawUpload() *upload {
	rng := h.rng
	u := &upload{max: -1, ratio: -1, process: chance(rng, 60), wait: chance(rng, 50), strict: chance(rng, 10)}
	if chance(rng, 35) {
		u.dedupe = pick(rng, []string{"event_id", "occurrence", "occurrence"})
	}
	if len(h.model.files) > 0 && chance(rng, 35) {
		u.file = pick(rng, h.model.files)
	} else {
		u.file = h.model.newFile(rng, u.dedupe == "event_id" || chance(rng, 30))
	}
	u.options = u.file.options
	if chance(rng, 10) {
		u.options.zone = pick(rng, zones)
	}
	u.name = fmt.Sprintf("file-%d.csv", u.file.number)
	u.allow = chance(rng, 20)
	if chance(rng, 40) {
		u.key = h.model.newKey(rng)
	} else if chance(rng, 30) {
		h.useKey(u)
	}
	content := u.file.sha + u.file.schema
	u.allow = u.allow || h.model.doubled[content]
	h.model.doubled[content] = u.allow
	if chance(rng, 15) {
		u.max = rng.IntN(4)
	}
	if chance(rng, 15) {
		u.ratio = pick(rng, []float64{0, 0.1, 0.5})
	}
	return u
}

// newKey returns a key that is new, and may name a subject.
func (m *model) newKey(rng *rand.Rand) string {
	m.keys++
	key := fmt.Sprintf("key-%d", m.keys)
	if chance(rng, 15) {
		key += " near " + pick(rng, subjects[:5]) // a header has ASCII only
	}
	return key
}

// useKey gives an upload the key that a batch has, and perhaps its content. A
// key that has expired is used once more and never again: two batches would have
// it if the clock were set back.
func (h *history) useKey(u *upload) {
	m, now := &h.model, h.now()
	usable := func(b *batch) []string {
		return slices.DeleteFunc(b.allKeys(), func(key string) bool { return m.retired[key] || near(b.keyEnd(key).Sub(now), 0) })
	}
	have := m.where(func(b *batch) bool { return len(usable(b)) > 0 })
	if len(have) == 0 {
		return
	}
	b := pick(h.rng, have)
	u.key = pick(h.rng, usable(b))
	if !b.keyEnd(u.key).After(now) {
		m.retired[u.key] = true
	}
	for _, f := range m.files {
		if f.sha == b.sha && f.schema == b.schema && chance(h.rng, 70) {
			u.file, u.options = f, f.options
		}
	}
}

// near reports whether two durations are too close to tell which is greater
// while requests take time.
func near(a, b time.Duration) bool { return (a - b).Abs() < 10*time.Minute }

// request encodes the upload as a body or as a form.
func (u *upload) request(rng *rand.Rand) *request {
	q := url.Values{}
	set := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	set("schema", u.file.schema)
	set("timestamp_zone", u.options.zone)
	set("timestamp_layout", u.options.layout)
	set("encoding", u.options.encoding)
	set("dedupe", u.dedupe)
	if u.allow {
		q.Set("on_duplicate", "allow")
	}
	if u.strict {
		q.Set("mode", "strict")
	}
	if u.max >= 0 {
		q.Set("max_errors", strconv.Itoa(u.max))
	}
	if u.ratio >= 0 {
		q.Set("max_error_ratio", strconv.FormatFloat(u.ratio, 'f', -1, 64))
	}
	if u.dryRun {
		q.Set("dry_run", "true")
	}
	if u.process {
		q.Set("process", "true")
	}
	if u.unknown {
		q.Set("repairs", unknownID)
	} else if u.repairOf != nil {
		q.Set("repairs", u.repairOf.id)
	}
	r := &request{method: http.MethodPost, path: "/uploads", headers: http.Header{}}
	if u.key != "" {
		r.headers.Set("Idempotency-Key", u.key)
	}
	if u.wait {
		r.headers.Set("Prefer", "wait=20")
	}
	r.body = u.file.content
	if chance(rng, 30) {
		u.form(rng, r, q)
	} else {
		q.Set("file_name", u.name)
		r.headers.Set("Content-Type", u.mediaType())
		if chance(rng, 30) {
			r.headers.Set("Content-Encoding", "gzip")
			r.body = zipped(r.body)
		}
	}
	r.path += "?" + q.Encode()
	return r
}

func (u *upload) mediaType() string {
	if u.file.ndjson {
		return "application/x-ndjson"
	}
	return "text/csv"
}

// form puts some of the options and the file into a form.
func (u *upload) form(rng *rand.Rand, r *request, q url.Values) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, name := range slices.Sorted(mapsKeys(q)) {
		if chance(rng, 50) {
			_ = w.WriteField(name, q.Get(name))
			q.Del(name)
		}
	}
	part, _ := w.CreatePart(map[string][]string{
		"Content-Disposition": {`form-data; name="file"; filename="` + u.name + `"`}, "Content-Type": {u.mediaType()},
	})
	_, _ = part.Write(u.file.content)
	_ = w.Close()
	r.body = b.Bytes()
	r.headers.Set("Content-Type", w.FormDataContentType())
}

func mapsKeys(q url.Values) func(func(string) bool) {
	return func(yield func(string) bool) {
		for name := range q {
			if !yield(name) {
				return
			}
		}
	}
}

func zipped(content []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(content)
	_ = w.Close()
	return b.Bytes()
}

const unknownID = "019a0000-0000-7000-8000-000000000000"

// opUpload stores a file.
func (h *history) opUpload() error { return h.upload(h.drawUpload()) }

// upload sends a file, and compares the answer with that of the model.
func (h *history) upload(u *upload) error {
	if err := h.settleIf(u.dryRun); err != nil {
		return err
	}
	if err := h.letGoIf(u.process && u.wait); err != nil {
		return err
	}
	h.note("upload %s", u)
	want := h.model.judge(u, h.now())
	begin := h.now()
	a, err := h.send(u)
	if err != nil {
		return err
	}
	if u.dryRun {
		return h.checkDryRun(u, a, &want)
	}
	if err := h.checkUpload(u, a, &want, begin); err != nil {
		return fmt.Errorf("upload %s: %w", u, err)
	}
	return nil
}

func (u *upload) String() string {
	repairs := ""
	if u.repairOf != nil {
		repairs = u.repairOf.id
	}
	return fmt.Sprintf("%s (%d rows, schema %q, %+v, ndjson %v) options=%+v key=%s allow=%v dedupe=%s repairs=%s strict=%v max=%d ratio=%v dry=%v process=%v wait=%v",
		u.name, len(u.file.rows), u.file.schema, u.file.reading, u.file.ndjson, u.options, u.key, u.allow, u.dedupe, repairs, u.strict, u.max, u.ratio, u.dryRun, u.process, u.wait)
}

// send sends an upload until it is answered. One that would count twice if it
// were repeated is looked for first.
func (h *history) send(u *upload) (*answer, error) {
	r := u.request(h.rng)
	if !u.allow || u.key != "" || u.dryRun {
		return h.ask(r)
	}
	h.once = func() (*answer, error) { return h.findUnknown(u.file.sha) }
	defer func() { h.once = nil }()
	return h.ask(r)
}

// findUnknown looks for a batch that the model does not have.
func (h *history) findUnknown(sha string) (*answer, error) {
	all, err := h.list()
	if err != nil {
		return nil, err
	}
	for _, b := range all {
		if h.model.byID(b.BatchID) == nil && b.SHA256 == sha {
			text := fmt.Sprintf(`{"batch_id":%q,"inserted_count":%d,"failed_count":%d,"duplicate_count":%d,"status":%q}`,
				b.BatchID, b.InsertedCount, b.FailedCount, b.DuplicateCount, b.Status)
			return &answer{status: http.StatusCreated, body: []byte(text), again: true}, nil
		}
	}
	return nil, nil
}

// receipt is the answer to an upload.
type receipt struct {
	BatchID        string  `json:"batch_id"`
	Status         string  `json:"status"`
	InsertedCount  int     `json:"inserted_count"`
	FailedCount    int     `json:"failed_count"`
	DuplicateCount int     `json:"duplicate_count"`
	DuplicateOf    *string `json:"duplicate_of"`
	ProcessError   string  `json:"process_error"`
	ReadAs         reading `json:"read_as"`
	Errors         []struct {
		Row    int    `json:"row"`
		Line   int    `json:"line"`
		Column string `json:"column"`
		Code   string `json:"code"`
	} `json:"errors"`
}

// checkUpload compares the answer to an upload with what it must be, and notes
// the batch.
func (h *history) checkUpload(u *upload, a *answer, want *verdict, begin time.Time) error {
	if want.code != "" {
		if a.status != want.status || a.code() != want.code {
			return fmt.Errorf("%s; want %d %s", a, want.status, want.code)
		}
		return nil
	}
	var r receipt
	if a.status != http.StatusCreated && a.status != http.StatusOK {
		return fmt.Errorf("%s; want %d", a, want.status)
	}
	if err := a.into(&r); err != nil {
		return err
	}
	b := h.model.byID(r.BatchID)
	if b == nil && want.batch != nil {
		return h.adopt(u, a, &r, want.batch, begin)
	}
	if b == nil || !slices.Contains(want.earlier, b) {
		return fmt.Errorf("%s is not one of the batches that have this content", a)
	}
	replayed := a.header.Get("Idempotency-Replayed") != ""
	duplicate := want.status == http.StatusOK
	if a.again && duplicate && u.key != "" { // an earlier try may have taken the key
		want.replayed = replayed
	}
	if a.status != want.status || replayed != want.replayed || (r.DuplicateOf != nil) != duplicate {
		return fmt.Errorf("%s, replayed %v; want %d, replayed %v", a, replayed, want.status, want.replayed)
	}
	if duplicate && u.key != "" && !b.archived && !b.keyEnd(u.key).After(begin) {
		b.takeKey(u.key, begin)
	}
	if err := b.check(&r); err != nil {
		return err
	}
	if u.process && (b.state == uploaded || b.state == failed) {
		return h.queuedBy(a, &r, b, begin)
	}
	return nil
}

// queuedBy notes that an upload has queued its batch. If it could not, or if it
// is not known which of several tries has stored it, it is queued here.
func (h *history) queuedBy(a *answer, r *receipt, b *batch, begin time.Time) error {
	if r.Status == string(uploaded) || r.ProcessError != "" {
		if !a.again && !h.full {
			return errors.New(a.String() + " is not queued")
		}
		if err := h.makeRoom(); err != nil {
			return err
		}
		if _, err := h.ask(&request{method: http.MethodPost, path: "/batches/" + b.id + "/process"}); err != nil {
			return err
		}
	}
	h.enqueued(b, begin)
	return nil
}

// adopt adds a batch that was stored by this request, or by an earlier try.
func (h *history) adopt(u *upload, a *answer, r *receipt, b *batch, begin time.Time) error {
	isNew := a.status == http.StatusCreated && r.DuplicateOf == nil && a.header.Get("Idempotency-Replayed") == ""
	if !isNew && !a.again {
		return fmt.Errorf("%s is a batch that was not there", a)
	}
	b.id = r.BatchID
	b.dimensions = h.order.Dimensions
	if b.key != "" {
		b.keyExpires = begin.Add(keyTime)
	}
	b.created = begin
	h.model.batches = append(h.model.batches, b)
	if err := b.check(r); err != nil {
		return err
	}
	if !u.process {
		return nil
	}
	return h.queuedBy(a, r, b, begin)
}

// check compares a receipt with the batch.
func (b *batch) check(r *receipt) error {
	if b.archived {
		return nil
	}
	if r.InsertedCount != len(b.events) || r.FailedCount != len(b.rejected) || r.DuplicateCount != b.duplicates {
		return fmt.Errorf("receipt %+v; want %d accepted, %d rejected, %d duplicates", r, len(b.events), len(b.rejected), b.duplicates)
	}
	if r.ReadAs != (reading{}) && r.ReadAs != b.reading {
		return fmt.Errorf("read as %+v; want %+v", r.ReadAs, b.reading)
	}
	if r.ReadAs == (reading{}) || b.cleared {
		return nil
	}
	var left []*rejected
	for _, row := range b.rejected {
		if !row.gone {
			left = append(left, row)
		}
	}
	if len(left) != len(r.Errors) {
		return fmt.Errorf("receipt lists %d rejected rows; want %d", len(r.Errors), len(left))
	}
	for i, e := range r.Errors {
		if e.Row != left[i].number || e.Line != left[i].line || e.Code != left[i].code || e.Column != left[i].column {
			return fmt.Errorf("rejected row %+v; want %+v", e, left[i])
		}
	}
	return nil
}
