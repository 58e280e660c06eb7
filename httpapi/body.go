package httpapi

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/eventmetrics/eventmetrics"
	"github.com/eventmetrics/eventmetrics/ingest"
)

// openFile finds the file in a request and sets the Name, Format and Body of
// file: the first file part of a multipart form, or the body itself. The
// returned function releases the decompressor.
func openFile(r *http.Request, body io.Reader, file *eventmetrics.File) (release func(), _ error) {
	content, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil && r.ContentLength == 0 {
		return nil, missingFile()
	}
	file.Body = body
	encoding := r.Header.Get("Content-Encoding")
	closeForm := func() {}
	switch {
	case content == "multipart/form-data":
		form, err := decompress(body, encoding)
		if err != nil {
			return nil, err
		}
		closeForm, encoding = form.close, "" // what is inside is not encoded twice
		if err = firstFile(form, params["boundary"], file); err != nil {
			closeForm()
			return nil, err
		}
	case content == "text/csv":
	case isNDJSON(content):
		file.Format = ingest.NDJSON
	default:
		return nil, problem{
			status: http.StatusUnsupportedMediaType, code: CodeUnsupportedMedia,
			detail: "send multipart/form-data with a file, text/csv, or application/x-ndjson",
			header: http.Header{"Accept": {"multipart/form-data, text/csv, application/x-ndjson"}},
		}
	}
	plain, err := decompress(file.Body, encoding)
	if err != nil {
		closeForm()
		return nil, err
	}
	file.Name, file.Body = fileName(file.Name), plain
	return func() { plain.close(); closeForm() }, nil
}

func missingFile() problem {
	return problem{
		status: http.StatusBadRequest, code: CodeBadRequest, message: "CSV file required",
		detail: "send a CSV file, as a file of a multipart form or as a text/csv body",
	}
}

// firstFile finds the first part of a form that is a file.
func firstFile(body io.Reader, boundary string, file *eventmetrics.File) error {
	if boundary == "" {
		return badRequest("Content-Type: multipart/form-data lacks its boundary")
	}
	parts := multipart.NewReader(body, boundary)
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return missingFile()
		}
		if err != nil {
			return bodyProblem(err)
		}
		if part.FileName() == "" {
			continue
		}
		file.Name, file.Body = part.FileName(), part
		content, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
		if isNDJSON(content) || namesNDJSON(part.FileName()) {
			file.Format = ingest.NDJSON
		}
		return nil
	}
}

func isNDJSON(media string) bool {
	return media == "application/x-ndjson" || media == "application/ndjson" || media == "application/jsonl"
}

// namesNDJSON reports whether a file name ends as those of NDJSON files do,
// compressed or not.
func namesNDJSON(name string) bool {
	name = strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(name), ".gz"), ".zst")
	return strings.HasSuffix(name, ".ndjson") || strings.HasSuffix(name, ".jsonl")
}

// fileName keeps a name to a length that is fit for a list, and to text.
func fileName(name string) string {
	name = strings.ToValidUTF8(name, "\uFFFD")
	const limit = 255
	for len(name) > limit {
		runes := []rune(name)
		name = string(runes[:min(len(runes)-1, limit)])
	}
	return name
}

// plainReader is a decompressed file.
type plainReader struct {
	r     io.Reader
	close func()
}

// Read implements io.Reader with errors that say what is wrong with the body.
func (p *plainReader) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		err = bodyProblem(err)
	}
	return n, err
}

// decompress undoes the Content-Encoding and, whether declared or not, what
// the first bytes show: no CSV file begins like that, and people do upload
// events.csv.gz. What the decompressors need is bounded; what comes out of
// them is bounded by the Service.
func decompress(r io.Reader, encoding string) (*plainReader, error) {
	buffered := bufio.NewReaderSize(r, 64<<10)
	declared := strings.ToLower(strings.TrimSpace(encoding))
	head, err := buffered.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, bodyProblem(err)
	}
	isGzip := strings.HasPrefix(string(head), "\x1f\x8b")
	isZstd := string(head) == "\x28\xb5\x2f\xfd"
	switch {
	case declared != "" && declared != "identity" && declared != "gzip" && declared != "zstd":
		return nil, problem{
			status: http.StatusUnsupportedMediaType, code: CodeUnsupportedMedia,
			detail: "Content-Encoding: want gzip or zstd",
			header: http.Header{"Accept-Encoding": {"gzip, zstd"}},
		}
	case declared == "gzip" && !isGzip || declared == "zstd" && !isZstd:
		return nil, badRequest("the body is not what its Content-Encoding says")
	case isGzip:
		return gunzip(buffered)
	case isZstd:
		return unzstd(buffered)
	}
	return &plainReader{buffered, func() {}}, nil
}

func gunzip(r io.Reader) (*plainReader, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, bodyProblem(err)
	}
	return &plainReader{z, func() { _ = z.Close() }}, nil
}

func unzstd(r io.Reader) (*plainReader, error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(8<<20))
	if err != nil {
		return nil, fmt.Errorf("httpapi: make zstd reader: %w", err)
	}
	return &plainReader{z, z.Close}, nil
}
