package apihttp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

var errTooLarge = errors.New("answer too large")

// bodyReader bounds an answer in size and in silence, and keeps the error that
// came from the connection apart from those of who reads.
type bodyReader struct {
	body  io.ReadCloser
	left  int64
	quiet time.Duration
	timer *time.Timer
	err   error // never io.EOF
}

func newBodyReader(body io.ReadCloser, limit int64, quiet time.Duration, stalled func()) *bodyReader {
	return &bodyReader{body: body, left: limit, quiet: quiet, timer: time.AfterFunc(quiet, stalled)}
}

func (b *bodyReader) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.body.Read(p)
	b.timer.Reset(b.quiet)
	b.left -= int64(n)
	switch {
	case b.left < 0:
		b.err = errTooLarge
		return 0, b.err
	case err != nil && err != io.EOF:
		b.err = err
	}
	return n, err
}

// close reads a short rest, so that the connection can be used again.
func (b *bodyReader) close() {
	if b.err == nil {
		_, _ = io.CopyN(io.Discard, b.body, 64<<10)
	}
	b.timer.Stop()
	_ = b.body.Close()
}

// inMemory is how much of a download is kept out of a file.
const inMemory = 8 << 20

// File is a downloaded body, in memory or in a temporary file that already has
// no name. Close it.
type File struct {
	Header http.Header
	mem    bytes.Buffer
	file   *os.File
	named  bool // the file could not be unlinked while open
	size   int64
}

// Size is the number of bytes.
func (f *File) Size() int64 { return f.size }

// ReadAt reads like io.ReaderAt.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	if f.file != nil {
		return f.file.ReadAt(p, off)
	}
	return bytes.NewReader(f.mem.Bytes()).ReadAt(p, off)
}

// Close frees the file. A second Close does nothing.
func (f *File) Close() error {
	file := f.file
	f.file, f.size = nil, 0
	f.mem = bytes.Buffer{}
	if file == nil {
		return nil
	}
	err := file.Close()
	if f.named {
		err = errors.Join(err, os.Remove(file.Name()))
	}
	return err
}

// fill reads all of body. The temporary file is readable by its owner only and
// unlinked at once: exports can hold secrets, and a killed run must leave none.
func (f *File) fill(body io.Reader, dir string) error {
	n, err := io.CopyN(&f.mem, body, inMemory+1)
	f.size = n
	if err == io.EOF {
		return nil
	}
	if err != nil {
		return err
	}
	f.file, err = os.CreateTemp(dir, "dashkeep-download-*")
	if err != nil {
		return fmt.Errorf("keep a download: %w", err)
	}
	f.named = os.Remove(f.file.Name()) != nil
	if _, err := f.mem.WriteTo(f.file); err != nil {
		return fmt.Errorf("keep a download: %w", err)
	}
	f.mem = bytes.Buffer{}
	n, err = io.Copy(f.file, body)
	f.size += n
	if err != nil {
		return fmt.Errorf("keep a download: %w", err)
	}
	return nil
}

// Download sends a request and keeps the answer, which is a zip when Want says
// nothing else. The caller closes the File. Errors are as for Do.
func (c *Client) Download(ctx context.Context, r Request) (*File, error) {
	if len(r.Want) == 0 {
		r.Want = []string{"application/zip", "application/x-zip-compressed", "application/octet-stream"}
	}
	setDefault(&r.Limit, c.o.MaxDownload)
	setDefault(&r.Timeout, c.o.DownloadTimeout)
	var out *File
	err := c.send(ctx, r, func(_ *attempt, res *http.Response, body io.Reader) error {
		f := &File{Header: res.Header}
		err := f.fill(body, c.o.TempDir)
		if err == nil && r.Check != nil {
			if cerr := r.Check(f); cerr != nil {
				err = &cutError{cerr}
			}
		}
		if err != nil {
			_ = f.Close()
			return err
		}
		out = f
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
