package httpapi

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/eventmetrics/eventmetrics/ingest"
)

// The body of an upload passes through these readers. Each limit bounds what the
// one before cannot:
//
//	http.Request.Body
//	-> http.MaxBytesReader  limit 1, Options.MaxBodyBytes: the bytes as sent,
//	                        so that a request ends
//	-> guarded              StallTimeout: ends a body that stops or trickles
//	-> decompress           undoes Content-Encoding; its memory is bounded too
//	-> multipart.Part       of a form only; then decompress again for its file
//	-> readAhead            if it was compressed: another goroutine goes on
//	-> upload.body          limit 2, Options.MaxUploadBytes of the Service: the
//	                        decompressed bytes, since a kilobyte can become a
//	                        gigabyte; it also counts and hashes them
//	-> ingest.Reader        limit 3, ingest.Limits: a row and a value, which are
//	                        held in memory
//
// guard and openFile make those of this package, the Service the last two.

// incoming is the file of a request before its options are known.
type incoming struct {
	name    string
	format  ingest.Format
	charset string // of the content type
	body    io.Reader
	memory  int64      // that decompressors take, in bytes
	options url.Values // form fields before the file
	close   func()     // releases decompressors
}

// openFile finds the file in a request: the one file part of a multipart form,
// or the body itself. The caller must call close.
func openFile(r *http.Request, body *guarded) (*incoming, error) {
	content, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil && r.ContentLength == 0 {
		return nil, missingFile()
	}
	in := &incoming{body: body, charset: params["charset"], close: func() {}}
	encoding, packed := r.Header.Get("Content-Encoding"), false
	switch {
	case content == "multipart/form-data":
		form, err := decompress(body, encoding)
		if err != nil {
			return nil, err
		}
		in.memory = form.memory
		packed = form.packed
		in.close, encoding = form.close, "" // what is inside is not encoded twice
		if err = in.readForm(form, params["boundary"]); err != nil {
			in.close()
			return nil, err
		}
	case content == "text/csv":
	case isNDJSON(content):
		in.format = ingest.NDJSON
	default:
		return nil, problem{
			status: http.StatusUnsupportedMediaType, code: CodeUnsupportedMedia,
			detail: "send multipart/form-data with a file, text/csv, or application/x-ndjson",
			header: http.Header{"Accept": {"multipart/form-data, text/csv, application/x-ndjson"}},
		}
	}
	plain, err := decompress(in.body, encoding)
	if err != nil {
		in.close()
		return nil, err
	}
	in.memory += plain.memory
	closeForm := in.close
	in.body, in.close = plain, func() { plain.close(); closeForm() }
	if packed || plain.packed {
		in.readAhead(body.stop)
	}
	return in, nil
}

// readAhead decompresses the file in another goroutine than that which reads it.
func (in *incoming) readAhead(stop func()) {
	ahead, release := newReadAhead(in.body, stop), in.close
	in.body, in.close = ahead, func() { ahead.Close(); release() }
	in.memory += aheadPieces * aheadBytes
}

func missingFile() problem {
	return problem{
		status: http.StatusBadRequest, code: CodeBadRequest, message: "CSV file required",
		detail: "send a CSV file, as a file of a multipart form or as a text/csv body",
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

// fileName returns a valid UTF-8 name of at most 255 bytes, without control
// characters: a terminal or a log might obey them.
func fileName(name string) string {
	name = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return -1
		}
		return c
	}, strings.ToValidUTF8(name, "\uFFFD"))
	const limit = 255
	for len(name) > limit {
		runes := []rune(name)
		name = string(runes[:min(len(runes)-1, limit)])
	}
	return name
}

// plainReader is a decompressed file.
type plainReader struct {
	r      io.Reader
	packed bool // it was compressed
	close  func()
	memory int64 // in bytes
}

// Read implements io.Reader. Errors are problems that describe the body.
func (p *plainReader) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		err = bodyProblem(err)
	}
	return n, err
}

// decompress undoes the Content-Encoding, and a compression that only the first
// bytes show, as in an upload of events.csv.gz: no CSV file begins like that. The
// memory of the decompressors is bounded; the Service bounds their output.
func decompress(r io.Reader, encoding string) (*plainReader, error) {
	buffered := bufio.NewReaderSize(r, 64<<10)
	declared := strings.TrimPrefix(strings.ToLower(strings.TrimSpace(encoding)), "x-")
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
	return &plainReader{r: buffered, close: func() {}}, nil
}

const (
	// maxZstdWindow bounds the memory of a zstd stream: zstd --long=27 needs as
	// much, and a stream that needs more is refused.
	maxZstdWindow = 128 << 20
	// usualZstdWindow is the greatest window of zstd without --long or --ultra.
	usualZstdWindow = 8 << 20
)

// unzstd undoes zstd. Its memory is the window that the first frame asks for; a
// later frame that needs more is refused.
func unzstd(r *bufio.Reader) (*plainReader, error) {
	window := uint64(usualZstdWindow)
	head, _ := r.Peek(zstd.HeaderMaxSize) // less if the file is short
	var frame zstd.Header
	if frame.Decode(head) == nil && !frame.SingleSegment {
		window = min(max(window, frame.WindowSize), maxZstdWindow)
	}
	if frame.SingleSegment { // its window is its content
		window = min(max(window, frame.FrameContentSize), maxZstdWindow)
	}
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(window))
	if err != nil {
		return nil, fmt.Errorf("httpapi: make zstd reader: %w", err)
	}
	return &plainReader{r: z, packed: true, close: z.Close, memory: int64(window)}, nil
}

func gunzip(r *bufio.Reader) (*plainReader, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, bodyProblem(err)
	}
	z.Multistream(false)
	return &plainReader{r: &gzipMembers{in: r, z: z}, packed: true, close: func() { _ = z.Close() }}, nil
}

// gzipMembers reads the members of a gzip file, and ignores zeros after the
// last one, with which tapes and some tools fill a block.
type gzipMembers struct {
	in *bufio.Reader
	z  *gzip.Reader
}

// Read implements io.Reader.
func (g *gzipMembers) Read(p []byte) (int, error) {
	for {
		n, err := g.z.Read(p)
		if n > 0 || !errors.Is(err, io.EOF) {
			if errors.Is(err, io.EOF) {
				err = nil // the next Read meets it again
			}
			return n, err
		}
		if err := g.next(); err != nil {
			return 0, err
		}
	}
}

// next begins the next member; io.EOF if there is none.
func (g *gzipMembers) next() error {
	for {
		c, err := g.in.ReadByte()
		if err != nil {
			return err
		}
		if c != 0 {
			break
		}
	}
	_ = g.in.UnreadByte()
	if err := g.z.Reset(g.in); err != nil {
		return err
	}
	g.z.Multistream(false)
	return nil
}
