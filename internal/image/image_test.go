// SPDX-License-Identifier: MPL-2.0

package image_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"talos-nanopi-m6/internal/image"
)

// sample is 3 MiB and a bit: noise, a large hole, noise, a tail of zeros that is not a whole block.
func sample() []byte {
	b := make([]byte, 3<<20+777)
	r := rand.NewChaCha8([32]byte{1})

	_, _ = r.Read(b[:100_000])
	_, _ = r.Read(b[2<<20 : 2<<20+5000])

	return b
}

func encode(t *testing.T, f image.Format, raw []byte) []byte {
	t.Helper()

	var (
		out bytes.Buffer
		w   io.WriteCloser
		err error
	)

	switch f {
	case image.Zstd:
		w, err = zstd.NewWriter(&out)
	case image.Xz:
		w, err = xz.NewWriter(&out)
	case image.Raw:
		return raw
	}

	if err != nil {
		t.Fatal(err)
	}

	if _, err := w.Write(raw); err != nil {
		t.Fatal(err)
	}

	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	return out.Bytes()
}

func TestEveryEncodingDecodesToTheSameBytes(t *testing.T) {
	raw := sample()

	for _, f := range []image.Format{image.Raw, image.Zstd, image.Xz} {
		t.Run(string(f), func(t *testing.T) {
			p := filepath.Join(t.TempDir(), "image")
			if err := os.WriteFile(p, encode(t, f, raw), 0o600); err != nil {
				t.Fatal(err)
			}

			s, err := image.Open(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}

			got, err := io.ReadAll(s)
			if err := errors.Join(err, s.Close()); err != nil {
				t.Fatal(err)
			}

			if s.Format != f || !bytes.Equal(got, raw) {
				t.Fatalf("got format %s and %d bytes, want %s and the %d written", s.Format, len(got), f, len(raw))
			}
		})
	}
}

func TestTruncatedStreamIsAnErrorThatNamesTheFile(t *testing.T) {
	for _, f := range []image.Format{image.Zstd, image.Xz} {
		t.Run(string(f), func(t *testing.T) {
			whole := encode(t, f, sample())

			for _, cut := range []int{1, 10, len(whole) / 2} {
				s, err := image.Decode(bytes.NewReader(whole[:len(whole)-cut]), "metal-arm64.raw")
				if err != nil {
					t.Fatal(err)
				}

				out, err := os.Create(filepath.Join(t.TempDir(), "out"))
				if err != nil {
					t.Fatal(err)
				}

				_, err = image.WriteSparse(out, s)
				if !errors.Is(err, image.ErrTruncated) || !strings.Contains(err.Error(), "metal-arm64.raw") {
					t.Errorf("%d bytes short: got %v, want %v and %q", cut, err, image.ErrTruncated, "metal-arm64.raw")
				}

				if err := out.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestWindowBeyondTheCapIsRefused(t *testing.T) {
	// A frame header (RFC 8878, 3.1.1.1) with a window descriptor of exponent 20: 1 GiB.
	frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 20 << 3, 0x01, 0x00, 0x00}

	s, err := image.Decode(bytes.NewReader(frame), "hostile.zst")
	if err != nil {
		t.Fatal(err)
	}

	if _, err := io.ReadAll(s); !errors.Is(err, zstd.ErrWindowSizeExceeded) {
		t.Fatalf("got %v, want %v", err, zstd.ErrWindowSizeExceeded)
	}
}

func TestDirectoryIsRefused(t *testing.T) {
	if _, err := image.Open(t.Context(), t.TempDir()); !errors.Is(err, syscall.EISDIR) {
		t.Fatalf("got %v, want %v", err, syscall.EISDIR)
	}
}

func TestSparseCopyIsEqualAndLeavesZerosOut(t *testing.T) {
	raw := sample()

	f, err := os.Create(filepath.Join(t.TempDir(), "sparse"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() // read only from here on

	n, err := image.WriteSparse(f, bytes.NewReader(raw))
	if err != nil || n != int64(len(raw)) {
		t.Fatalf("got %d bytes, %v; want %d", n, err, len(raw))
	}

	got, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}

	if sha256.Sum256(got) != sha256.Sum256(raw) {
		t.Fatalf("got another copy of %d bytes, want the %d of the source", len(got), len(raw))
	}

	var st syscall.Stat_t
	if err := syscall.Stat(f.Name(), &st); err != nil {
		t.Fatal(err)
	}

	// Noise is 105,000 bytes; anything near the full size means that holes were written.
	if st.Blocks*512 > 1<<20 {
		t.Fatalf("got %d bytes on disk for 105,000 bytes of data, want at most 1 MiB", st.Blocks*512)
	}
}
