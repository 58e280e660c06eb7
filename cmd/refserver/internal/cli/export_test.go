package cli

import (
	"io"
	"runtime/debug"
	"time"
)

// RetriesLast returns how long an upload waits in all, by default, for a server that
// gives the same error to each attempt.
func RetriesLast(code string, retryAfter time.Duration) (total time.Duration) {
	for try := range defaultRetries {
		pause, again := pauseAfter(&serverError{Status: 409, Code: code, RetryAfter: retryAfter}, try)
		if !again {
			break
		}
		total += pause
	}
	return total
}

// PlainWriter returns a writer that makes what is written plain.
func PlainWriter(w io.Writer) io.Writer { return &plainWriter{w: w} }

// Bar returns the line of an upload of which so much was sent in this time.
func Bar(name string, sent, total int64, took time.Duration, columns int) string {
	p := startProgress(&Terminal{}, name, total)
	p.sent.Store(sent)
	return p.line(columns, p.started.Add(took))
}

// VersionText returns what Version prints of a build.
func VersionText(linked string, info *debug.BuildInfo) string { return versionText(linked, info) }
