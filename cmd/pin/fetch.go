// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// errAbsent is a server's plain statement that there is no such file: 404, nothing else.
var errAbsent = errors.New("not there (404)")

const (
	tries = 4
	// maxText is the largest sha256sum.txt or bundle that is read, in bytes; maxAsset the largest asset.
	maxText  = 4 << 20
	maxAsset = 1 << 30
)

// secureClient follows redirects to https alone.
func secureClient() *http.Client {
	return &http.Client{CheckRedirect: httpsOnly}
}

func httpsOnly(r *http.Request, via []*http.Request) error {
	if r.URL.Scheme != "https" {
		return fmt.Errorf("redirected to %s, which is not https", r.URL)
	}

	if len(via) >= 10 {
		return errors.New("more than 10 redirects")
	}

	return nil
}

// get writes a file of the server to w. What may pass (a busy or broken server, a broken connection) is tried again; any
// answer but 200 and 404 is an error that says nothing of whether the file is there.
func (p *pinner) get(ctx context.Context, url string, limit int64, w interface {
	io.Writer
	Reset() error
},
) error {
	var err error

	for try := range tries {
		if try > 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(p.wait << (try - 1)):
			}

			if err := w.Reset(); err != nil {
				return err
			}
		}

		var again bool
		if again, err = p.getOnce(ctx, url, limit, w); !again {
			break
		}
	}

	if err != nil {
		return fmt.Errorf("%s: %w", url, err)
	}

	return nil
}

func (p *pinner) getOnce(ctx context.Context, url string, limit int64, w io.Writer) (again bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false, err
	}

	if request.URL.Scheme != "https" {
		return false, errors.New("not https")
	}

	response, err := p.client.Do(request)
	if err != nil {
		return ctx.Err() == nil, err
	}
	defer response.Body.Close() // read only

	switch {
	case response.StatusCode == http.StatusOK:
	case response.StatusCode == http.StatusNotFound:
		return false, errAbsent
	default:
		return response.StatusCode >= 500 || response.StatusCode == http.StatusTooManyRequests,
			fmt.Errorf("the server answers %s", response.Status)
	}

	n, err := io.Copy(w, io.LimitReader(response.Body, limit+1))
	if err != nil {
		return ctx.Err() == nil, err
	}

	if n > limit {
		return false, fmt.Errorf("more than %d bytes", limit)
	}

	return false, nil
}
