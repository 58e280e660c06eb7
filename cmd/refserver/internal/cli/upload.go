package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strconv"
	"time"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/config"
	"github.com/eventmetrics/eventmetrics/internal/text/texttable"
)

// uploader uploads files one after the other: the server limits uploads per
// client, and two concurrent uploads are not faster than one after the other.
type uploader struct {
	t       *Terminal
	client  *client
	query   url.Values // the parameters of each upload
	store   bool       // do not process
	again   bool       // also upload content that was uploaded before
	dryRun  bool
	swap    bool // replace batches that have the same content, read otherwise
	retries int

	files, rows int64 // files with rejected rows, and those rows
	failed      int64 // files that were not uploaded or not processed
}

// Upload uploads the files that args name to a running server, waits until they
// are processed and prints a result for each. It returns an error if a file was not uploaded or not
// processed. Rejected rows are not an error.
func Upload(ctx context.Context, t *Terminal, args []string) error {
	u := &uploader{t: t, query: url.Values{}}
	var files []string
	var err error
	u.client, files, err = connect("refserver upload [flags] FILE... (- is standard input)", t, args, append(u.parameters(),
		config.Setting{Flag: "no-process", Switch: true, Default: "false", Usage: "only store the batches: process them within a day, or they are removed", Set: config.Bool(&u.store)},
		config.Setting{Flag: "allow-duplicate", Switch: true, Default: "false", Usage: "also upload files that were uploaded before", Set: config.Bool(&u.again)},
		config.Setting{Flag: "replace", Switch: true, Default: "false", Usage: "if the same file was uploaded with another zone, order of dates or encoding, delete that batch and upload the file again", Set: config.Bool(&u.swap)},
		config.Setting{Flag: "dry-run", Switch: true, Default: "false", Usage: "store nothing, and show what would change", Set: config.Bool(&u.dryRun)},
		config.Setting{Flag: "retries", Default: strconv.Itoa(defaultRetries), Usage: "maximum `number` of retries when the server is busy or unavailable", Set: config.Int(&u.retries, 0, 1000)})...)
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
			return fmt.Errorf("upload: interrupted at %s; run the command again to continue, nothing is stored twice", texttable.Plain(name))
		}
		if err != nil {
			u.failed++
			u.printFailure(name, err)
		}
	}
	return u.sum(len(files))
}

// parameters returns the settings that are sent to the server unchanged.
func (u *uploader) parameters() []config.Setting {
	return []config.Setting{
		parameter(u.query, "dedupe", "dedupe", "skip rows that another file had which was uploaded with -dedupe, by `method`: event_id (same id) or occurrence (equal row)"),
		parameter(u.query, "schema", "schema", "`name` of the schema of the files"),
		u.zone(u.query),
		parameter(u.query, "encoding", "encoding", "`name` of the encoding of the files, such as windows-1252 or shift_jis; without it they are UTF-8 or UTF-16"),
		parameter(u.query, "timestamp_layout", "layout", "`order` of dates such as 03/04/2025: dmy, mdy or auto"),
		parameter(u.query, "mode", "mode", "partial (store the valid rows) or strict (reject the file if any row is invalid)"),
		parameter(u.query, "max_errors", "max-errors", "reject a file with more than `N` rejected rows"),
		parameter(u.query, "max_error_ratio", "max-error-ratio", "reject a file with a larger `share` of rejected rows, such as 0.05"),
		parameter(u.query, "repairs", "repairs", "`id` of the batch whose rejected rows this file corrects"),
	}
}

// ask adds the parameters for the switches.
func (u *uploader) ask() {
	switch {
	case u.dryRun:
		u.query.Set("dry_run", "true")
	case !u.store:
		u.query.Set("process", "true")
	}
	if u.again {
		u.query.Set("on_duplicate", "allow")
	}
}

// sum warns about rejected rows, and returns an error if a file failed.
func (u *uploader) sum(files int) error {
	if u.rows > 0 {
		u.t.warn("warning: %s of %s rejected; correct the repair file and upload it with -repairs\n",
			count(u.rows, "row"), count(u.files, "file"))
	}
	if u.failed > 0 {
		return fmt.Errorf("upload: %d of %s failed", u.failed, count(int64(files), "file"))
	}
	return nil
}

func count(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// file uploads one file. An error means that it was not stored.
func (u *uploader) file(ctx context.Context, name string) error {
	s, err := openSource(ctx, u.t, name, u.again)
	if err != nil {
		return err
	}
	s.key += u.query.Get("schema") // the same content gives other events with another schema
	defer s.close()                //nolint:errcheck // it was only read
	p := startProgress(u.t, name, s.size)
	result, err := u.send(ctx, p, s, u.query)
	if earlier, ok := readOtherwise(err); ok && u.swap {
		if u.dryRun {
			p.stop()
			u.printReplacement(name, earlier)
			return nil
		}
		result, err = u.replace(ctx, p, s, earlier)
	}
	if err != nil {
		p.stop()
		return err
	}
	if result.DryRun {
		p.stop()
		u.printDryRun(name, result)
		return nil
	}
	status, failure := u.wait(ctx, p, result)
	p.stop()
	u.print(name, result, status)
	if failure != nil && ctx.Err() == nil {
		u.failed++
		u.t.print("  NOT PROCESSED: %s\n", texttable.Plain(failure.Error()))
	}
	return nil
}

// send sends a file until it is stored, permanently refused, or all retries are
// used.
func (u *uploader) send(ctx context.Context, p *progress, s *source, query url.Values) (*uploadResult, error) {
	for try := 0; ; try++ {
		result, err := u.client.upload(ctx, &uploadRequest{
			name: s.name, ndjson: s.ndjson, size: s.size, body: p.attempt(s.open()), key: s.key, query: query,
		})
		pause, again := pauseAfter(err, try)
		if err == nil || !again || ctx.Err() != nil {
			return result, err
		}
		if pause > longestPause {
			return nil, fmt.Errorf("%w (try again in %s)", err, secondsText(pause))
		}
		if try >= u.retries {
			return nil, fmt.Errorf("%w (after %d attempts)", err, try+1)
		}
		if err := u.pause(ctx, p, pause, err); err != nil {
			return nil, err
		}
	}
}

// defaultRetries are enough for an outage of half a minute, and for the claims of
// an upload whose server was killed.
const defaultRetries = 5

// longestPause is the longest Retry-After that is obeyed.
const longestPause = 15 * time.Minute

// pauseAfter reports whether to retry after an error, and after which pause: that
// of the server's Retry-After, or one that doubles with each attempt.
func pauseAfter(err error, try int) (time.Duration, bool) {
	pause := time.Second << min(try, 4)
	if refused, ok := errors.AsType[*serverError](err); ok {
		if refused.RetryAfter > 0 {
			pause = refused.RetryAfter
		}
		return pause, refused.temporary()
	}
	_, local := errors.AsType[*fs.PathError](err)
	return pause, !local
}

// pause waits. It shows a countdown on a screen, and prints a line elsewhere.
func (u *uploader) pause(ctx context.Context, p *progress, d time.Duration, why error) error {
	until := time.Now().Add(d)
	reason := texttable.Plain(why.Error())
	p.say(func() string {
		return fmt.Sprintf("retrying in %s (%s)", secondsText(max(time.Until(until), 0)), reason)
	})
	if !p.screen() {
		u.t.warn("%s: retrying in %s (%s)\n", p.name, secondsText(d), reason)
	}
	return sleep(ctx, d)
}
