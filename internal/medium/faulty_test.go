// SPDX-License-Identifier: MPL-2.0

package medium

import (
	"fmt"
	"io"
	"syscall"
)

// operation is one thing that reaches a simulated medium: a write, or with nil data a flush.
type operation struct {
	offset int64
	data   []byte
}

// faulty is a simulated medium. Everything that is written is recorded; failure, where set, decides what goes wrong.
type faulty struct {
	content   []byte
	blockSize int
	recorded  []operation
	failure   func(op string, count int, offset int64, length int) error
	short     func(count int) bool
	counts    map[string]int
	// dead is set by a failure that lasts.
	dead bool
}

func newFaulty(content []byte) *faulty {
	return &faulty{content: content, blockSize: 512, counts: map[string]int{}}
}

func (d *faulty) fail(op string, offset int64, length int) error {
	d.counts[op]++

	if d.dead {
		return syscall.EIO
	}

	if d.failure != nil {
		return d.failure(op, d.counts[op], offset, length)
	}

	return nil
}

func (d *faulty) aligned(offset int64, length int) {
	if offset%int64(d.blockSize) != 0 || length%d.blockSize != 0 || length == 0 {
		panic(fmt.Sprintf("%d bytes at %d are not whole blocks of %d", length, offset, d.blockSize))
	}
}

func (d *faulty) ReadAt(p []byte, offset int64) (int, error) {
	d.aligned(offset, len(p))

	if err := d.fail("read", offset, len(p)); err != nil {
		return 0, err
	}

	if offset >= int64(len(d.content)) {
		return 0, io.EOF
	}

	n := copy(p, d.content[offset:])
	if n < len(p) {
		return n, io.EOF
	}

	return n, nil
}

func (d *faulty) WriteAt(p []byte, offset int64) (int, error) {
	d.aligned(offset, len(p))

	if err := d.fail("write", offset, len(p)); err != nil {
		return 0, err
	}

	if offset+int64(len(p)) > int64(len(d.content)) {
		return 0, syscall.ENOSPC
	}

	if d.short != nil && d.short(d.counts["write"]) {
		p = p[:len(p)/2/d.blockSize*d.blockSize]
	}

	d.recorded = append(d.recorded, operation{offset, append([]byte{}, p...)})

	return copy(d.content[offset:], p), nil
}

func (d *faulty) Sync() error {
	if err := d.fail("flush", 0, 0); err != nil {
		return err
	}

	d.recorded = append(d.recorded, operation{})

	return nil
}

func (d *faulty) Size() int64     { return int64(len(d.content)) }
func (d *faulty) SectorSize() int { return d.blockSize }
func (d *faulty) Blank() byte     { return 0 }
func (d *faulty) Name() string    { return "simulated disk" }
