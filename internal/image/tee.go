// SPDX-License-Identifier: MPL-2.0

package image

import (
	"io"
	"sync"
)

// tee is a reader whose bytes a writer gets as well, in a goroutine of its own, so that summing up does not wait for
// decoding nor the other way round.
type tee struct {
	r io.Reader

	blocks chan []byte
	free   chan []byte
	done   sync.WaitGroup
}

// teeBlocks is how many reads a tee may be ahead of its writer.
const teeBlocks = 4

// newTee makes a tee of r to w; with a nil w it only reads.
func newTee(r io.Reader, w io.Writer) *tee {
	t := &tee{r: r}
	if w == nil {
		return t
	}

	t.blocks, t.free = make(chan []byte, teeBlocks), make(chan []byte, teeBlocks)
	for range teeBlocks {
		t.free <- nil
	}

	t.done.Go(func() {
		for b := range t.blocks {
			_, _ = w.Write(b) // a hash takes everything

			t.free <- b[:0]
		}
	})

	return t
}

func (t *tee) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)

	if t.blocks != nil && n > 0 {
		t.blocks <- append(<-t.free, p[:n]...)
	}

	return n, err
}

// Close waits until the writer has everything. A second one does nothing.
func (t *tee) Close() {
	if t.blocks != nil {
		close(t.blocks)
		t.done.Wait()
		t.blocks = nil
	}
}
