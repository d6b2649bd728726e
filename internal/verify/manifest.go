// SPDX-License-Identifier: MPL-2.0

package verify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"os"
	"slices"
	"strings"

	"talos-nanopi-m6/internal/image"
	"talos-nanopi-m6/internal/inspect"
	"talos-nanopi-m6/internal/inspect/gpt"
)

// Manifest is what an image is published with, as far as it is compared. Sizes are in bytes, digests SHA-256 in hexadecimal.
type Manifest struct {
	Image struct {
		File      string `json:"file"`
		SHA256    string `json:"sha256"`
		Bytes     int64  `json:"bytes"`
		RawSHA256 string `json:"rawSha256"`
		RawBytes  int64  `json:"rawBytes"`
	} `json:"image"`
	Layout struct {
		SectorBytes int64 `json:"sectorBytes"`
		Partitions  []struct {
			Number      int    `json:"number"`
			Name        string `json:"name"`
			FirstSector uint64 `json:"firstSector"`
			LastSector  uint64 `json:"lastSector"`
		} `json:"partitions"`
		// Regions are parts of the disk that a device has as well as the image.
		Regions []ManifestRegion `json:"regions"`
	} `json:"layout"`

	path string
	text []byte
}

// ManifestRegion is a part of the disk with its digest. Offset and Bytes are in bytes.
type ManifestRegion struct {
	Name   string `json:"name"`
	Offset int64  `json:"offset"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// maxText is the largest manifest, signature or key that is read, in bytes. A manifest has a few kilobytes.
const maxText = 1 << 20

// readText reads a file of at most maxText bytes.
func readText(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // read only

	text, err := io.ReadAll(io.LimitReader(f, maxText+1))
	if err == nil && len(text) > maxText {
		err = fmt.Errorf("%s: more than the %d bytes that are read", path, maxText)
	}

	return text, err
}

func readManifest(path string) (*Manifest, error) {
	text, err := readText(path)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}

	m := &Manifest{path: path, text: text}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("%s: not the manifest of an image: %w", path, err)
	}

	for _, d := range []string{m.Image.SHA256, m.Image.RawSHA256} {
		if b, err := hex.DecodeString(d); err != nil || len(b) != sha256.Size {
			return nil, fmt.Errorf("%s: not the manifest of an image: SHA-256 %q", path, d)
		}
	}

	return m, nil
}

// sums is the digest of the file, made while it is read.
type sums struct {
	wanted bool
	size   int64 // of the disk, in bytes
	file   hash.Hash
	done   chan error
}

func (m *Manifest) sums() *sums {
	s := &sums{wanted: m != nil, file: sha256.New()}
	if s.wanted {
		s.size = m.Image.RawBytes
	}

	return s
}

// options make a compressed image's file pass through the sum while it is decoded.
func (s *sums) options() []image.Option {
	if !s.wanted {
		return nil
	}

	return []image.Option{image.Tee(s.file)}
}

// start sums up what is not decoded, while it is inspected.
func (s *sums) start(ctx context.Context, d *image.Disk) {
	// One of another size is another image: there is no need to read all of it.
	if !s.wanted || d.Format != image.Raw || d.Device || d.Size != s.size {
		return
	}

	s.done = make(chan error, 1)

	go func() {
		s.done <- sumUp(ctx, s.file, d)
	}()
}

// sumUp reads all of a disk.
func sumUp(ctx context.Context, h hash.Hash, d *image.Disk) error {
	_, err := io.CopyBuffer(struct{ io.Writer }{h}, image.Stoppable(ctx, io.NewSectionReader(d, 0, d.Size)), make([]byte, 1<<20))

	return err
}

func (s *sums) wait() error {
	if s.done == nil {
		return nil
	}

	return <-s.done
}

// compared is a manifest and what it is compared with.
type compared struct {
	ctx context.Context // a comparison is one call
	m   *Manifest
	// foreign says why the file of that name beside the image was not taken.
	foreign string
	s       *sums
	d       *image.Disk
}

// check compares what was read with the manifest.
func (c *compared) check(l *list, r *inspect.Report) {
	if c.m == nil && c.foreign != "" {
		l.add("manifest", Warn, "the manifest.json beside it is not an image's: %s", c.foreign)

		return
	}

	if c.m == nil {
		if r.Kind == inspect.KindDisk {
			l.add("manifest", Warn, "none beside the image: parts without a checksum of their own (files, texts in the FIT, padding) are taken as they are")
		}

		return
	}

	if r.Kind == inspect.KindDisk {
		c.whole(l)
	}

	c.table(l, r)
	c.regions(l)
}

// whole compares the image as a whole.
func (c *compared) whole(l *list) {
	i := c.m.Image

	if c.d.Size != i.RawBytes {
		l.add("manifest.image", Fail, "the disk has %d bytes, published are %d: another image", c.d.Size, i.RawBytes)

		return
	}

	file := hex.EncodeToString(c.s.file.Sum(nil))

	if c.d.Format == image.Raw {
		l.expect("manifest.image", file == i.RawSHA256, "the disk has the published SHA-256 "+file,
			fmt.Sprintf("the disk has SHA-256 %s, published is %s: download it again", file, i.RawSHA256))

		return
	}

	// The same file decodes to the same disk.
	if file == i.SHA256 {
		l.add("manifest.image", Pass, "the file has the published SHA-256 %s", file)

		return
	}

	// One that was packed otherwise may hold the same disk.
	h := sha256.New()
	if err := sumUp(c.ctx, h, c.d); err != nil {
		l.add("manifest.image", Fail, "%v", err)

		return
	}

	if raw := hex.EncodeToString(h.Sum(nil)); raw == i.RawSHA256 {
		l.add("manifest.image", Warn, "the disk has the published SHA-256, but was packed again")
	} else {
		l.add("manifest.image", Fail, "the disk has SHA-256 %s, published is %s: download it again", raw, i.RawSHA256)
	}
}

// table compares the partitions.
func (c *compared) table(l *list, r *inspect.Report) {
	if r.GPT == nil || len(c.m.Layout.Partitions) == 0 {
		return
	}

	for _, want := range c.m.Layout.Partitions {
		if !slices.ContainsFunc(r.GPT.Partitions, func(p gpt.Partition) bool {
			return p.Number == want.Number && p.Name == want.Name && p.FirstLBA == want.FirstSector && p.LastLBA == want.LastSector
		}) {
			l.add("manifest.partitions", Fail, "partition %d %s from sector %d to %d is not where it was published", want.Number, want.Name, want.FirstSector, want.LastSector)

			return
		}
	}

	l.add("manifest.partitions", Pass, "all %d where they were published", len(c.m.Layout.Partitions))
}

// maxRegions is how many times the disk's bytes a manifest's regions may have together: ours have each byte once.
const maxRegions = 4

// regions compares parts of the disk.
func (c *compared) regions(l *list) {
	room := maxRegions * c.d.Size

	for _, g := range c.m.Layout.Regions {
		name := "manifest." + strings.ReplaceAll(g.Name, " ", "-")

		if g.Offset < 0 || g.Bytes < 0 || g.Offset > c.d.Size || g.Bytes > c.d.Size-g.Offset {
			l.add(name, Fail, "%d bytes at %d, of %d", g.Bytes, g.Offset, c.d.Size)

			continue
		}

		if room -= g.Bytes; room < 0 {
			l.add(name, Fail, "its regions have more than %d times the disk's %d bytes together", maxRegions, c.d.Size)

			return
		}

		h := sha256.New()
		if _, err := io.Copy(h, image.Stoppable(c.ctx, io.NewSectionReader(c.d, g.Offset, g.Bytes))); err != nil {
			l.add(name, Fail, "%v", err)

			continue
		}

		got := hex.EncodeToString(h.Sum(nil))
		l.expect(name, got == g.SHA256, "has the published SHA-256 "+got, fmt.Sprintf("has SHA-256 %s, published is %s", got, g.SHA256))
	}
}
