// SPDX-License-Identifier: MPL-2.0

package flash

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"talos-nanopi-m6/internal/image"
)

// Input is where an image comes from.
type Input struct {
	Source

	close []func() error
}

// Close frees what opening took.
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
	u, err := url.Parse(name)

	return err == nil && (u.Scheme == "https" || u.Scheme == "http") // url.Parse writes a scheme in small letters
}

// Local gives the path that a file:// URL names; what is none stays as it is.
func Local(name string) string {
	u, err := url.Parse(name)
	if err != nil || u.Scheme != "file" || u.Host != "" && u.Host != "localhost" {
		return name
	}

	path := filepath.FromSlash(u.Path)
	if v := filepath.VolumeName(strings.TrimPrefix(path, `\`)); v != "" { // file:///C:/…
		path = path[1:]
	}

	return path
}

// IsStream says whether a name can only be read once, from its start to its end: "-" is standard input, a URL is fetched, and
// a pipe is one.
func IsStream(name string) bool {
	if name == "-" || IsURL(name) {
		return true
	}

	st, err := os.Stat(name)

	return err == nil && (st.Mode().Type()&os.ModeNamedPipe != 0 || st.Mode().Type()&os.ModeSocket != 0)
}

// Stream opens an image that is read once. It is decoded as its first bytes tell. The end of the context ends every wait.
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
			r = d
			i.close = append(i.close, d.Close)
		}
	default:
		var f *os.File
		if f, err = image.OpenFile(ctx, name); err == nil {
			r = f
			i.close = append(i.close, f.Close)
		}
	}

	if err != nil {
		return nil, err
	}

	s, err := image.Decode(image.Interruptible(ctx, r), i.Name)
	if err != nil {
		return nil, errors.Join(err, i.Close())
	}

	i.Source.Stream = s
	i.close = append(i.close, s.Close)

	return i, nil
}

// download is a file being fetched, which is taken up again where the connection broke.
type download struct {
	ctx    context.Context // a download is one call
	url    string
	body   io.ReadCloser
	cancel context.CancelCauseFunc // ends the request
	at     int64
	total  int64
	tag    string // the file's version, so that two are not mixed
	etag   string // the same, where it is an ETag
	tries  int
}

// maxTries is how often a download is taken up again without getting any further.
const maxTries = 5

// stall is how long a server may send nothing.
var stall = time.Minute

// ErrStalled says that a server sent nothing for that long, ErrChanged that it sends another file than it did.
var (
	ErrStalled = errors.New("the server sends nothing any more")
	ErrChanged = errors.New("the server has another file now")
)

// client waits for an answer, not for the end of a file.
var client = &http.Client{
	Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		ResponseHeaderTimeout: time.Minute,
		TLSHandshakeTimeout:   30 * time.Second,
		DisableCompression:    true, // an image is what it is
	},
	CheckRedirect: func(q *http.Request, via []*http.Request) error {
		if via[0].URL.Scheme == "https" && q.URL.Scheme != "https" {
			return fmt.Errorf("the server leads from https to %s, where anyone on the way could change the image", q.URL.Redacted())
		}

		if len(via) > 10 {
			return errors.New("the server leads from place to place without end")
		}

		return nil
	},
}

func fetch(ctx context.Context, url string) (*download, error) {
	d := &download{ctx: ctx, url: url}

	return d, d.open()
}

// open asks for the file from where the last connection broke.
func (d *download) open() error {
	ctx, cancel := context.WithCancelCause(d.ctx)

	if err := d.request(ctx); err != nil {
		cancel(nil)

		return err
	}

	d.cancel = cancel

	return nil
}

func (d *download) request(ctx context.Context) error {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url, nil)
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

	if err := d.answered(a, want); err != nil {
		_ = a.Body.Close()

		return fmt.Errorf("%s: %w", d.url, err)
	}

	d.body = a.Body

	return nil
}

// answered says what is wrong with an answer, or nil.
func (d *download) answered(a *http.Response, want int) error {
	switch {
	case d.at > 0 && a.StatusCode == http.StatusOK:
		return fmt.Errorf("it broke off after %d bytes, and the server cannot go on from there: %w", d.at, ErrChanged)
	case a.StatusCode != want:
		return errors.New(a.Status)
	}

	etag, modified := a.Header.Get("ETag"), a.Header.Get("Last-Modified")

	if d.at == 0 {
		d.total, d.tag, d.etag = max(a.ContentLength, 0), etag, etag
		if etag == "" || strings.HasPrefix(etag, "W/") {
			d.tag, d.etag = modified, ""
		}

		return nil
	}

	// Not every server heeds If-Range.
	var first, last, total int64
	if _, err := fmt.Sscanf(a.Header.Get("Content-Range"), "bytes %d-%d/%d", &first, &last, &total); err != nil ||
		first != d.at || total != d.total && d.total > 0 || last != total-1 {
		return fmt.Errorf("bytes from %d of %d were asked for, %q came: %w", d.at, d.total, a.Header.Get("Content-Range"), ErrChanged)
	}

	if d.etag != "" && etag != d.etag || d.etag == "" && modified != d.tag {
		return fmt.Errorf("it broke off after %d bytes: %w", d.at, ErrChanged)
	}

	return nil
}

func (d *download) Read(p []byte) (int, error) {
	for {
		cancel := d.cancel
		watch := time.AfterFunc(stall, func() { cancel(ErrStalled) })
		n, err := d.body.Read(p)

		if !watch.Stop() && err != nil && d.ctx.Err() == nil {
			err = ErrStalled
		}

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

		_ = d.Close()

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

		if errors.Is(err, ErrChanged) {
			return err
		}
	}
}

// backoff is how long to wait before the second try; later ones wait longer.
var backoff = 500 * time.Millisecond

// Close ends the request.
func (d *download) Close() error {
	d.cancel(nil)

	return d.body.Close()
}
