// SPDX-License-Identifier: MPL-2.0

package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// framesSample is five frames, the last of them short: noise, zeros, zeros and a little, zeros, zeros.
func framesSample() []byte {
	b := make([]byte, 4*FrameSize+777)
	r := rand.NewChaCha8([32]byte{2})

	_, _ = r.Read(b[:50_000])
	_, _ = r.Read(b[2*FrameSize+8192:][:1000])

	return b
}

func packFrames(t testing.TB, raw []byte) []byte {
	t.Helper()

	var out bytes.Buffer
	if err := WriteFrames(&out, bytes.NewReader(raw)); err != nil {
		t.Fatal(err)
	}

	return out.Bytes()
}

// streamed is what any zstd program makes of a file.
func streamed(packed []byte) ([]byte, error) {
	s, err := Decode(bytes.NewReader(packed), "streamed")
	if err != nil {
		return nil, err
	}

	b, err := io.ReadAll(s)

	return b, errors.Join(err, s.Close())
}

// opened is what m6 makes of it, by one of the ways to open it.
func opened(t *testing.T, packed []byte, open func(string) (*Disk, error)) ([]byte, error) {
	t.Helper()

	p := filepath.Join(t.TempDir(), "image.zst")
	if err := os.WriteFile(p, packed, 0o600); err != nil {
		t.Fatal(err)
	}

	d, err := open(p)
	if err != nil || d == nil {
		return nil, err
	}

	b, err := io.ReadAll(io.NewSectionReader(d, 0, d.Size))

	return b, errors.Join(err, d.Close())
}

func spooled(p string) (*Disk, error) { return OpenDisk(context.Background(), p) }

func TestSeekableImageDecodesToTheSameBytesInEveryWay(t *testing.T) {
	raw := framesSample()
	packed := packFrames(t, raw)

	if got, err := streamed(packed); err != nil || !bytes.Equal(got, raw) {
		t.Errorf("as a stream: got %d bytes, %v; want %d", len(got), err, len(raw))
	}

	if got, err := opened(t, packed, spooled); err != nil || !bytes.Equal(got, raw) {
		t.Errorf("decoded to a file: got %d bytes, %v; want %d", len(got), err, len(raw))
	}

	if got, err := opened(t, packed, OpenInPlace); err != nil || !bytes.Equal(got, raw) {
		t.Errorf("in place: got %d bytes, %v; want %d", len(got), err, len(raw))
	}
}

func TestSeekableImageIsTheSameOnAnyNumberOfCores(t *testing.T) {
	raw := framesSample()
	want := packFrames(t, raw)

	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))

	for _, n := range []int{1, 3} {
		runtime.GOMAXPROCS(n)

		if !bytes.Equal(packFrames(t, raw), want) {
			t.Errorf("%d cores: got other bytes, want those of one core", n)
		}
	}
}

func TestFramesOfZerosAreLeftOutAndNoOthers(t *testing.T) {
	packed := packFrames(t, framesSample())

	f, err := openFrames(bytes.NewReader(packed), int64(len(packed)), "image")
	if err != nil || f == nil {
		t.Fatal(f, err)
	}
	defer f.Close() // a test

	for _, c := range []struct{ at, want int64 }{
		{0, 0},
		{100, 100},
		{FrameSize, 2 * FrameSize},
		{FrameSize + 5, 2 * FrameSize},
		{2*FrameSize + 1, 2*FrameSize + 1},
		{3 * FrameSize, 4*FrameSize + 777},
		{4 * FrameSize, 4*FrameSize + 777},
		{4*FrameSize + 777, 4*FrameSize + 777},
	} {
		if got, err := f.nextData(c.at); got != c.want || err != nil {
			t.Errorf("from %d: %d, %v, want %d", c.at, got, err, c.want)
		}
	}
}

func TestSeekableImageIsSummedUpWhileItIsDecoded(t *testing.T) {
	packed := packFrames(t, framesSample())
	sum := sha256.New()

	if _, err := opened(t, packed, func(p string) (*Disk, error) { return OpenDisk(t.Context(), p, Tee(sum)) }); err != nil {
		t.Fatal(err)
	}

	if want := sha256.Sum256(packed); !bytes.Equal(sum.Sum(nil), want[:]) {
		t.Errorf("the writer: got a file of sha256 %x, want %x", sum.Sum(nil), want)
	}
}

func TestDamagedSeekableImageIsAnErrorOrTheSameImage(t *testing.T) {
	raw := framesSample()
	packed := packFrames(t, raw)
	table := len(packed) - (8 + 5*12 + 9)

	check := func(what string, at int, damaged []byte) {
		for name, open := range map[string]func(string) (*Disk, error){"decoded to a file": spooled, "in place": OpenInPlace} {
			got, err := opened(t, damaged, open)
			if err == nil && got != nil && !bytes.Equal(got, raw) {
				t.Errorf("%s, byte %d, %s: got another image and no error, want one", what, at, name)
			}
		}
	}

	// Every third byte of the table, and a sample of the frames. (Without its magic number a file is not a zstd file.)
	var places []int
	for at := 4; at < len(packed); at++ {
		if at >= table && at%3 == 0 || at < 20 || at < table && at > 50_000 && at%97 == 0 || at%9999 == 0 {
			places = append(places, at)
		}
	}

	for k, at := range places {
		damaged := bytes.Clone(packed)
		damaged[at] ^= 1 << (k % 8)
		check("a flipped bit", at, damaged)
	}

	for _, at := range []int{1, 8, 9, 17, 60, 500, len(packed) / 2} {
		damaged := packed[:len(packed)-at]
		check("truncated", at, damaged)

		if _, err := opened(t, damaged, spooled); at > len(packed)-table && !errors.Is(err, ErrTruncated) {
			t.Errorf("%d bytes short: got %v, want %v", at, err, ErrTruncated)
		}
	}
}

func TestTableThatDoesNotAccountForTheFileIsNotUsed(t *testing.T) {
	packed := packFrames(t, framesSample())

	for name, b := range map[string][]byte{
		"a frame before":   append(packFrames(t, []byte("first"))[:20], packed...),
		"the table alone":  packed[len(packed)-(8+5*12+9):],
		"nothing but end":  packed[len(packed)-9:],
		"empty":            nil,
		"a frame too many": append(bytes.Clone(packed), packed...),
	} {
		if f, err := openFrames(bytes.NewReader(b), int64(len(b)), name); f != nil || err != nil {
			t.Errorf("%s: got %v, %v; want nothing", name, f, err)
		}
	}
}

// FuzzFrames takes any bytes for a seekable file: no panic, no more memory than the limits, and what it decodes to is what
// a decoder makes of it that goes from start to end.
func FuzzFrames(f *testing.F) {
	f.Add(packFrames(f, []byte("a short image")))
	f.Add(packFrames(f, make([]byte, 5000)))
	f.Add(append(packFrames(f, []byte("one")), packFrames(f, []byte("two"))...))

	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := openFrames(bytes.NewReader(b), int64(len(b)), "fuzzed")
		if err != nil || d == nil {
			return
		}
		defer d.Close() // a test

		if d.size() > 4*maxFrame {
			return
		}

		got := make([]byte, d.size())
		if _, err := d.ReadAt(got, 0); err != nil {
			return
		}

		if want, err := streamed(b); err == nil && !bytes.Equal(got, want) {
			t.Errorf("%d bytes in place, %d as a stream", len(got), len(want))
		}

		if at, err := d.nextData(0); err == nil && !allZero(got[:at]) {
			t.Errorf("got bytes in the first %d, want zeros", at)
		}
	})
}
