// SPDX-License-Identifier: MPL-2.0

package image

import (
	"context"
	"io"
	"os"
)

// Interruptible is a reader whose reads end with its context, even where the one below it waits: for a pipe or a terminal.
// What that read later is lost.
func Interruptible(ctx context.Context, r io.Reader) io.Reader {
	return &interruptible{ctx: ctx, r: r}
}

type interruptible struct {
	ctx context.Context // it is this reader's whole purpose
	r   io.Reader

	buffer []byte
	rest   []byte // of the buffer, not yet given
	err    error
}

func (i *interruptible) Read(p []byte) (int, error) {
	if len(i.rest) == 0 && i.err == nil {
		if err := i.ctx.Err(); err != nil {
			return 0, context.Cause(i.ctx)
		}

		if i.buffer == nil {
			i.buffer = make([]byte, copyBuffer)
		}

		done := make(chan struct{})

		var (
			n   int
			err error
		)

		go func() {
			n, err = i.r.Read(i.buffer)

			close(done)
		}()

		select {
		case <-done:
			i.rest, i.err = i.buffer[:n], err
		case <-i.ctx.Done():
			i.err = context.Cause(i.ctx) // the buffer is the other one's now

			return 0, i.err
		}
	}

	n := copy(p, i.rest)
	i.rest = i.rest[n:]

	if n == 0 {
		return 0, i.err
	}

	return n, nil
}

// OpenFile opens a file for reading. That of a pipe waits for a writer, until the context ends.
func OpenFile(ctx context.Context, path string) (*os.File, error) {
	type opened struct {
		f   *os.File
		err error
	}

	done := make(chan opened, 1)

	go func() {
		f, err := os.Open(path)
		done <- opened{f, err}
	}()

	select {
	case o := <-done:
		return o.f, o.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Stoppable is a reader that ends with its context, between reads: a decoder may make gigabytes of what was read already.
func Stoppable(ctx context.Context, r io.Reader) io.Reader { return stoppable{ctx, r} }

type stoppable struct {
	ctx context.Context // it is this reader's whole purpose
	r   io.Reader
}

func (s stoppable) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, context.Cause(s.ctx)
	}

	return s.r.Read(p)
}
