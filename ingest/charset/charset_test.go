package charset_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/eventmetrics/eventmetrics/ingest"
	"github.com/eventmetrics/eventmetrics/ingest/charset"
	"github.com/eventmetrics/eventmetrics/metrics"
)

func Example() {
	latin1, err := charset.Lookup("latin1")
	if err != nil {
		panic(err)
	}
	file := strings.NewReader("event_type,timestamp\ncaf\xe9,2025-11-08\n")
	r := ingest.NewReader(file, &ingest.Options{Schema: ingest.Schema{Required: []string{}}, Encoding: latin1})
	events := make([]metrics.Event, 10)
	n, err := r.Read(events)
	fmt.Println(n, err, events[0].Type, r.ReadAs().Encoding)
	// Output: 1 <nil> café iso-8859-1
}

func TestEachEncodingDecodesItsText(t *testing.T) {
	for name, text := range map[string]string{
		"UTF-8": "é", "Windows-1252": "\xe9", "cp1252": "\xe9", "ISO-8859-1": "\xe9", "iso-8859-15": "\xe9",
		"utf-16le": "\xe9\x00", "utf-16be": "\x00\xe9",
	} {
		if got := decoded(t, name, text); got != "é" {
			t.Errorf("%s: got %q", name, got)
		}
	}
	if got := decoded(t, "Shift_JIS", "\x83\x65\x83\x58\x83\x67"); got != "テスト" {
		t.Errorf("got %q", got)
	}
	if got := decoded(t, "GBK", "\xb2\xe2\xca\xd4"); got != "测试" {
		t.Errorf("got %q", got)
	}
}

func decoded(t *testing.T, name, text string) string {
	t.Helper()
	e, err := charset.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	if e.Decode == nil {
		return text
	}
	got, err := io.ReadAll(e.Decode(strings.NewReader(text)))
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

func TestAnUnknownEncodingNamesTheKnownOnes(t *testing.T) {
	_, err := charset.Lookup("klingon")
	var unknown *charset.UnknownError
	if !errors.As(err, &unknown) || !strings.Contains(err.Error(), "windows-1252") {
		t.Errorf("got %v", err)
	}
}

// TestBytesThatMeanNothingAreRejected reads a byte that no character of the
// encoding has.
func TestBytesThatMeanNothingAreRejected(t *testing.T) {
	for name, bad := range map[string]string{"shift_jis": "\x81\x20", "gbk": "\xff", "utf-16le": "\x00\xd8"} {
		e, err := charset.Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		text := "event_type,timestamp\nA,2025-11-08\nb,2025-11-08\n"
		if name == "utf-16le" {
			text = strings.Join(strings.Split(text, ""), "\x00") + "\x00"
		}
		text = strings.Replace(text, "A", bad, 1)
		if name == "utf-16le" {
			text = strings.Replace(text, bad+"\x00", bad, 1)
		}
		r := ingest.NewReader(strings.NewReader(text), &ingest.Options{Schema: ingest.Schema{Required: []string{}}, Encoding: e})
		n, err := r.Read(make([]metrics.Event, 10))
		if n != 1 || err != nil || r.Rejected() != 1 {
			t.Errorf("%s: %d events, %d rejected, %v", name, n, r.Rejected(), err)
		}
	}
}
