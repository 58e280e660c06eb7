package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/backends"
	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/cli"
	"github.com/eventmetrics/eventmetrics/cmd/refserver/internal/config"
	"github.com/eventmetrics/eventmetrics/metrics"
	"github.com/eventmetrics/eventmetrics/store"
)

// events returns the command that prints the events of a batch, however they are
// stored.
func events() cli.Command {
	c := &config.Config{}
	return cli.Command{
		Name: "events", About: "print the events of a batch as CSV, which can be uploaded again", Args: "ID", Least: 1, Most: 1,
		More:     "It reads the store itself. Beside a running server that is only possible in MongoDB.",
		Settings: c.StoreSettings(),
		Run: func(ctx context.Context, t *cli.Terminal, args []string) error {
			if err := printBatch(ctx, t.Out, &c.Backends, args[0]); err != nil {
				return fmt.Errorf("events: %w", err)
			}
			return nil
		},
	}
}

func printBatch(ctx context.Context, w io.Writer, o *backends.Options, id string) error {
	if o.MongoURI == "" { // a store that is opened would be made
		if _, err := os.Stat(filepath.Join(o.DataDir, backends.StoreFile)); err != nil {
			return err
		}
	}
	b, err := backends.OpenStore(ctx, o)
	if err != nil {
		return err
	}
	return errors.Join(printEvents(ctx, w, b.Store, id), b.Close())
}

// columnKey names a column: a file may have the same name more than once.
type columnKey struct {
	name string
	nth  int
}

// eventTable is how the events of a batch are written: their event ids, if any has
// one, their other columns in the order in which they come, type and time.
type eventTable struct {
	hasIDs bool
	header []string
	place  map[columnKey]int // in the header, of what is not id, type and time
	seen   map[string]int    // how often a name came in this event
}

// printEvents writes the events of a batch as CSV. It reads them twice: rows may
// have different columns.
func printEvents(ctx context.Context, w io.Writer, st store.Store, id string) error {
	table := eventTable{place: map[columnKey]int{}, seen: map[string]int{}}
	for e, err := range st.Events(ctx, id) {
		if err != nil {
			return err
		}
		table.add(&e)
	}
	out := csv.NewWriter(w)
	if err := out.Write(table.names()); err != nil {
		return err
	}
	for e, err := range st.Events(ctx, id) {
		if err != nil {
			out.Flush()
			return err
		}
		if err := out.Write(table.row(&e)); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// key returns the key of the next column of an event.
func (t *eventTable) key(name string) columnKey {
	key := columnKey{name, t.seen[name]}
	t.seen[name]++
	return key
}

func (t *eventTable) add(e *metrics.Event) {
	t.hasIDs = t.hasIDs || e.ID != ""
	clear(t.seen)
	for i := range e.Fields {
		key := t.key(e.Fields[i].Name)
		if _, ok := t.place[key]; !ok {
			t.place[key] = len(t.header)
			t.header = append(t.header, key.name)
		}
	}
}

func (t *eventTable) names() []string {
	names := append([]string(nil), t.header...)
	if t.hasIDs {
		names = append(names, "event_id")
	}
	return append(names, "event_type", "timestamp")
}

func (t *eventTable) row(e *metrics.Event) []string {
	row := make([]string, len(t.header), len(t.header)+3)
	clear(t.seen)
	for i := range e.Fields {
		row[t.place[t.key(e.Fields[i].Name)]] = e.Fields[i].Value
	}
	if t.hasIDs {
		row = append(row, e.ID)
	}
	return append(row, e.Type, e.Time.Format(time.RFC3339Nano))
}
