package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/config"
	"github.com/eventmetrics/eventmetrics/internal/test/testenv"
)

// TestCasesAreCountedAsMeantOnEveryBackend runs examples/cases.
func TestCasesAreCountedAsMeantOnEveryBackend(t *testing.T) {
	for _, tc := range []struct {
		name string
		env  func(*testing.T) []string
	}{
		{"embedded", func(*testing.T) []string { return nil }},
		{"MongoDB and Redis", func(t *testing.T) []string {
			return []string{"MONGO_URI", testenv.Mongo(t), "REDIS_URL", testenv.Redis(t).URL}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			root, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}").Output()
			if err != nil {
				t.Fatal(err)
			}
			s := newTranscriptWith(t, tc.env(t), func(c *config.Config) { c.UploadLimit = 0 })
			cmd := exec.CommandContext(t.Context(), "go", "run", "./examples/cases", "-url", s.url, "-token", "secret")
			cmd.Dir = strings.TrimSpace(string(root))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
