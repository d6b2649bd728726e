// SPDX-License-Identifier: MPL-2.0

package flash

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"talos-nanopi-m6/internal/image"
)

// Input is where an image comes from.
type Input struct {
	Source

	read  atomic.Int64
	total int64
	close []func() error
}

// Read is how many bytes of the file, the URL or standard input were read, and of how many; 0 where that is not known.
func (i *Input) Read() (done, total int64) { return i.read.Load(), i.total }

// Close frees what OpenInput took.
func (i *Input) Close() error {
	var errs []error
	for _, c := range i.close {
		errs = append(errs, c())
	}

	return errors.Join(errs...)
}

// NewInput makes an input of an open image.
func NewInput(s Source, close func() error) *Input {
	return &Input{Source: s, close: []func() error{close}}
}

// IsURL says whether a name is fetched.
func IsURL(name string) bool {
	return strings.HasPrefix(name, "https://") || strings.HasPrefix(name, "http://")
}

// Stream opens an image that is read once: "-" is stdin, a URL is fetched, and everything else is a file. It is decoded as
// its first bytes tell.
func Stream(ctx context.Context, name string, stdin io.Reader) (*Input, error) {
	i := &Input{Source: Source{Name: name}}

	var (
		r   io.Reader
		err error
	)

	switch {
	case name == "-":
		i.Name, r = "standard input", stdin
	case IsURL(name):
		var d *download
		if d, err = fetch(ctx, name); err == nil {
			i.total, r = d.total, d
			i.close = append(i.close, d.Close)
		}
	default:
		var f *os.File
		if f, err = os.Open(name); err == nil {
			r = f
			i.close = append(i.close, f.Close)

			if st, err := f.Stat(); err == nil && st.Mode().IsRegular() {
				i.total = st.Size()
			}
		}
	}

	if err != nil {
		return nil, err
	}

	s, err := image.Decode(counted{r, &i.read}, i.Name)
	if err != nil {
		return nil, errors.Join(err, i.Close())
	}

	i.Source.Stream = s
	i.close = append(i.close, s.Close)

	return i, nil
}

// counted counts what is read.
type counted struct {
	r io.Reader
	n *atomic.Int64
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))

	return n, err
}

// download is a file being fetched, which is taken up again where the connection broke.
type download struct {
	ctx   context.Context //nolint:containedctx // a download is one call
	url   string
	body  io.ReadCloser
	at    int64
	total int64
	tag   string // the file's version, so that two are not mixed
	tries int
}

// maxTries is how often a download is taken up again without getting any further.
const maxTries = 5

// client waits for an answer, not for the end of a file.
var client = &http.Client{Transport: &http.Transport{
	Proxy:                 http.ProxyFromEnvironment,
	ResponseHeaderTimeout: time.Minute,
	TLSHandshakeTimeout:   30 * time.Second,
	DisableCompression:    true, // an image is what it is
}}

func fetch(ctx context.Context, url string) (*download, error) {
	d := &download{ctx: ctx, url: url}

	return d, d.open()
}

// open asks for the file from where the last connection broke.
func (d *download) open() error {
	q, err := http.NewRequestWithContext(d.ctx, http.MethodGet, d.url, nil)
	if err != nil {
		return err
	}

	want := http.StatusOK

	if d.at > 0 {
		q.Header.Set("Range", fmt.Sprintf("bytes=%d-", d.at))
		q.Header.Set("If-Range", d.tag)

		want = http.StatusPartialContent
	}

	a, err := client.Do(q)
	if err != nil {
		return err
	}

	if a.StatusCode != want {
		_ = a.Body.Close()

		if d.at > 0 && a.StatusCode == http.StatusOK {
			return fmt.Errorf("%s: it broke off after %d bytes, and the server cannot go on from there", d.url, d.at)
		}

		return fmt.Errorf("%s: %s", d.url, a.Status)
	}

	if d.at == 0 {
		d.total, d.tag = max(a.ContentLength, 0), a.Header.Get("ETag")
		if d.tag == "" || strings.HasPrefix(d.tag, "W/") {
			d.tag = a.Header.Get("Last-Modified")
		}
	}

	d.body = a.Body

	return nil
}

func (d *download) Read(p []byte) (int, error) {
	for {
		n, err := d.body.Read(p)
		d.at += int64(n)

		if n > 0 {
			d.tries = 0
		}

		if err == nil || errors.Is(err, io.EOF) && (d.total == 0 || d.at == d.total) {
			return n, err
		}

		if n > 0 {
			return n, nil // the error comes again
		}

		if again := d.again(err); again != nil {
			return 0, again
		}
	}
}

// again opens the file anew, if that makes sense.
func (d *download) again(why error) error {
	if d.ctx.Err() != nil {
		return context.Cause(d.ctx)
	}

	if errors.Is(why, io.EOF) {
		why = io.ErrUnexpectedEOF
	}

	for {
		if d.tries++; d.tries > maxTries || d.tag == "" {
			return fmt.Errorf("%s: after %d of %d bytes: %w", d.url, d.at, d.total, why)
		}

		_ = d.body.Close()

		select {
		case <-d.ctx.Done():
			return context.Cause(d.ctx)
		case <-time.After(time.Duration(d.tries) * backoff):
		}

		err := d.open()
		if err == nil {
			return nil
		}

		d.body = http.NoBody
		why = err
	}
}

// backoff is how long to wait before the second try; later ones wait longer.
var backoff = 500 * time.Millisecond

func (d *download) Close() error { return d.body.Close() }
