// SPDX-License-Identifier: MPL-2.0

// Package kernel reads arm64 kernels as EFI starts them.
package kernel

import (
	"bufio"
	"compress/gzip"
	"debug/pe"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/klauspost/compress/zstd"

	"talos-nanopi-m6/internal/inspect/pefile"
)

// Image is an arm64 kernel as EFI starts it.
type Image struct {
	Path string `json:"path,omitempty"`
	Size int64  `json:"size"` // bytes
	// Release is what `uname -r` says, Banner the whole of what the kernel says of itself first.
	Release string `json:"release,omitempty"`
	Banner  string `json:"banner,omitempty"`
	// Compression is that of the payload of a self-extracting image (CONFIG_EFI_ZBOOT).
	Compression string `json:"compression,omitempty"`
	// ImageSize is how much memory it takes from its load address on, in bytes, as its header says.
	ImageSize uint64 `json:"imageSize,omitempty"`
	// EFI says that it is a program EFI can start on arm64.
	EFI     bool   `json:"efi"`
	Problem string `json:"problem,omitempty"`
}

// ErrNotArm64 says that a kernel is for another machine, or is none.
var ErrNotArm64 = errors.New("not an arm64 kernel")

// MaxSize is the largest kernel that is read, decompressed, in bytes.
const MaxSize = 96 << 20

// maxBanner is longer than any banner that is matched, in bytes.
const maxBanner = 4 << 10

// bannerMatch matches linux_banner (init/version-timestamp.c).
var bannerMatch = regexp.MustCompile(`Linux version (\d+\.\d+[^\s\x00]{0,256}) \([^\x00\n]{1,512}`)

// headerSize is that of both kinds of header, in bytes.
const headerSize = 64

// Read reads an arm64 Image of size bytes (Documentation/arch/arm64/booting.rst), or one within a self-extracting EFI program
// (drivers/firmware/efi/libstub/zboot-header.S). It holds none of it in memory but what a decoder needs.
func Read(r io.ReaderAt, size int64) Image {
	k := Image{Size: size}

	if err := k.read(r); err != nil {
		k.Problem = err.Error()
	}

	return k
}

func (k *Image) read(r io.ReaderAt) error {
	if k.Size > MaxSize {
		return fmt.Errorf("%d bytes, more than the %d that are read", k.Size, MaxSize)
	}

	head := make([]byte, headerSize)
	if _, err := r.ReadAt(head, 0); err != nil {
		return fmt.Errorf("%w: no arm64 header: %w", ErrNotArm64, err)
	}

	var program io.Reader = io.NewSectionReader(r, 0, k.Size)

	if string(head[:2]) == "MZ" && string(head[4:8]) == "zimg" {
		unpacked, end, err := k.unpack(r, head)
		if err != nil {
			return err
		}
		defer end()

		program = io.LimitReader(unpacked, MaxSize)
	}

	image := bufio.NewReaderSize(program, 1<<20)

	head, err := image.Peek(headerSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("kernel: %w", err)
	}

	if len(head) < headerSize || string(head[56:60]) != "ARM\x64" {
		return fmt.Errorf("%w: no arm64 header", ErrNotArm64)
	}

	k.ImageSize = binary.LittleEndian.Uint64(head[16:])

	f, err := pefile.Open(io.NewSectionReader(r, 0, k.Size))

	switch {
	case err != nil:
		k.Problem = fmt.Sprintf("not a program EFI can start: %v", err)
	case f.Machine != pe.IMAGE_FILE_MACHINE_ARM64:
		k.Problem = fmt.Errorf("%w: EFI program for machine %#x", ErrNotArm64, f.Machine).Error()
	default:
		k.EFI = true
	}

	if k.Banner, err = banner(image); err != nil {
		return fmt.Errorf("kernel: %w", err)
	}

	if m := bannerMatch.FindStringSubmatch(k.Banner); m != nil {
		k.Release = m[1]
	}

	return nil
}

// banner finds the first banner of a kernel, reading all of it: a payload that is damaged behind it is damaged.
func banner(r io.Reader) (string, error) {
	var (
		found string
		b     = make([]byte, 0, 1<<20)
	)

	for {
		n, err := io.ReadFull(r, b[len(b):cap(b)])
		b = b[:len(b)+n]

		last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)

		// One that reaches the end may go on in what comes next.
		if at := bannerMatch.FindIndex(b); found == "" && at != nil && (last || at[1] < len(b)) {
			found = string(b[at[0]:at[1]])
		}

		if last {
			return found, nil
		}

		if err != nil {
			return "", err
		}

		b = b[:copy(b, b[len(b)-maxBanner:])]
	}
}

// unpack decompresses the payload of a self-extracting image. The function it gives frees the decoder.
func (k *Image) unpack(r io.ReaderAt, head []byte) (io.Reader, func(), error) {
	le := binary.LittleEndian
	at, size := int64(le.Uint32(head[8:])), int64(le.Uint32(head[12:]))
	k.Compression, _, _ = strings.Cut(string(head[24:56]), "\x00")

	if at+size > k.Size {
		return nil, nil, fmt.Errorf("%w: a payload of %d bytes at %d of %d", ErrNotArm64, size, at, k.Size)
	}

	payload := io.NewSectionReader(r, at, size)

	switch k.Compression {
	case "gzip":
		d, err := gzip.NewReader(payload)
		if err != nil {
			return nil, nil, fmt.Errorf("kernel: %w", err)
		}

		return d, func() {}, nil
	case "zstd":
		d, err := zstd.NewReader(payload, zstd.WithDecoderMaxWindow(128<<20), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, nil, fmt.Errorf("kernel: %w", err)
		}

		return d, d.Close, nil
	}

	return nil, nil, fmt.Errorf("kernel compressed with %q, which is not read here", k.Compression)
}
