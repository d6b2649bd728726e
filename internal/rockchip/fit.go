// SPDX-License-Identifier: MPL-2.0

package rockchip

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"slices"
	"strings"

	"github.com/u-root/u-root/pkg/dt"

	"talos-nanopi-m6/internal/fdt"
)

// FITMagic starts a FIT, as it starts every flattened device tree.
const FITMagic = "\xd0\x0d\xfe\xed"

// ErrNoFIT is returned for what SPL does not take for a FIT it can start.
var ErrNoFIT = errors.New("not a FIT image SPL can start")

// FIT is the image that SPL loads: BL31, U-Boot and its device tree.
type FIT struct {
	// Config is the name of the configuration SPL chooses.
	Config string
	// Images are what the configuration loads, in SPL's order.
	Images []FITImage
	// Size is where the last image ends, in bytes from the FIT's start.
	Size int64
}

// FITImage is one program or device tree in a FIT.
type FITImage struct {
	Name string
	// Offset is counted in bytes from the FIT's start, Size in bytes.
	Offset, Size int64
	// Hashes are the algorithms SPL checks; all match.
	Hashes []string
}

// Limits: all images of a FIT together, in bytes, and the sums of one. U-Boot's has a MiB, and one sum an image.
const (
	fitLimit  = 64 << 20
	maxHashes = 4
)

// ReadFIT reads the FIT at offset (in bytes) and checks all that SPL loads from it, as SPL does: U-Boot v2025.01,
// common/spl/spl_fit.c, spl_load_simple_fit with CONFIG_SPL_FIT_SIGNATURE. Beyond SPL, an image without a hash is an
// error, since SPL could not tell a torn one.
func ReadFIT(r io.ReaderAt, offset int64) (*FIT, error) {
	header := make([]byte, 8)

	// Without the magic number nothing else is looked at.
	if _, err := r.ReadAt(header[:4], offset); err != nil {
		return nil, fmt.Errorf("FIT at byte %d: %w", offset, readError(err))
	}

	if magic := binary.BigEndian.Uint32(header); magic != dt.Magic {
		return nil, fmt.Errorf("FIT at byte %d: %w: starts with %#08x, not %#08x", offset, ErrNoFIT, magic, dt.Magic)
	}

	if _, err := r.ReadAt(header, offset); err != nil {
		return nil, fmt.Errorf("FIT at byte %d: %w", offset, readError(err))
	}

	size, err := fdt.TotalSize(header)
	if err != nil {
		return nil, fmt.Errorf("FIT at byte %d: %w: %w", offset, ErrNoFIT, err)
	}

	blob := make([]byte, size)
	if _, err := r.ReadAt(blob, offset); err != nil {
		return nil, fmt.Errorf("FIT at byte %d: %w", offset, readError(err))
	}

	tree, err := fdt.Read(blob)
	if err != nil {
		return nil, fmt.Errorf("FIT at byte %d: %w: %w", offset, ErrNoFIT, err)
	}

	fit, err := readFIT(r, offset, size, tree.RootNode)
	if err != nil {
		return nil, fmt.Errorf("FIT at byte %d: %w", offset, err)
	}

	return fit, nil
}

// readError makes the end of a file or disk the same error as a short image.
func readError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %w", ErrTruncated, err)
	}

	return err
}

func readFIT(r io.ReaderAt, offset, size int64, root *dt.Node) (*FIT, error) {
	images, configs := fdt.Child(root, "images"), fdt.Child(root, "configurations")
	if images == nil || configs == nil {
		return nil, fmt.Errorf("%w: it has no images or no configurations", ErrNoFIT)
	}

	// SPL takes the default configuration where the board does not choose (boot/fdt_region.c, fit_find_config_node).
	fit := &FIT{Config: fdt.String(configs, "default"), Size: size}

	config := fdt.Child(configs, fit.Config)
	if fit.Config == "" || config == nil {
		return nil, fmt.Errorf("%w: its default configuration is %q, which it has not", ErrNoFIT, fit.Config)
	}

	names := slices.Concat(first(fdt.Strings(config, "firmware")), fdt.Strings(config, "loadables"), first(fdt.Strings(config, "fdt")))
	if len(names) == 0 {
		return nil, fmt.Errorf("%w: configuration %s loads nothing", ErrNoFIT, fit.Config)
	}

	budget := int64(fitLimit)

	for _, name := range names {
		if slices.ContainsFunc(fit.Images, func(image FITImage) bool { return image.Name == name }) {
			continue
		}

		node := fdt.Child(images, name)
		if node == nil {
			return nil, fmt.Errorf("%w: configuration %s loads image %q, which it has not", ErrNoFIT, fit.Config, name)
		}

		image, err := checkImage(r, offset, size, node, budget)
		if err != nil {
			return nil, fmt.Errorf("image %s: %w", name, err)
		}

		budget -= image.Size

		fit.Images = append(fit.Images, *image)
		fit.Size = max(fit.Size, image.Offset+image.Size)
	}

	return fit, nil
}

func first(list []string) []string { return list[:min(1, len(list))] }

func checkImage(r io.ReaderAt, fitOffset, fitSize int64, node *dt.Node, budget int64) (*FITImage, error) {
	image := &FITImage{Name: node.Name}

	data, inside := fdt.Property(node, "data")
	_, hasPosition := fdt.Property(node, "data-position")
	_, hasOffset := fdt.Property(node, "data-offset")

	// SPL takes data-position before data-offset before data (load_simple_fit); mkimage writes one of them, and whoever reads
	// in another order would read other bytes.
	if inside && (hasPosition || hasOffset) || hasPosition && hasOffset {
		return nil, fmt.Errorf("%w: its data are in more than one place", ErrNoFIT)
	}

	if inside {
		if image.Size = int64(len(data)); image.Size > budget {
			return nil, tooLarge()
		}
	} else {
		size, ok := fdt.Uint32(node, "data-size")
		if !ok {
			return nil, fmt.Errorf("%w: no data, and no size of external data", ErrNoFIT)
		}

		if int64(size) > budget {
			return nil, tooLarge()
		}

		image.Size = int64(size)

		// Offsets count from the tree's end, rounded up to 4 bytes (spl_simple_fit_read).
		if position, ok := fdt.Uint32(node, "data-position"); ok {
			image.Offset = int64(position)
		} else if position, ok := fdt.Uint32(node, "data-offset"); ok {
			image.Offset = (fitSize+3)&^3 + int64(position)
		} else {
			return nil, fmt.Errorf("%w: no place of its external data", ErrNoFIT)
		}

		// Into memory only once it is known how much there is: the size comes from the medium.
		var buffer bytes.Buffer

		n, err := io.Copy(&buffer, io.NewSectionReader(r, fitOffset+image.Offset, image.Size))
		if err == nil && n < image.Size {
			err = io.ErrUnexpectedEOF
		}

		if err != nil {
			return nil, fmt.Errorf("%d of %d bytes at %d: %w", n, image.Size, image.Offset, readError(err))
		}

		data = buffer.Bytes()
	}

	// SPL skips empty images (load_simple_fit).
	if image.Size == 0 {
		return nil, fmt.Errorf("%w: it is empty", ErrNoFIT)
	}

	for _, child := range node.Children {
		if !strings.HasPrefix(child.Name, "hash") {
			continue
		}

		if len(image.Hashes) == maxHashes {
			return nil, fmt.Errorf("%w: it has more than %d sums", ErrNoFIT, maxHashes)
		}

		algorithm := fdt.String(child, "algo")

		sum := newHash(algorithm)
		if sum == nil {
			return nil, fmt.Errorf("%w: its hash is of the unknown kind %q", ErrNoFIT, algorithm)
		}

		sum.Write(data)

		if want, _ := fdt.Property(child, "value"); !bytes.Equal(want, sum.Sum(nil)) {
			return nil, fmt.Errorf("%d bytes at %d: %s %w", image.Size, image.Offset, algorithm, ErrHash)
		}

		image.Hashes = append(image.Hashes, algorithm)
	}

	if len(image.Hashes) == 0 {
		return nil, fmt.Errorf("%w: it has no hash, so SPL could not refuse a torn one (build U-Boot with CONFIG_SPL_FIT_SIGNATURE)", ErrNoFIT)
	}

	return image, nil
}

func tooLarge() error {
	return fmt.Errorf("%w: its images have more than %d bytes together", ErrNoFIT, fitLimit)
}

// newHash makes the hash that a FIT calls by that name (U-Boot, common/hash.c), or nil.
func newHash(name string) hash.Hash {
	switch name {
	case "crc32":
		return crc32.NewIEEE()
	case "sha1":
		return sha1.New()
	case "sha256":
		return sha256.New()
	case "sha384":
		return sha512.New384()
	case "sha512":
		return sha512.New()
	}

	return nil
}
