// SPDX-License-Identifier: MPL-2.0

package image

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	xzwriter "github.com/ulikunitz/xz"
)

// packXz compresses, and asks for a dictionary as its block header encodes it (The .xz File Format 1.2.1, section 5.3.1); 40 is
// 4 GiB.
func packXz(t *testing.T, plain []byte, dictionary byte) []byte {
	t.Helper()

	var b bytes.Buffer

	w, err := xzwriter.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}

	_, err = w.Write(plain)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}

	packed := b.Bytes()
	header := packed[12:][:(int(packed[12])+1)*4]

	at := bytes.IndexByte(header, 0x21) // the filter's number, then the size of what follows
	header[at+2] = dictionary
	binary.LittleEndian.PutUint32(header[len(header)-4:], crc32.ChecksumIEEE(header[:len(header)-4]))

	return packed
}

func TestADictionaryTakesNoMoreMemoryThanIsGiven(t *testing.T) {
	bomb := bytes.Repeat(packXz(t, make([]byte, 1000), 40), 5)

	s, err := Decode(bytes.NewReader(bomb), "bomb")
	if err == nil {
		_, err = io.Copy(io.Discard, s)
	}

	if err == nil || !strings.Contains(err.Error(), "more than the 128 MiB of memory") {
		t.Errorf("got %v, want %q", err, "more than the 128 MiB of memory")
	}

	// What `xz -9` asks for, 64 MiB, is 28.
	s, err = Decode(bytes.NewReader(packXz(t, make([]byte, 1000), 28)), "image")
	if err != nil {
		t.Fatal(err)
	}

	if b, err := io.ReadAll(s); err != nil || len(b) != 1000 {
		t.Errorf("got %d bytes, %v; want 1000", len(b), err)
	}
}

func TestContainersAreNamed(t *testing.T) {
	tar := make([]byte, 1024)
	copy(tar[257:], "ustar")

	for want, head := range map[string][]byte{
		"gzip": []byte("\x1f\x8b\x08 and more"), "bzip2": []byte("BZh91AY&SY"), "zip": []byte("PK\x03\x04 and more"),
		"7z": []byte("7z\xbc\xaf\x27\x1c"), "lz4": []byte("\x04\x22\x4d\x18 and more"), "tar": tar,
	} {
		if _, err := Decode(bytes.NewReader(head), "image"); !errors.Is(err, ErrPacked) || !strings.Contains(err.Error(), want) {
			t.Errorf("a stream: got %v, want %s", err, want)
		}

		p := filepath.Join(t.TempDir(), "image")
		if err := os.WriteFile(p, append(head, make([]byte, 1024)...), 0o600); err != nil {
			t.Fatal(err)
		}

		if d, err := OpenDisk(t.Context(), p); !errors.Is(err, ErrPacked) || !strings.Contains(err.Error(), want) {
			t.Errorf("a file: got %v, %v, want %s", d, err, want)
		}
	}
}

func TestAZstdFileMayBeginWithASkippableFrame(t *testing.T) {
	e, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}

	file := append([]byte("\x50\x2a\x4d\x18\x04\x00\x00\x00note"), e.EncodeAll([]byte("image"), nil)...)

	s, err := Decode(bytes.NewReader(file), "image")
	if err != nil {
		t.Fatal(err)
	}

	if b, err := io.ReadAll(s); err != nil || string(b) != "image" {
		t.Errorf("got %q, %v; want \"image\"", b, err)
	}
}

// waiting never gives anything.
type waiting struct{}

func (waiting) Read([]byte) (int, error) { select {} }

func TestTheEndOfAContextEndsEveryWait(t *testing.T) {
	why := errors.New("interrupted")

	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}

	zeros := packXz(t, make([]byte, 16<<20), 24)

	bomb := filepath.Join(t.TempDir(), "image.xz")
	if err := os.WriteFile(bomb, bytes.Repeat(zeros, 400), 0o600); err != nil { // 6.4 GB
		t.Fatal(err)
	}

	for name, wait := range map[string]func(context.Context) error{
		"standard input": func(ctx context.Context) error {
			_, err := Interruptible(ctx, waiting{}).Read(make([]byte, 1))

			return err
		},
		"a pipe nobody writes to": func(ctx context.Context) error {
			_, err := OpenFile(ctx, pipe)

			return err
		},
		"6 GB of xz": func(ctx context.Context) error {
			d, err := OpenDisk(ctx, bomb)
			if err == nil {
				err = d.Close()
			}

			return err
		},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(50*time.Millisecond, func() { cancel(why) })

		if err := wait(ctx); !errors.Is(err, why) {
			t.Errorf("%s: got %v, want %v", name, err, why)
		}
	}

	if d, err := OpenDisk(t.Context(), pipe); err == nil {
		t.Errorf("a pipe was opened as a disk: %v: got no error, want one", d)
	}
}
