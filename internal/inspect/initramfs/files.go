// SPDX-License-Identifier: MPL-2.0

package initramfs

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/cavaliergopher/cpio"

	"talos-nanopi-m6/internal/image"
)

const (
	// RootfsName is the root file system's name in an initramfs of Talos.
	RootfsName = "rootfs.sqsh"
	// Squashfs ends that name, and the extensions'.
	Squashfs = ".sqsh"
)

var (
	// ErrNoRootfs says that an initramfs is not Talos'.
	ErrNoRootfs = errors.New("no " + RootfsName + " in it: it is not a Talos initramfs")
	// ErrNoArchive says that there is something else than archives.
	ErrNoArchive = errors.New("neither a newc archive nor xz nor zstd")
)

// nested is how often an archive may be compressed.
const nested = 4

// Files reads an initramfs as the kernel does (Documentation/driver-api/early-userspace/buffer-format.rst): newc archives one
// after another, each plain or compressed, with zeros between them. It visits every file in the order of the archives; a
// later one of a name replaces an earlier one. What visit leaves of the content is passed over.
func Files(r io.Reader, visit func(h *cpio.Header, content io.Reader) error) error {
	return files(bufio.NewReaderSize(r, 1<<20), nested, visit)
}

func files(source *bufio.Reader, depth int, visit func(*cpio.Header, io.Reader) error) error {
	for {
		if err := skipZeros(source); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}

		// "070701", or "070702" with checksums.
		if head, _ := source.Peek(len(magic)); strings.HasPrefix(string(head), magic[:len(magic)-1]) {
			if err := readArchive(source, visit); err != nil {
				return fmt.Errorf("cpio archive: %w", err)
			}

			continue
		}

		s, err := image.Decode(source, "initramfs")
		if err != nil {
			return err
		}

		if s.Format == image.Raw || depth == 0 {
			return fmt.Errorf("%w: give initramfs-arm64.xz of a Talos release", ErrNoArchive)
		}

		// Streams of one format that follow each other are one: the decoder reads to the end.
		return errors.Join(files(bufio.NewReaderSize(s, 1<<20), depth-1, visit), s.Close())
	}
}

// magic begins a newc archive.
const magic = "070701"

// skipZeros moves to the next byte that is not zero.
func skipZeros(r *bufio.Reader) error {
	for {
		b, err := r.ReadByte()
		if err != nil {
			return err
		}

		if b != 0 {
			return r.UnreadByte()
		}
	}
}

// headerSize is a newc header's, in bytes.
const headerSize = 110

// readArchive reads one archive, to behind its trailer.
func readArchive(source io.Reader, visit func(*cpio.Header, io.Reader) error) error {
	counted := &counter{Reader: source}
	r := cpio.NewReader(counted)

	for {
		before := counted.n

		h, err := r.Next()
		if errors.Is(err, io.EOF) && counted.n-before < headerSize {
			return io.ErrUnexpectedEOF // the library takes the file's end for the trailer
		}

		if errors.Is(err, io.EOF) {
			return nil
		}

		if err != nil {
			return err
		}

		before = counted.n

		if err := visit(h, r); err != nil {
			return err
		}

		if _, err := io.Copy(io.Discard, r); err != nil {
			return err
		}

		if counted.n-before < h.Size {
			return fmt.Errorf("%s: %w", Name(h), io.ErrUnexpectedEOF)
		}
	}
}

// counter counts the bytes that were read.
type counter struct {
	io.Reader

	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)

	return n, err
}

// Name is a file's path from the root, without a slash in front and without a way out of it.
func Name(h *cpio.Header) string { return strings.TrimPrefix(path.Clean("/"+h.Name), "/") }
