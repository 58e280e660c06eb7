package httpapi_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/eventmetrics/eventmetrics/httpapi"
)

// flushed returns a text in gzip that can be decompressed as far as it goes.
func flushed(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A client that sends a part and then waits gets the answer to that part.
func TestARefusalDoesNotWaitForTheRestOfACompressedFile(t *testing.T) {
	t.Parallel() // the server waits 10 s for the rest of each body
	a := start(t, setup{api: httpapi.Options{StallTimeout: time.Hour}})
	body, feed := io.Pipe()
	defer feed.Close()
	go feed.Write(flushed(t, header+bad8+strings.Repeat(day8, 20_000)))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.url+"/uploads?max_errors=0", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "text/csv")
	req.Header.Set("Content-Encoding", "gzip")
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("status %d, want 422", res.StatusCode)
	}
}

func TestReadAheadGivesWhatItReads(t *testing.T) {
	text := strings.Repeat("0123456789abcdef", 100_000)
	for name, r := range map[string]io.Reader{
		"at once": strings.NewReader(text), "byte by byte": iotest.OneByteReader(strings.NewReader(text[:5000])),
		"with EOF": iotest.DataErrReader(strings.NewReader(text)), "nothing": strings.NewReader(""),
	} {
		t.Run(name, func(t *testing.T) {
			ahead := httpapi.NewReadAhead(r, func() { t.Error("stopped at the end") })
			got, err := io.ReadAll(ahead)
			if _, again := ahead.Read(make([]byte, 1)); err != nil || !errors.Is(again, io.EOF) || !strings.HasPrefix(text, string(got)) {
				t.Errorf("%d bytes, %v, then %v", len(got), err, again)
			}
			if name == "at once" && len(got) != len(text) {
				t.Errorf("%d bytes, want %d", len(got), len(text))
			}
			ahead.Close()
		})
	}
}

// broken reads a text and then panics.
type broken struct{ io.Reader }

func (b broken) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		panic("broken")
	}
	return n, err
}

func TestAPanicWhileReadingAheadIsAnError(t *testing.T) {
	ahead := httpapi.NewReadAhead(broken{strings.NewReader("text")}, func() {})
	defer ahead.Close()
	got, err := io.ReadAll(ahead)
	if string(got) != "text" || err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("%q, %v", got, err)
	}
}

func TestCloseEndsAReadThatWaits(t *testing.T) {
	r, w := io.Pipe()
	ahead := httpapi.NewReadAhead(r, func() { _ = w.CloseWithError(io.ErrClosedPipe) })
	go w.Write([]byte("x"))
	if n, err := ahead.Read(make([]byte, 10)); n != 1 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	ahead.Close()
	httpapi.NewReadAhead(r, func() { t.Error("stopped before it began") }).Close()
}
