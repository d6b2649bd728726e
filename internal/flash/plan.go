// SPDX-License-Identifier: MPL-2.0

package flash

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"

	"talos-nanopi-m6/internal/disk"
	"talos-nanopi-m6/internal/inspect"
	"talos-nanopi-m6/internal/inspect/gpt"
	"talos-nanopi-m6/internal/rockchip"
	"talos-nanopi-m6/internal/verify"
)

// plan is what is going to be written besides the image's own data, all of it judged before the first byte changes.
type plan struct {
	// end is where the image's partition table says that it ends, in bytes; 0 without one.
	end int64
	// table is the partition table for the medium.
	table []heldPart
	// state is where STATE goes, in bytes.
	state int64
	// meta is where the image has META, in bytes.
	meta int64
	// secrets are an old node's META and STATE on the medium.
	secrets []extent
}

// headSize is how much of a stream is read before anything is written, in bytes: partition table and boot loader are in it.
const headSize = 16 << 20

// prepare judges all that can be judged without writing.
func (j *job) prepare() error {
	view, known, err := j.head()
	if err != nil {
		return err
	}

	if err := j.tablePlan(view); err != nil {
		if errors.Is(err, gpt.ErrNoRoom) {
			return fmt.Errorf("%s: %w", j.dev.Name(), err)
		}

		if !j.NoVerify {
			return fmt.Errorf("%w %s: %w: its partition table: %w", ErrInput, j.src.Name, ErrVerify, err)
		}

		j.plan.end, j.plan.table = 0, nil

		if j.State != nil || len(j.Meta) > 0 {
			return fmt.Errorf("%w %s: it has no partition table to add settings to: %w", ErrInput, j.src.Name, err)
		}
	}

	if size := max(j.size, j.plan.end); size > j.dev.Size() {
		return fmt.Errorf("%s has %d bytes, %s %d: %w", j.src.Name, size, j.dev.Name(), j.dev.Size(), disk.ErrTooSmall)
	}

	if known > 0 { // all of a stream is there already
		if err := j.plan.ends(j.src.Name, known); err != nil {
			return err
		}
	}

	if err := j.metaRoom(view); err != nil {
		return err
	}

	if j.src.Disk == nil && !j.NoVerify {
		if err := judgeLoader(view, j.Verify); err != nil {
			return fmt.Errorf("%w %s: %w: %w", ErrInput, j.src.Name, ErrVerify, err)
		}
	}

	if !j.NoScan {
		j.plan.secrets = secrets(j.dev, max(j.size, j.plan.end))
	}

	for _, e := range j.plan.secrets {
		j.result.Secrets += e.size()
	}

	j.held = newHeld(j.plan.end)

	return nil
}

// head gives the image as far as it is known, and its size in bytes where all of a stream was read.
func (j *job) head() (io.ReaderAt, int64, error) {
	if d := j.src.Disk; d != nil {
		j.size = d.Size

		if d.Size%sector != 0 {
			return nil, 0, fmt.Errorf("%w %s has %d bytes, which is not a whole number of sectors", ErrInput, d.Path, d.Size)
		}

		return d, 0, nil
	}

	var b bytes.Buffer

	switch n, err := io.CopyN(&b, j.src.Stream, headSize); {
	case errors.Is(err, io.EOF) && n == 0:
		return nil, 0, fmt.Errorf("%w %s is empty", ErrInput, j.src.Name)
	case err == io.EOF: // one that is wrapped is a stream's own
		j.src.Stream = &b

		return bytes.NewReader(b.Bytes()), n, nil
	case err != nil:
		return nil, 0, fmt.Errorf("%w %w", ErrInput, err)
	}

	j.src.Stream = io.MultiReader(bytes.NewReader(b.Bytes()), j.src.Stream)

	return bytes.NewReader(b.Bytes()), 0, nil
}

// ends says what is wrong with an image that ends after size bytes, or nil.
func (p plan) ends(name string, size int64) error {
	switch {
	case size == 0:
		return fmt.Errorf("%w %s is empty", ErrInput, name)
	case size%sector != 0:
		return fmt.Errorf("%w %s ends after %d bytes, which is not a whole number of sectors", ErrInput, name, size)
	case size < p.end:
		return fmt.Errorf("%w %s ends after %d bytes, and its partition table says %d", ErrInput, name, size, p.end)
	}

	return nil
}

// tablePlan makes the partition table for the medium from the image's.
func (j *job) tablePlan(view io.ReaderAt) error {
	header := make([]byte, sector)
	if _, err := view.ReadAt(header, sector); err != nil {
		return err
	}

	// The first header says where the second one is: UEFI 2.10, table 5.5, AlternateLBA.
	last := binary.LittleEndian.Uint64(header[32:])
	if string(header[:8]) != "EFI PART" || last < 34 || last > 1<<40 {
		return gpt.ErrNone
	}

	j.plan.end = int64(last+1) * sector
	if j.plan.end > j.dev.Size() {
		return nil // said with the sizes
	}

	var state *gpt.Addition

	if j.State != nil {
		st, err := j.State.Stat()
		if err != nil {
			return err
		}

		state = &gpt.Addition{Name: stateLabel, Size: st.Size()}
	}

	pieces, at, err := gpt.ForMedium(view, j.dev.Size(), state)
	if err != nil {
		return err
	}

	for _, p := range pieces {
		b := disk.Aligned(len(p.Data))
		copy(b, p.Data)
		j.plan.table = append(j.plan.table, heldPart{extent{p.Offset, p.Offset + int64(len(b))}, b, true})
	}

	j.plan.state = at

	return nil
}

// judgeLoader says why the board would not start a boot loader, or nil.
func judgeLoader(view io.ReaderAt, o verify.Options) error {
	found, err := rockchip.Search(view, rockchip.MMC)

	switch {
	case err != nil && o.LoaderElsewhere:
		return nil
	case err != nil:
		return err
	case o.AllowStandIn:
		return nil
	}

	b := make([]byte, found.IDBlock.End())
	if _, err := view.ReadAt(b, found.IDBlockAt); err != nil {
		return err
	}

	if found.IDBlock.StandIn(b) {
		return rockchip.ErrStandIn
	}

	return nil
}

// metaRoom finds META and makes sure that the settings fit into it.
func (j *job) metaRoom(view io.ReaderAt) error {
	if len(j.Meta) == 0 {
		return nil
	}

	at, err := j.partition(view, "META", 2*metaLength)
	if err != nil {
		return fmt.Errorf("%w %s: %w", ErrInput, j.src.Name, err)
	}

	j.plan.meta = at
	values := map[uint8]string{}

	if j.src.Disk != nil {
		if values, err = metaAt(view, at); err != nil {
			return err
		}
	}

	maps.Copy(values, j.Meta)

	_, err = packMeta(values)

	return err
}

// scanned is how far behind the image's end an old node's secrets are looked for, in bytes: Talos puts STATE behind META.
const scanned = 2 << 30

// secrets finds META and STATE of an old node: by the partition table, and, where an interrupted run has taken that away, by
// what they begin with, at multiples of 1 MiB, to which Talos aligns partitions.
func secrets(dev disk.Device, imageSize int64) []extent {
	var list []extent

	if parts, err := inspect.Partitions(dev, dev.Size()); err == nil {
		for _, p := range parts {
			if p.Name == metaLabel || p.Name == stateLabel {
				list = append(list, extent{p.Offset, p.Offset + p.Size})
			}
		}
	}

	const mib = 1 << 20

	b := disk.Aligned(disk.PageSize)

	for at := int64(mib); at+mib <= min(dev.Size(), imageSize+scanned); at += mib {
		if n, err := dev.ReadAt(b, at); n < len(b) || err != nil {
			continue
		}

		be := binary.BigEndian

		switch {
		case be.Uint32(b) == metaMagic1:
			list = append(list, extent{at, at + mib})
		case string(b[:4]) == "XFSB" && string(bytes.TrimRight(b[108:120], "\x00")) == stateLabel:
			blocks, size := be.Uint64(b[8:]), int64(be.Uint32(b[4:]))
			if size >= sector && size <= 64<<10 && blocks <= uint64((dev.Size()-at)/size) {
				list = append(list, extent{at, at + int64(blocks)*size&^(sector-1)})
			}
		}
	}

	return normal(list)
}
