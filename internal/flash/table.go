// SPDX-License-Identifier: MPL-2.0

package flash

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/google/uuid"
	"github.com/siderolabs/go-blockdevice/v2/partitioning/gpt"

	"talos-nanopi-m6/internal/disk"
	parttable "talos-nanopi-m6/internal/inspect/gpt"
)

// Names of partitions by which Talos finds its settings and its machine configuration (v1.10,
// internal/app/machined/pkg/controllers/block/volume_config.go).
const (
	metaLabel  = "META"
	stateLabel = "STATE"
)

// ErrNoRoom says that a medium has no room for what is to be added.
var ErrNoRoom = errors.New("no room")

// newTable makes the partition table for a medium: the image's, with its backup at the medium's end, and a STATE partition if
// there is one to add, whose place it gives, in bytes.
func (j *job) newTable(d *tableDevice) (*gpt.Table, int64, error) {
	t, err := gpt.Read(d)
	if err != nil || j.State == nil {
		return t, 0, err
	}

	st, err := j.State.Stat()
	if err != nil {
		return nil, 0, err
	}

	_, p, err := t.AllocatePartition(uint64(st.Size()), stateLabel, uuid.MustParse(parttable.TypeLinux))
	if err != nil {
		return nil, 0, fmt.Errorf("%w for a STATE partition of %d bytes: %w", ErrNoRoom, st.Size(), err)
	}

	return t, int64(p.FirstLBA) * sector, nil
}

// table writes STATE and the partition table, its first header last.
func (j *job) table() error {
	j.finishing = true

	if j.State != nil {
		if err := j.addState(); err != nil {
			return err
		}
	}

	parts := j.plan.table
	if len(parts) == 0 { // an image without one was asked for; its first sectors are held back all the same
		for _, p := range j.held {
			if p.table && !isZero(p.data) {
				parts = append(parts, p)
			}
		}
	}

	for _, first := range []bool{false, true} {
		for _, p := range parts {
			if (p.start < mbrAndHeader) != first {
				continue
			}

			if _, err := j.writeAll(p.data, p.start); err != nil {
				return err
			}
		}

		if err := j.dev.Sync(); err != nil {
			return err
		}
	}

	for _, p := range parts {
		if err := j.check(p.data, p.start); err != nil {
			return err
		}
	}

	return nil
}

// addState writes the file system.
func (j *job) addState() error {
	st, err := j.State.Stat()
	if err != nil {
		return err
	}

	if err := j.dev.Zero(j.plan.state, st.Size()); err != nil {
		return err
	}

	b := disk.Aligned(chunkSize)

	for at := int64(0); at < st.Size(); at += chunkSize {
		n, err := j.State.ReadAt(b[:min(chunkSize, st.Size()-at)], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}

		first := len(j.written)
		if err := j.writeRuns(b[:n], j.plan.state+at); err != nil {
			return err
		}

		for _, r := range j.written[first:] {
			if err := j.same(r, disk.Aligned(int(r.size()))); err != nil {
				return err
			}
		}
	}

	return nil
}

// tableDevice is the medium as go-blockdevice takes it: it reads the image, and remembers what is written.
type tableDevice struct {
	view  io.ReaderAt
	size  int64
	parts []heldPart
}

func (d *tableDevice) ReadAt(p []byte, off int64) (int, error) {
	n, err := d.view.ReadAt(p, off)
	if n < len(p) && errors.Is(err, io.EOF) { // behind the image's end, there is nothing yet
		clear(p[n:])

		return len(p), nil
	}

	if n == len(p) {
		err = nil
	}

	return n, err
}

func (d *tableDevice) WriteAt(p []byte, off int64) (int, error) {
	b := disk.Aligned(len(p))
	copy(b, p)

	e := extent{off, off + int64(len(p))}
	d.parts = append(slices.DeleteFunc(d.parts, func(h heldPart) bool { return h.extent == e }), heldPart{e, b, true})

	return len(p), nil
}

func (d *tableDevice) GetSectorSize() uint      { return sector }
func (d *tableDevice) GetSize() uint64          { return uint64(d.size) }
func (d *tableDevice) GetIOSize() (uint, error) { return sector, nil }
func (d *tableDevice) Sync() error              { return nil }

// The kernel reads the table again when everything is written; until then it is told nothing.
func (d *tableDevice) GetKernelLastPartitionNum() (int, error)         { return 0, nil }
func (d *tableDevice) KernelPartitionAdd(int, uint64, uint64) error    { return nil }
func (d *tableDevice) KernelPartitionResize(int, uint64, uint64) error { return nil }
func (d *tableDevice) KernelPartitionDelete(int) error                 { return nil }
