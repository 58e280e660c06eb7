package cli

import (
	"io"
	"runtime/debug"
	"time"
)

// PlainWriter returns a writer that makes what is written plain.
func PlainWriter(w io.Writer) io.Writer { return &plainWriter{w: w} }

// Bar returns the line of an upload of which so much was sent in this time.
func Bar(name string, sent, total int64, took time.Duration, columns int) string {
	p := startProgress(&Terminal{}, name, total)
	p.sent.Store(sent)
	return p.line(columns, p.started.Add(took))
}

// VersionText returns what Version prints of a build.
func VersionText(info *debug.BuildInfo) string { return versionText(info) }
