package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/url"
	"strconv"
	"time"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/config"
	"github.com/eventmetrics/eventmetrics/ingest/charset"
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
	met     bool // a server has accepted a connection

	files, rows int64 // files with rejected rows, and those rows
	failed      int64 // files that were not uploaded or not processed
}

// Upload returns the command that uploads files to a running server, waits until
// they are processed and prints a result for each. Its error says how many files were
// not uploaded or not processed. Rejected rows are no error.
func Upload(t *Terminal) Command {
	var at connection
	u := &uploader{t: t, query: url.Values{}}
	return Command{
		Name: "upload", About: "upload files to a running server", Args: "FILE...", Least: 1, Most: -1,
		More: "- is standard input.",
		Settings: at.settings(append(u.parameters(),
			u.option("no-process", "only store the batches: process them within a day, or they are removed", &u.store),
			u.option("allow-duplicate", "also upload files that were uploaded before", &u.again),
			u.option("replace", "if the same file was uploaded with another zone, order of dates or encoding, delete that batch and upload the file again", &u.swap),
			u.option("dry-run", "store nothing, and show what would change", &u.dryRun),
			config.Setting{Flag: "retries", Default: strconv.Itoa(defaultRetries), Usage: "maximum `number` of retries when the server is busy, or was lost", Set: config.Int(&u.retries, 0, 1000)})...),
		Run: at.toServer(func(ctx context.Context, _ *Terminal, c *client, files []string) error {
			u.client = c
			u.ask()
			return u.all(ctx, files)
		}),
	}
}

func (u *uploader) option(flag, usage string, p *bool) config.Setting {
	s := config.NewSwitch("", usage, p)
	s.Flag = flag
	return s
}

// all uploads files. It ends when no server answers.
func (u *uploader) all(ctx context.Context, files []string) error {
	for _, name := range files {
		err := u.file(ctx, name)
		if ctx.Err() != nil {
			return fmt.Errorf("upload: interrupted at %s; run the command again to continue, nothing is stored twice", texttable.Plain(name))
		}
		if lost, away := unreachable(err); away && lost.refused {
			return fmt.Errorf("upload: %s: %w; start it with refserver, or name another with -url, and run the command again: nothing is stored twice", texttable.Plain(name), err)
		}
		if _, wrong := errors.AsType[*usageError](err); wrong {
			return fmt.Errorf("upload: %w", err)
		}
		if err != nil {
			u.failed++
			u.printFailure(name, err)
		}
	}
	return u.sum(len(files))
}

// parameters returns the settings that are sent to the server.
func (u *uploader) parameters() []config.Setting {
	return []config.Setting{
		parameter(u.query, "dedupe", "dedupe", "skip rows that another file had which was uploaded with -dedupe, by `method`: event_id (same id) or occurrence (equal row)", nil).Among("event_id", "occurrence"),
		parameter(u.query, "schema", "schema", "`name` of the schema of the files", nil),
		zoneSetting(u.query, u.t.Getenv),
		parameter(u.query, "encoding", "encoding", "`name` of the encoding of the files, such as windows-1252 or shift_jis; without it they are UTF-8 or UTF-16", encodingName),
		parameter(u.query, "timestamp_layout", "layout", "`order` of dates such as 03/04/2025: dmy, mdy or auto", nil).Among("dmy", "mdy", "auto"),
		parameter(u.query, "mode", "mode", "`what` a rejected row means: partial (store the valid rows) or strict (reject the file)", nil).Among("partial", "strict"),
		parameter(u.query, "max_errors", "max-errors", "reject a file with more than `N` rejected rows", wholeNumber(0, math.MaxInt32)),
		parameter(u.query, "max_error_ratio", "max-error-ratio", "reject a file with a larger `share` of rejected rows, such as 0.05", share),
		parameter(u.query, "repairs", "repairs", "`id` of the batch whose rejected rows this file corrects", nil),
	}
}

func encodingName(v string) error {
	_, err := charset.Lookup(v)
	return err
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
		if lost, away := unreachable(err); away && lost.refused && !u.met {
			return nil, err // it is not there, rather than gone for a moment
		}
		u.met = true
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
