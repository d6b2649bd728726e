// SPDX-License-Identifier: MPL-2.0

// Package kernel reads arm64 kernels as EFI starts them.
package kernel

import (
	"bytes"
	"compress/gzip"
	"debug/pe"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/klauspost/compress/zstd"
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

// bannerMatch matches linux_banner (init/version-timestamp.c).
var bannerMatch = regexp.MustCompile(`Linux version (\d+\.\d+[^\s\x00]*) \([^\x00\n]{1,512}`)

// Read reads an arm64 Image (Documentation/arch/arm64/booting.rst), or one within a self-extracting EFI program
// (drivers/firmware/efi/libstub/zboot-header.S).
func Read(b []byte) Image {
	k := Image{Size: int64(len(b))}

	image := b

	if len(b) >= 64 && string(b[:2]) == "MZ" && string(b[4:8]) == "zimg" {
		var err error
		if image, err = k.unpack(b); err != nil {
			k.Problem = err.Error()

			return k
		}
	}

	if len(image) < 64 || string(image[56:60]) != "ARM\x64" {
		k.Problem = fmt.Errorf("%w: no arm64 header", ErrNotArm64).Error()

		return k
	}

	k.ImageSize = binary.LittleEndian.Uint64(image[16:])

	f, err := pe.NewFile(bytes.NewReader(b))

	switch {
	case err != nil:
		k.Problem = fmt.Sprintf("not a program EFI can start: %v", err)
	case f.Machine != pe.IMAGE_FILE_MACHINE_ARM64:
		k.Problem = fmt.Errorf("%w: EFI program for machine %#x", ErrNotArm64, f.Machine).Error()
	default:
		k.EFI = true
	}

	if m := bannerMatch.FindSubmatch(image); m != nil {
		k.Release, k.Banner = string(m[1]), string(m[0])
	}

	return k
}

// unpack decompresses the payload of a self-extracting image.
func (k *Image) unpack(b []byte) ([]byte, error) {
	le := binary.LittleEndian
	at, size := uint64(le.Uint32(b[8:])), uint64(le.Uint32(b[12:]))
	k.Compression = cString(b[24:56])

	if at+size > uint64(len(b)) {
		return nil, fmt.Errorf("%w: a payload of %d bytes at %d of %d", ErrNotArm64, size, at, len(b))
	}

	var (
		r       io.Reader
		payload = bytes.NewReader(b[at : at+size])
		err     error
	)

	switch k.Compression {
	case "gzip":
		r, err = gzip.NewReader(payload)
	case "zstd":
		var d *zstd.Decoder
		if d, err = zstd.NewReader(payload, zstd.WithDecoderMaxWindow(128<<20), zstd.WithDecoderConcurrency(1)); err == nil {
			defer d.Close()

			r = d
		}
	default:
		return nil, fmt.Errorf("kernel compressed with %q, which is not read here", k.Compression)
	}

	if err != nil {
		return nil, fmt.Errorf("kernel: %w", err)
	}

	image, err := io.ReadAll(io.LimitReader(r, MaxSize))
	if err != nil {
		return nil, fmt.Errorf("kernel: %w", err)
	}

	return image, nil
}

// cString is what comes before the first zero.
func cString(b []byte) string {
	s, _, _ := bytes.Cut(b, []byte{0})

	return string(s)
}
