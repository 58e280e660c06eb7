// Command cases uploads files that are easily read wrongly to a running server,
// and compares what it counts with what their authors meant. The server must not
// limit uploads; without UPLOAD_LIMIT it does not limit those from its own machine:
//
//	go run ./cmd/refserver
//	go run ./examples/cases
//
// Without -token and ADMIN_TOKEN, the token is the one that a server on this machine
// keeps in its data directory.
//
// Every file is sent as a dry run, as the body of a request and in a form. What
// was stored is deleted afterwards. The exit status is 1 if there is a difference.
package main

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"
)

// expectations says what is right, case by case.
//
//go:embed expectations.json
var expectations []byte

// testCase is a file, and the requests that are sent with it one after the other.
type testCase struct {
	File  string `json:"file"`
	Steps []step `json:"steps"`
}

// step is one request.
type step struct {
	// Query has the options; FIRST in it is the id of the first batch of the case.
	Query string `json:"query"`
	// ContentType is that of the body, if it is not text/csv or NDJSON.
	ContentType string `json:"content_type"`
	// Replace has two texts: the first in the file is replaced by the second.
	Replace []string `json:"replace"`
	// Get is the path of a request that reads instead.
	Get string `json:"get"`
	// Want is what the server must do: rows, warnings and changes of the metrics,
	// or a status with an error code.
	Want string `json:"want"`
}

func main() {
	log.SetFlags(0)
	var c client
	flag.StringVar(&c.url, "url", "http://127.0.0.1:3000", "`address` of the server")
	flag.StringVar(&c.token, "token", os.Getenv("ADMIN_TOKEN"), "bearer `token` of the server; by default ADMIN_TOKEN")
	data := flag.String("data-dir", cmp.Or(os.Getenv("DATA_DIR"), "data"), "`directory` of the server, which has its token")
	dir := flag.String("dir", filepath.Join("ingest", "testdata", "cases"), "`directory` of the files")
	flag.Parse()
	if c.token == "" {
		c.token = kept(*data)
	}
	different, err := run(context.Background(), &c, *dir, os.Stdout)
	if err != nil {
		log.Fatal(err)
	}
	if different > 0 {
		log.Fatalf("%d differences", different)
	}
}

// kept returns the token that a server keeps in its data directory, or "".
func kept(dir string) string {
	text, err := os.ReadFile(filepath.Join(dir, "admin-token"))
	if err != nil {
		return "" // the server says that a token is missing
	}
	return strings.TrimSpace(string(text))
}

// run sends all cases and prints what was expected and what the server did. It
// returns the number of differences.
func run(ctx context.Context, c *client, dir string, out io.Writer) (different int, err error) {
	var all []testCase
	if err := json.Unmarshal(expectations, &all); err != nil {
		return 0, err
	}
	for _, tc := range all {
		text, err := os.ReadFile(filepath.Join(dir, tc.File))
		if err != nil {
			return different, err
		}
		for _, how := range []string{"body", "form"} {
			if how == "body" && strings.HasSuffix(tc.File, ".body") {
				continue // the file is a form
			}
			n, err := tc.send(ctx, c, string(text), how, out)
			if err != nil {
				return different, fmt.Errorf("%s: %w", tc.File, err)
			}
			different += n
		}
	}
	return different, nil
}

// send sends the requests of a case, each as a dry run first, and deletes what
// was stored.
func (tc *testCase) send(ctx context.Context, c *client, text, how string, out io.Writer) (different int, err error) {
	var batches []string
	defer func() {
		for _, id := range batches {
			if failed := c.remove(ctx, id); err == nil {
				err = failed
			}
		}
	}()
	check := func(how, want, got string) {
		verdict := "ok"
		if got != want {
			verdict = "DIFFERENT"
			different++
		}
		fmt.Fprintf(out, "%-9s %s (%s)\n  expected %s\n  got      %s\n", verdict, tc.File, how, want, got)
	}
	for _, s := range tc.Steps {
		if s.Get != "" {
			got, err := c.status(ctx, s.Get)
			if err != nil {
				return different, err
			}
			check("GET "+s.Get, s.Want, got)
			continue
		}
		r := s.request(tc.File, text, how, batches)
		if !strings.HasSuffix(tc.File, ".body") {
			dry := *r
			dry.query += "&dry_run=true"
			got, _, err := c.upload(ctx, &dry)
			if err != nil {
				return different, err
			}
			check(strings.TrimSpace("dry run, "+how+" "+s.Query), s.Want, got)
		}
		got, id, err := c.upload(ctx, r)
		if err != nil {
			return different, err
		}
		if id != "" {
			batches = append(batches, id)
		}
		check(strings.TrimSpace(how+" "+s.Query), s.Want, got)
	}
	return different, nil
}

// boundary separates the parts of forms.
const boundary = "XbX"

// request returns the request of a step.
func (s *step) request(name, text, how string, batches []string) *request {
	if len(s.Replace) == 2 {
		text = strings.Replace(text, s.Replace[0], s.Replace[1], 1)
	}
	r := &request{query: s.Query, contentType: s.ContentType, body: text}
	if len(batches) > 0 {
		r.query = strings.ReplaceAll(r.query, "FIRST", batches[0])
	}
	if r.contentType == "" {
		r.contentType = "text/csv"
		if strings.HasSuffix(name, ".ndjson") {
			r.contentType = "application/x-ndjson"
		}
	}
	if how == "form" {
		if !strings.HasSuffix(name, ".body") {
			r.body = fmt.Sprintf("--%[1]s\r\nContent-Disposition: form-data; name=\"file\"; filename=%[2]q\r\nContent-Type: %[3]s\r\n\r\n%[4]s\r\n--%[1]s--\r\n",
				boundary, name, r.contentType, text)
		}
		r.contentType = "multipart/form-data; boundary=" + boundary
	}
	return r
}
