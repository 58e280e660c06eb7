package httpapi_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestManualExampleOfDuplicates does what the shell would.
func TestManualExampleOfDuplicates(t *testing.T) {
	text, err := os.ReadFile("../docs/http.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n### Duplicates\n")
	commands := block(t, section, "sh")
	var want map[string]any
	if err := json.Unmarshal([]byte(block(t, section, "json")), &want); err != nil {
		t.Fatal(err)
	}
	a := start(t, setup{})
	file, uploads := "", 0
	var last answer
	upload := regexp.MustCompile(`^curl .* -F file=@monday.csv "\$BASE(/uploads[^"]*)"$`)
	for line := range strings.Lines(commands) {
		words := strings.Fields(line)
		if m := upload.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			last = a.csv(m[1], file)
			uploads++
			continue
		}
		if words[0] != "printf" || !strings.HasSuffix(words[len(words)-1], ">monday.csv") {
			t.Fatalf("the test does not know %q", line)
		}
		file += strings.Join(words[2:len(words)-1], "\n") + "\n"
	}
	got := last.json(t)
	got["batch_id"], got["expires_at"] = want["batch_id"], want["expires_at"]
	if d := cmp.Diff(want, got); d != "" || uploads != 2 {
		t.Errorf("%d uploads: %s", uploads, d)
	}
}

// block returns the first block of a language.
func block(t *testing.T, text, language string) string {
	t.Helper()
	_, text, found := strings.Cut(text, "\n```"+language+"\n")
	text, _, closed := strings.Cut(text, "\n```\n")
	if !found || !closed {
		t.Fatalf("no block of %s", language)
	}
	return text
}
