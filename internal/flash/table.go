// SPDX-License-Identifier: MPL-2.0

package flash

import (
	"errors"
	"io"

	"talos-nanopi-m6/internal/disk"
)

// Names of partitions by which Talos finds its settings and its machine configuration (v1.10,
// internal/app/machined/pkg/controllers/block/volume_config.go).
const (
	metaLabel  = "META"
	stateLabel = "STATE"
)

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

	var pieces []disk.Piece

	for _, first := range []bool{false, true} {
		for _, p := range parts {
			if (p.start < mbrAndHeader) == first {
				pieces = append(pieces, p.piece())
			}
		}
	}

	return disk.Commit(j.dev, pieces...)
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
