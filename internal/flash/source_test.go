// SPDX-License-Identifier: MPL-2.0

package flash

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"talos-nanopi-m6/internal/image"
)

// packed is noise, plain and compressed.
func packed(t *testing.T) (plain, zst []byte) {
	t.Helper()

	plain = make([]byte, 3<<20)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(plain)

	e, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}

	return plain, e.EncodeAll(plain, nil)
}

func read(t *testing.T, i *Input) []byte {
	t.Helper()

	b, err := io.ReadAll(i.Source.Stream)
	if err := errors.Join(err, i.Close()); err != nil {
		t.Fatal(err)
	}

	return b
}

func TestAnImageIsDecodedFromFileURLAndStandardInput(t *testing.T) {
	plain, zst := packed(t)

	file := filepath.Join(t.TempDir(), "image.zst")
	if err := os.WriteFile(file, zst, 0o600); err != nil {
		t.Fatal(err)
	}

	server := httptest.NewServer(http.FileServer(http.Dir(filepath.Dir(file))))
	defer server.Close()

	for _, name := range []string{file, server.URL + "/image.zst", "-"} {
		i, err := Stream(t.Context(), name, bytes.NewReader(zst))
		if err != nil {
			t.Fatal(err)
		}

		if !bytes.Equal(read(t, i), plain) {
			t.Errorf("%s: got other bytes, want the image's %d", name, len(plain))
		}

	}
}

// breaking serves a file and breaks the connection every so many bytes.
type breaking struct {
	content []byte
	every   int
	tag     func() string
	asked   atomic.Int32
}

func (b *breaking) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.asked.Add(1)

	w.Header().Set("ETag", b.tag())

	start := 0

	if s, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok && r.Header.Get("If-Range") == b.tag() {
		n, err := strconv.Atoi(strings.TrimSuffix(s, "-"))
		if err != nil {
			panic(err)
		}

		start = n

		w.Header().Set("Content-Length", strconv.Itoa(len(b.content)-start))
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", start, len(b.content)-1, len(b.content)))
		w.WriteHeader(http.StatusPartialContent)
	} else {
		w.Header().Set("Content-Length", strconv.Itoa(len(b.content)))
	}

	_, _ = w.Write(b.content[start:min(start+b.every, len(b.content))])

	if f, ok := w.(http.Flusher); ok {
		f.Flush() // the headers at least
	}

	if start+b.every < len(b.content) {
		panic(http.ErrAbortHandler)
	}
}

func TestADownloadThatBreaksIsTakenUpAgain(t *testing.T) {
	backoff = time.Millisecond

	plain, zst := packed(t)
	h := &breaking{content: zst, every: 1 << 20, tag: func() string { return `"one"` }}

	server := httptest.NewServer(h)
	defer server.Close()

	i, err := Stream(t.Context(), server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}

	if !bytes.Equal(read(t, i), plain) || h.asked.Load() < 3 {
		t.Errorf("got other bytes, or the same after %d questions, want the image after 3 or more", h.asked.Load())
	}
}

func TestADownloadThatChangesMeanwhileIsNotMixed(t *testing.T) {
	backoff = time.Millisecond

	_, zst := packed(t)

	var n atomic.Int32

	h := &breaking{content: zst, every: 1 << 20, tag: func() string { return `"` + strconv.Itoa(int(n.Add(1))) + `"` }}

	server := httptest.NewServer(h)
	defer server.Close()

	i, err := Stream(t.Context(), server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close() // a test

	if _, err := io.ReadAll(i.Source.Stream); err == nil || !strings.Contains(err.Error(), "broke off") && !strings.Contains(err.Error(), "after") {
		t.Error(err)
	}
}

func TestADownloadThatNeverEndsWellSaysHowFarItCame(t *testing.T) {
	backoff = time.Millisecond

	_, zst := packed(t)

	server := httptest.NewServer(&breaking{content: zst, every: 0, tag: func() string { return `"one"` }})
	defer server.Close()

	if _, err := Stream(t.Context(), server.URL, nil); err == nil || !strings.Contains(err.Error(), "after 0 of") {
		t.Errorf("got %v, want %q", err, "after 0 of")
	}
}

func TestWhatIsNotThereIsNamed(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()

	for _, name := range []string{server.URL + "/metal-arm64.raw.zst", filepath.Join(t.TempDir(), "metal-arm64.raw.zst"), "http://127.0.0.1:1/metal-arm64.raw.zst"} {
		if _, err := Stream(t.Context(), name, nil); err == nil || !strings.Contains(err.Error(), "metal-arm64.raw.zst") {
			t.Errorf("%s: got %v, want %q", name, err, "metal-arm64.raw.zst")
		}
	}

	_, zst := packed(t)

	i, err := Stream(t.Context(), "-", bytes.NewReader(zst[:len(zst)/2]))
	if err != nil {
		t.Fatal(err)
	}

	if _, err := io.ReadAll(i.Source.Stream); !errors.Is(err, image.ErrTruncated) || !strings.Contains(err.Error(), "standard input") {
		t.Errorf("got %v, want %v and %q", err, image.ErrTruncated, "standard input")
	}
}

func TestADownloadEndsWithItsContext(t *testing.T) {
	why := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())

	_, zst := packed(t)

	release := make(chan struct{})
	defer close(release)

	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `"one"`)
		w.Header().Set("Content-Length", strconv.Itoa(len(zst)))
		_, _ = w.Write(zst[:1<<20])

		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}

		cancel(why)

		<-release
	}))
	server.Config.SetKeepAlivesEnabled(false)

	i, err := Stream(ctx, server.URL, nil)
	if err != nil {
		return // it ended before the first byte was read
	}
	defer i.Close() // a test

	if _, err := io.ReadAll(i.Source.Stream); !errors.Is(err, why) && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestADownloadIsOneFileFromOnePlaceOrNone(t *testing.T) {
	plain, zst := packed(t)
	other := bytes.Repeat([]byte("other"), len(zst)/5)

	backoff, stall = time.Millisecond, 200*time.Millisecond
	defer func() { backoff, stall = 500*time.Millisecond, time.Minute }()

	half := len(zst) / 2

	first := func(w http.ResponseWriter) {
		w.Header().Set("ETag", `"one"`)
		w.Header().Set("Content-Length", strconv.Itoa(len(zst)))
		_, _ = w.Write(zst[:half])
		w.(http.Flusher).Flush()
	}

	for name, c := range map[string]struct {
		second func(w http.ResponseWriter, r *http.Request)
		want   error
	}{
		"another ETag, If-Range ignored": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("ETag", `"two"`)
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", half, len(zst)-1, len(zst)))
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(other[half:])
		}, ErrChanged},
		"another total": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("ETag", `"one"`)
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", half, len(zst), len(zst)+1))
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(other[half:])
		}, ErrChanged},
		"another range": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("ETag", `"one"`)
			w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-%d/%d", len(zst)-1, len(zst)))
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(zst)
		}, ErrChanged},
		"no range": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("ETag", `"one"`)
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(zst[half:])
		}, ErrChanged},
		"nothing more": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"one"`)
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", half, len(zst)-1, len(zst)))
			w.WriteHeader(http.StatusPartialContent)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, ErrStalled},
		"the same": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("ETag", `"one"`)
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", half, len(zst)-1, len(zst)))
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(zst[half:])
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Range") != "" {
					c.second(w, r)

					return
				}

				first(w)

				if errors.Is(c.want, ErrStalled) {
					<-r.Context().Done() // it stalls before it breaks
				}

				panic(http.ErrAbortHandler)
			}))
			defer server.Close()

			i, err := Stream(t.Context(), strings.Replace(server.URL, "http", "HTTP", 1), nil)
			if err != nil {
				t.Fatal(err)
			}

			got, err := io.ReadAll(i.Source.Stream)
			_ = i.Close()

			if !errors.Is(err, c.want) || c.want == nil && !bytes.Equal(got, plain) {
				t.Errorf("got %d bytes, %v, want %v", len(got), err, c.want)
			}
		})
	}
}

func TestHTTPSDoesNotFallToHTTP(t *testing.T) {
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("image")) }))
	defer plain.Close()

	safe := httptest.NewTLSServer(http.RedirectHandler(plain.URL, http.StatusFound))
	defer safe.Close()

	transport := client.Transport
	client.Transport = safe.Client().Transport

	defer func() { client.Transport = transport }()

	if _, err := Stream(t.Context(), safe.URL, nil); err == nil || !strings.Contains(err.Error(), "from https to http") {
		t.Errorf("got %v, want %q", err, "from https to http")
	}
}

func TestNamesOfImagesAreTakenAsPeopleWriteThem(t *testing.T) {
	for name, want := range map[string]bool{
		"https://example.org/a": true, "HTTPS://example.org/a": true, "Http://example.org/a": true, "-": true,
		"metal.raw": false, "file:///tmp/a": false, "C:\\a.raw": false,
	} {
		if got := IsStream(name); got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}

	for name, want := range map[string]string{
		"file:///tmp/a%20b.raw": "/tmp/a b.raw", "FILE:///tmp/a": "/tmp/a", "file://localhost/tmp/a": "/tmp/a", "/tmp/a": "/tmp/a", "a:b": "a:b",
	} {
		if got := Local(name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}
