// SPDX-License-Identifier: MPL-2.0

package flash

import (
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"
	"github.com/siderolabs/go-blockdevice/v2/partitioning/gpt"

	parttable "talos-nanopi-m6/internal/inspect/gpt"
)

// table writes the partition table for this medium: the backup goes to its end, and a STATE partition into it if there is
// one to add.
func (j *job) table() error {
	d := &tableDevice{j: j}

	t, err := gpt.Read(d)
	if err != nil {
		if !j.NoVerify {
			return err
		}

		// An image without one was asked for; its first sectors are held back all the same.
		return j.certain(j.held.table().data, 0)
	}

	if j.State != nil {
		if err := j.addState(t); err != nil {
			return err
		}
	}

	if err := t.Write(); err != nil {
		return err
	}

	for _, p := range d.parts {
		if err := j.check(p.data, p.start); err != nil {
			return err
		}
	}

	return nil
}

// stateLabel is how Talos finds the partition with its machine configuration (v1.10,
// internal/app/machined/pkg/controllers/block/volume_config.go).
const stateLabel = "STATE"

// addState adds the partition and writes its file system.
func (j *job) addState(t *gpt.Table) error {
	st, err := j.State.Stat()
	if err != nil {
		return err
	}

	_, p, err := t.AllocatePartition(uint64(st.Size()), stateLabel, uuid.MustParse(parttable.TypeLinux))
	if err != nil {
		return fmt.Errorf("no room for a STATE partition of %d bytes: %w", st.Size(), err)
	}

	start := int64(p.FirstLBA) * 512

	if err := j.dev.Zero(start, st.Size()); err != nil {
		return err
	}

	b := Aligned(chunkSize)

	for at := int64(0); at < st.Size(); at += chunkSize {
		n, err := j.State.ReadAt(b[:min(chunkSize, st.Size()-at)], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}

		first := len(j.written)
		if err := j.writeRuns(b[:n], start+at); err != nil {
			return err
		}

		for _, r := range j.written[first:] {
			if err := j.same(r, Aligned(int(r.size()))); err != nil {
				return err
			}
		}
	}

	return nil
}

// tableDevice is the medium as go-blockdevice takes it: it reads what is held back, and remembers what is written.
type tableDevice struct {
	j     *job
	parts []heldPart
}

func (d *tableDevice) ReadAt(p []byte, off int64) (int, error) {
	n, err := d.j.dev.ReadAt(p, off)
	if n == len(p) {
		err = nil
	}

	d.j.held.put(p[:n], off)

	return n, err
}

func (d *tableDevice) WriteAt(p []byte, off int64) (int, error) {
	b := Aligned(len(p))
	copy(b, p)
	d.parts = append(d.parts, heldPart{extent{off, off + int64(len(p))}, b})

	return d.j.writeAll(b, off)
}

func (d *tableDevice) GetSectorSize() uint      { return 512 }
func (d *tableDevice) GetSize() uint64          { return uint64(d.j.dev.Size()) }
func (d *tableDevice) GetIOSize() (uint, error) { return 512, nil }
func (d *tableDevice) Sync() error              { return d.j.dev.Sync() }

// The kernel reads the table again when everything is written; until then it is told nothing.
func (d *tableDevice) GetKernelLastPartitionNum() (int, error)         { return 0, nil }
func (d *tableDevice) KernelPartitionAdd(int, uint64, uint64) error    { return nil }
func (d *tableDevice) KernelPartitionResize(int, uint64, uint64) error { return nil }
func (d *tableDevice) KernelPartitionDelete(int) error                 { return nil }
