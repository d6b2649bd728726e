// SPDX-License-Identifier: MPL-2.0

package flash

import (
	"bytes"
	"context"
	"errors"
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
			t.Errorf("%s: other bytes", name)
		}

		done, total := i.Read()
		if done != int64(len(zst)) || total != int64(len(zst)) && name != "-" {
			t.Errorf("%s: %d of %d bytes read", name, done, total)
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
		t.Errorf("other bytes after %d questions", h.asked.Load())
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
	defer i.Close() //nolint:errcheck // a test

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
		t.Error(err)
	}
}

func TestWhatIsNotThereIsNamed(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()

	for _, name := range []string{server.URL + "/metal-arm64.raw.zst", filepath.Join(t.TempDir(), "metal-arm64.raw.zst"), "http://127.0.0.1:1/metal-arm64.raw.zst"} {
		if _, err := Stream(t.Context(), name, nil); err == nil || !strings.Contains(err.Error(), "metal-arm64.raw.zst") {
			t.Errorf("%s: %v", name, err)
		}
	}

	_, zst := packed(t)

	i, err := Stream(t.Context(), "-", bytes.NewReader(zst[:len(zst)/2]))
	if err != nil {
		t.Fatal(err)
	}

	if _, err := io.ReadAll(i.Source.Stream); !errors.Is(err, image.ErrTruncated) || !strings.Contains(err.Error(), "standard input") {
		t.Error(err)
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
	defer i.Close() //nolint:errcheck // a test

	if _, err := io.ReadAll(i.Source.Stream); !errors.Is(err, why) && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
