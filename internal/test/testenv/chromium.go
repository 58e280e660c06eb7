package testenv

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// Chromium returns the path of a Chromium or Chrome: that in CHROMIUM, or else
// the first on the PATH.
func Chromium(t testing.TB) string {
	t.Helper()
	for _, name := range []string{os.Getenv("CHROMIUM"), "chromium", "chromium-browser", "google-chrome", "/Applications/Chromium.app/Contents/MacOS/Chromium"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, fmt.Errorf("testenv: no Chromium here: %w", ErrMissing))
	return ""
}
