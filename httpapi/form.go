package httpapi

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"

	"github.com/eventmetrics/eventmetrics/ingest"
)

// Bounds of the form fields before a file.
const (
	maxFormFields = 64
	maxFieldBytes = 4 << 10
)

// readForm reads the fields of a form up to its file. Fields are options of the
// upload, as parameters of the query are.
func (in *incoming) readForm(body io.Reader, boundary string) error {
	if boundary == "" {
		return badRequest("Content-Type: multipart/form-data lacks its boundary")
	}
	parts := multipart.NewReader(body, boundary)
	in.options = url.Values{}
	for fields := 0; ; fields++ {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return missingFile()
		}
		if err != nil {
			return bodyProblem(err)
		}
		if part.FileName() != "" {
			in.openPart(part, parts)
			return nil
		}
		if err := in.readField(part); err != nil {
			return err
		}
		if fields == maxFormFields {
			return badRequest(fmt.Sprintf("the form has more than %d fields before its file", maxFormFields))
		}
	}
}

// openPart makes a part of a form the file.
func (in *incoming) openPart(part *multipart.Part, parts *multipart.Reader) {
	in.name, in.body = part.FileName(), &filePart{part, parts}
	content, params, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
	in.charset = params["charset"]
	if isNDJSON(content) || namesNDJSON(in.name) {
		in.format = ingest.NDJSON
	}
}

// readField reads a field that is an option of the upload. A file input in which
// no file was chosen is none.
func (in *incoming) readField(part *multipart.Part) error {
	value, err := io.ReadAll(io.LimitReader(part, maxFieldBytes+1))
	switch {
	case err != nil:
		return bodyProblem(err)
	case len(value) == 0 && isFileInput(part):
		return nil
	case len(value) > maxFieldBytes:
		return badRequest(fmt.Sprintf("form field %.40q has more than %d bytes; if it is the file, give it a file name", part.FormName(), maxFieldBytes))
	}
	in.options.Add(part.FormName(), string(value))
	return nil
}

// isFileInput reports whether a part is of a file input.
func isFileInput(part *multipart.Part) bool {
	_, params, _ := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	_, ok := params["filename"]
	return ok
}

// filePart reads the file of a form. At its end it makes sure that nothing
// follows: a second file, or an option that comes too late, would be lost
// without a word.
type filePart struct {
	part  *multipart.Part
	parts *multipart.Reader
}

// Read implements io.Reader.
func (f *filePart) Read(p []byte) (int, error) {
	n, err := f.part.Read(p)
	if errors.Is(err, io.EOF) && n == 0 {
		return 0, f.end()
	}
	if errors.Is(err, io.EOF) {
		err = nil // the next Read meets it again
	}
	return n, err
}

// end returns io.EOF if the form ends with the file.
func (f *filePart) end() error {
	for {
		next, err := f.parts.NextRawPart()
		switch {
		case errors.Is(err, io.EOF):
			return io.EOF
		case err != nil:
			return bodyProblem(err)
		case next.FileName() != "":
			return problem{
				status: http.StatusBadRequest, code: CodeSeveralFiles,
				detail: fmt.Sprintf("the form has a second file, %s; upload each file by itself. Nothing was stored", short(next.FileName())),
			}
		case isFileInput(next) && next.FormName() != "":
			continue // in which no file was chosen
		}
		return badRequest(fmt.Sprintf("form field %.40q comes after the file; put options before it. Nothing was stored", strings.ToValidUTF8(next.FormName(), "?")))
	}
}
