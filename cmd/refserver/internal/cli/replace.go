package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"

	"github.com/eventmetrics/eventmetrics/internal/text/texttable"
)

// readOtherwise returns the error if an earlier batch has the content of the
// file, read with other options.
func readOtherwise(err error) (*serverError, bool) {
	refused, ok := errors.AsType[*serverError](err)
	return refused, ok && refused.Code == "read_otherwise" && refused.BatchID != ""
}

// replace deletes the batch that has the content of a file, and uploads the file
// again. First it makes sure that the server accepts the file as it is read now.
func (u *uploader) replace(ctx context.Context, p *progress, s *source, earlier *serverError) (*uploadResult, error) {
	check := maps.Clone(u.query)
	check.Set("dry_run", "true")
	check.Set("on_duplicate", "allow")
	check.Del("process")
	if _, err := u.send(ctx, p, s, check); err != nil {
		return nil, err
	}
	err := u.client.deleteBatch(ctx, earlier.BatchID)
	if refused, ok := errors.AsType[*serverError](err); ok && refused.Status == http.StatusNotFound {
		err = nil // an earlier attempt, or someone else, has deleted it
	}
	if err != nil {
		return nil, fmt.Errorf("batch %s cannot be replaced: %w", earlier.BatchID, err)
	}
	result, err := u.send(ctx, p, s, u.query)
	if err != nil {
		return nil, fmt.Errorf("batch %s is deleted, but its file could not be uploaded again: %w; repeat the command", earlier.BatchID, err)
	}
	result.Replaced = earlier.BatchID
	return result, nil
}

// printReplacement prints what -replace would do.
func (u *uploader) printReplacement(name string, earlier *serverError) {
	u.t.print("%s: dry run, nothing stored: the upload would delete batch %s, which has the same file read in another way (%s), and upload the file again\n",
		texttable.Plain(name), texttable.Plain(earlier.BatchID), texttable.Plain(earlier.differences()))
}

// deleteBatch deletes a batch. Errors: *[serverError]; [errNoServer].
func (c *client) deleteBatch(ctx context.Context, id string) error {
	return c.send(ctx, http.MethodDelete, "batches/"+url.PathEscape(id))
}
