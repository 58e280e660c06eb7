package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"time"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/cli/client"
	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/settings"
	"github.com/eventmetrics/eventmetrics/internal/text/texttable"
)

// uploader uploads files one after the other: the server limits uploads by
// client, and is no faster with two at a time.
type uploader struct {
	t       *Terminal
	client  *client.Client
	query   url.Values // the parameters of each upload
	process bool
	again   bool // also what is there already
	dryRun  bool
	retries int

	files, rows int64 // files with rejected rows, and those rows
	failed      int64 // files that are not there, or not processed
}

// Upload uploads the files that args name to a running server and prints what
// became of each. It returns an error if one of them was not uploaded, or not
// processed; rejected rows are none.
func Upload(ctx context.Context, t *Terminal, args []string) error {
	u := &uploader{t: t, query: url.Values{}}
	var files []string
	var err error
	u.client, files, err = connect("refserver upload [flags] FILE... (- is standard input)", t, args, append(u.parameters(),
		settings.Setting{Flag: "process", Switch: true, Default: "false", Usage: "process each batch and wait for it", Set: settings.Bool(&u.process)},
		settings.Setting{Flag: "allow-duplicate", Switch: true, Default: "false", Usage: "also upload what was uploaded before", Set: settings.Bool(&u.again)},
		settings.Setting{Flag: "dry-run", Switch: true, Default: "false", Usage: "upload nothing and show what would change", Set: settings.Bool(&u.dryRun)},
		settings.Setting{Flag: "retries", Default: "5", Usage: "how often to `try` again when the server is busy or away", Set: settings.Int(&u.retries, 0, 1000)})...)
	if err != nil {
		return err
	}
	u.ask()
	if len(files) == 0 {
		return errors.New("upload: name at least one file; - is standard input")
	}
	for _, name := range files {
		err := u.file(ctx, name)
		if ctx.Err() != nil {
			return fmt.Errorf("upload: interrupted at %s; run it again to go on, what is there is not stored twice", texttable.Plain(name))
		}
		if err != nil {
			u.failed++
			t.print("%s: NOT UPLOADED: %s\n", texttable.Plain(name), texttable.Plain(err.Error()))
			if refused, ok := errors.AsType[*client.Error](err); ok {
				u.printRows(refused.Rows, refused.Failed)
			}
		}
	}
	return u.sum(len(files))
}

// parameters are the settings that go to the server as they are.
func (u *uploader) parameters() []settings.Setting {
	return []settings.Setting{
		parameter(u.query, "dedupe", "dedupe", "leave out `rows` that are there: event_id (of the same id) or occurrence (equal ones)"),
		parameter(u.query, "schema", "schema", "`name` of the schema that the files have"),
		parameter(u.query, "timestamp_layout", "layout", "what comes first in dates such as 03/04/2025: dmy, mdy or auto"),
		parameter(u.query, "mode", "mode", "partial (rows that are valid) or strict (all or nothing)"),
		parameter(u.query, "max_errors", "max-errors", "refuse a file with more than `N` rejected rows"),
		parameter(u.query, "max_error_ratio", "max-error-ratio", "refuse a file with a greater `share` of rejected rows, such as 0.05"),
		parameter(u.query, "repairs", "repairs", "`id` of the batch whose repair file this is, mended"),
	}
}

// ask puts into the query what the switches mean.
func (u *uploader) ask() {
	u.process = u.process && !u.dryRun
	if u.process {
		u.query.Set("process", "true")
	}
	if u.dryRun {
		u.query.Set("dry_run", "true")
	}
	if u.again {
		u.query.Set("on_duplicate", "allow")
	}
}

// sum warns of rejected rows and returns the error of the whole.
func (u *uploader) sum(files int) error {
	if u.rows > 0 {
		u.t.warn("warning: %s of %s rejected; mend them in the repair file and upload that\n",
			count(u.rows, "row"), count(u.files, "file"))
	}
	if u.failed > 0 {
		return fmt.Errorf("upload: %d of %s not done", u.failed, count(int64(files), "file"))
	}
	return nil
}

func count(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// file uploads one file. An error means that it is not there.
func (u *uploader) file(ctx context.Context, name string) error {
	s, err := openSource(ctx, u.t, name, u.again)
	if err != nil {
		return err
	}
	s.key += u.query.Get("schema") // another one makes other events of it
	defer s.close()                //nolint:errcheck // it was only read
	p := startProgress(u.t, name, s.size)
	receipt, err := u.send(ctx, p, s)
	if err != nil {
		p.stop()
		return err
	}
	if receipt.DryRun {
		p.stop()
		u.printDryRun(name, receipt)
		return nil
	}
	status, failure := u.wait(ctx, p, receipt)
	p.stop()
	u.print(name, receipt, status)
	if failure != nil && ctx.Err() == nil {
		u.failed++
		u.t.print("  NOT PROCESSED: %s\n", texttable.Plain(failure.Error()))
	}
	return nil
}

// send sends a file until it is there, is refused for good, or the tries are
// used up.
func (u *uploader) send(ctx context.Context, p *progress, s *source) (*client.Receipt, error) {
	for try := 0; ; try++ {
		receipt, err := u.client.Upload(ctx, &client.File{
			Name: s.name, NDJSON: s.ndjson, Size: s.size, Body: p.attempt(s.open()), Key: s.key, Query: u.query,
		})
		pause, again := pauseAfter(err, try)
		if err == nil || !again || ctx.Err() != nil {
			return receipt, err
		}
		if pause > longestPause {
			return nil, fmt.Errorf("%w (try again in %s)", err, secondsText(pause))
		}
		if try >= u.retries {
			return nil, fmt.Errorf("%w (tried %d times)", err, try+1)
		}
		if err := u.pause(ctx, p, pause, err); err != nil {
			return nil, err
		}
	}
}

// longestPause is the longest that a server may ask to wait.
const longestPause = 15 * time.Minute

// pauseAfter says whether to send a file again after an error, and when: not
// before the server says, and later each time.
func pauseAfter(err error, try int) (time.Duration, bool) {
	pause := time.Second << min(try, 4)
	if refused, ok := errors.AsType[*client.Error](err); ok {
		if refused.RetryAfter > 0 {
			pause = refused.RetryAfter
		}
		return pause, refused.Temporary()
	}
	_, local := errors.AsType[*fs.PathError](err)
	return pause, !local
}

// pause waits, with a countdown on a screen and a line elsewhere.
func (u *uploader) pause(ctx context.Context, p *progress, d time.Duration, why error) error {
	until := time.Now().Add(d)
	reason := texttable.Plain(why.Error())
	p.say(func() string {
		return fmt.Sprintf("again in %s (%s)", secondsText(max(time.Until(until), 0)), reason)
	})
	if !p.screen() {
		u.t.warn("%s: again in %s (%s)\n", p.name, secondsText(d), reason)
	}
	return sleep(ctx, d)
}
