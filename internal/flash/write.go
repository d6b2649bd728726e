// SPDX-License-Identifier: MPL-2.0

// Package flash writes disk images to cards and disks: only what carries data, past the cache, compared afterwards, and
// in an order that leaves nothing that looks bootable until all of it is there.
package flash

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"talos-nanopi-m6/internal/disk"
	"talos-nanopi-m6/internal/image"
	"talos-nanopi-m6/internal/inspect"
	"talos-nanopi-m6/internal/verify"
)

const (
	// chunkSize is how much is read and written at once, in bytes: the erase block of common cards.
	chunkSize = image.FrameSize
	// grain is the unit, in bytes, in which zeros are told from data: small enough to leave most of them out, large enough
	// for a card to write without reading first.
	grain = 64 << 10
	// writers is how many writes are under way at once.
	writers = 4
)

// maxRuns is from how many runs on zeros within a chunk are written as data: a run is remembered in 48 bytes. Talos' image has
// some hundred.
var maxRuns = 1 << 19

// State is what a medium is like after an error.
type State string

// States of a medium.
const (
	Untouched   State = "nothing was written to it"
	Uncertain   State = "some of its old content is gone, and whether the board would start what is left is not certain: run the command again"
	NotBootable State = "its old content is gone, and what is on it now does not look bootable to the board: run the command again"
	Complete    State = "all of the image is on it and was compared, but whether its boot loader's header and partition table are, is not certain: run the command again"
	Bootable    State = "the image is on it, complete and compared"
)

// MediumError is an error that says what it left behind.
type MediumError struct {
	// Step is what was being done, Name the medium.
	Step, Name string
	State      State
	Err        error
}

func (e *MediumError) Error() string {
	return fmt.Sprintf("%s: %s: %v\n%s: %s", e.Name, e.Step, e.Err, e.Name, e.State)
}

func (e *MediumError) Unwrap() error { return e.Err }

// ErrInput says that the image itself cannot be used; nothing was written.
var ErrInput = errors.New("the image")

// Progress is how far a step has come.
type Progress struct {
	// Step is "write", "zero" or "compare".
	Step string
	// Done of Total bytes of the step are through; Total is 0 where it is not known. Position is the place in the image.
	Done, Total, Position int64
	Elapsed               time.Duration
}

// Source is an image to write: of known size and readable at any place, or a stream.
type Source struct {
	// Disk is the image; nil for a stream.
	Disk *image.Disk
	// Stream is the decoded image, read once.
	Stream io.Reader
	// Name is what messages call it.
	Name string
}

// Options change what is written and how.
type Options struct {
	// Verify is what the image must pass; it is asked of a stream when it is on the medium, and of an image before anything
	// is written. With NoVerify nothing is asked.
	Verify   verify.Options
	NoVerify bool
	// NoDiscard leaves old data in parts the image does not use.
	NoDiscard bool
	// Meta are values for Talos' META partition, by key.
	Meta map[uint8]string
	// State is the content of a STATE partition to add, or nil.
	State *os.File
	// NoScan leaves the medium unread before it is written: over USB, that would take minutes.
	NoScan bool
	// Progress, if not nil, is told now and then.
	Progress func(Progress)
}

// Result says what was done. Sizes are in bytes.
type Result struct {
	Image   string `json:"image"`
	Device  string `json:"device"`
	Size    int64  `json:"imageSize"`
	Written int64  `json:"written"` // data that is not zero
	Zeroed  int64  `json:"zeroed"`  // what had to be zero
	Skipped int64  `json:"skipped"` // what nobody reads
	// Discarded says that the medium was told to forget all it held, Secrets how many bytes of an old node's settings and
	// configuration (META, STATE) were found on it, and zeroed where the image does not cover them.
	Discarded bool  `json:"discarded"`
	Secrets   int64 `json:"secrets,omitempty"`
	// Seconds the steps took.
	Seconds map[string]float64 `json:"seconds"`
	Checks  []verify.Check     `json:"checks,omitempty"`
}

// job is one image being written to one medium.
type job struct {
	Options

	ctx    context.Context // a job lives for one call
	dev    disk.Device
	src    Source
	result *Result
	size   int64 // of the image, once it is known

	plan plan
	held held

	// touched says that something may have been written, finishing that what makes the medium look bootable may be on it.
	touched, finishing bool

	mu      sync.Mutex
	written []run
}

// run is a range that was written, with its digest.
type run struct {
	extent

	sum [sha256.Size]byte
}

// Write writes an image to a medium. Whatever stops it, the medium then is as it was, or does not look bootable, or holds
// the image: the boot loader's header, and before it the partition table's, are the last things written. An error after the
// first write is a *MediumError.
func Write(ctx context.Context, dev disk.Device, src Source, o Options) (*Result, error) {
	j := &job{
		Options: o, ctx: ctx, dev: dev, src: src,
		result: &Result{Image: src.Name, Device: dev.Name(), Seconds: map[string]float64{}},
	}

	if err := j.prepare(); err != nil {
		return j.result, err
	}

	defer disk.Begin()()

	for _, s := range []struct {
		name string
		do   func() error
	}{
		{"invalidate", j.invalidate},
		{"write", j.write},
		{"zero", j.zero},
		{"flush", dev.Sync},
		{"compare", j.compare},
		{"verify", j.verify},
		{"settings", j.settings},
		{"FIT", j.spl},
		{"partition table", j.table},
		{"boot loader", j.finish},
	} {
		start := time.Now()

		if err := ctx.Err(); err != nil {
			return j.result, j.failed(s.name, context.Cause(ctx))
		}

		if err := s.do(); err != nil {
			return j.result, j.failed(s.name, err)
		}

		j.result.Seconds[s.name] = time.Since(start).Round(time.Millisecond).Seconds()
	}

	// Not being able to tell the kernel takes nothing from what is on the medium.
	if err := dev.Reread(); err != nil {
		return j.result, &MediumError{"partition table", dev.Name(), Bootable, fmt.Errorf("the kernel does not read it again: %w: unplug the medium and plug it in", err)}
	}

	return j.result, nil
}

// failed takes away what makes the medium look bootable, and says what it is like.
func (j *job) failed(step string, err error) error {
	state := Untouched

	if j.touched {
		back := j.wipe()

		switch {
		case back == nil:
			state = NotBootable
		case j.finishing:
			state = Complete
		default:
			state = Uncertain
		}

		if back != nil {
			err = fmt.Errorf("%w; and what makes it look bootable cannot be taken away: %w", err, back)
		}
	}

	if disk.Gone(err) {
		err = fmt.Errorf("the medium is gone: %w", err)
	}

	return &MediumError{step, j.dev.Name(), state, err}
}

// invalidate takes away what makes a medium look bootable: idblocks, FITs, both partition tables. A medium may bring old
// data back when it is told to discard it, so this is done before and after.
func (j *job) invalidate() error {
	j.touched = true

	if err := j.wipe(); err != nil {
		return err
	}

	if j.NoDiscard {
		return nil
	}

	var err error
	if j.result.Discarded, err = j.dev.Discard(); err != nil {
		return fmt.Errorf("discard: %w", err)
	}

	return j.wipe()
}

// wipe clears every place where something looks for a start. First what the mask ROM looks for: without that, it does not
// matter what becomes of the rest, and when.
func (j *job) wipe() error {
	if err := j.clear(idblocks()); err != nil {
		return err
	}

	return j.clear(append(tables(j.dev.Size()), fits()...))
}

// clear makes places zero and waits until they are.
func (j *job) clear(places []extent) error {
	for _, e := range places {
		e.start, e.end = max(e.start, 0), min(e.end, j.dev.Size())
		if e.start >= e.end {
			continue
		}

		if err := j.dev.Zero(e.start, e.size()); err != nil {
			return fmt.Errorf("byte %d: %w", e.start, err)
		}
	}

	return j.dev.Sync()
}

// piece is a part of the image on its way to the medium.
type piece struct {
	buffer []byte // nil stands for zeros
	size   int
	at     int64
	// source is where the data has yet to be read from, by the writer, so that decoding is shared; nil where it is there.
	source io.ReaderAt
}

// write writes what is not zero.
func (j *job) write() error {
	var (
		free   = make(chan []byte, writers+2)
		queue  = make(chan piece, writers)
		failed = make(chan error, writers)
		done   sync.WaitGroup
	)

	for range cap(free) {
		free <- disk.Aligned(chunkSize)
	}

	ctx, stop := context.WithCancelCause(j.ctx)
	defer stop(nil)

	for range writers {
		done.Go(func() {
			for p := range queue {
				if ctx.Err() == nil {
					if err := j.writePiece(p); err != nil {
						stop(err)
						failed <- err

						return
					}
				}

				free <- p.buffer
			}
		})
	}

	err := j.feed(ctx, free, queue)

	close(queue)
	done.Wait()
	close(failed)

	// What a writer met comes first: the feeder only sees that it was stopped.
	if first, ok := <-failed; ok {
		return first
	}

	if err != nil {
		return err
	}

	j.result.Size = j.size

	for _, r := range j.written {
		j.result.Written += r.size()
	}

	slices.SortFunc(j.written, func(a, b run) int { return int((a.start - b.start) >> 9) })

	return nil
}

// feed hands the image to the writers.
func (j *job) feed(ctx context.Context, free <-chan []byte, queue chan<- piece) error {
	f := &feeder{j: j, ctx: ctx, free: free, queue: queue, progress: j.progress("write", j.size)}

	if j.src.Disk != nil {
		return f.disk(j.src.Disk)
	}

	return f.stream(j.src.Stream)
}

// feeder hands an image to writers, a chunk at a time.
type feeder struct {
	j        *job
	ctx      context.Context // a feeder lives for one call
	free     <-chan []byte
	queue    chan<- piece
	progress func(n, at int64)

	// Of a stream: the chunk being filled, how much of it there is, in bytes, and its buffer, which is nil while all of it
	// is zero.
	buffer []byte
	used   int
}

// take waits for a free buffer.
func (f *feeder) take() ([]byte, error) {
	select {
	case b := <-f.free:
		return b, nil
	case <-f.ctx.Done():
		return nil, context.Cause(f.ctx)
	}
}

// hand gives a piece to the writers, if it is not zeros.
func (f *feeder) hand(p piece) error {
	end := p.at + int64(p.size)
	if end > f.j.dev.Size() {
		return fmt.Errorf("%s goes on after %d bytes: %w", f.j.src.Name, end, disk.ErrTooSmall)
	}

	if f.ctx.Err() != nil {
		return context.Cause(f.ctx)
	}

	if p.buffer != nil {
		select {
		case f.queue <- p:
		case <-f.ctx.Done():
			return context.Cause(f.ctx)
		}
	}

	f.progress(int64(p.size), p.at)

	return nil
}

// disk has the writers read an image at hand, all of it that is not known to be zero.
func (f *feeder) disk(d *image.Disk) error {
	for at := int64(0); ; {
		data, err := d.NextData(at)
		if err != nil {
			return err
		}

		if at = max(at, data&^(chunkSize-1)); at >= d.Size {
			return nil
		}

		b, err := f.take()
		if err != nil {
			return err
		}

		n := min(int64(len(b)), d.Size-at)
		if err := f.hand(piece{b, int(n), at, d}); err != nil {
			return err
		}

		at += n
	}
}

// stream takes an image that is read once.
func (f *feeder) stream(r io.Reader) error {
	if _, err := io.CopyBuffer(f, r, make([]byte, 1<<20)); err != nil {
		return err
	}

	if err := f.flush(); err != nil {
		return err
	}

	return f.j.plan.ends(f.j.src.Name, f.j.size)
}

// Write takes the next bytes of a stream.
func (f *feeder) Write(p []byte) (int, error) {
	for done := 0; done < len(p); {
		part := p[done:min(done+grain-f.used%grain, len(p))]

		if f.buffer == nil && !isZero(part) {
			b, err := f.take()
			if err != nil {
				return done, err
			}

			clear(b[:f.used])
			f.buffer = b
		}

		if f.buffer != nil {
			copy(f.buffer[f.used:], part)
		}

		f.used += len(part)
		done += len(part)

		if f.used == chunkSize {
			if err := f.flush(); err != nil {
				return done, err
			}
		}
	}

	return len(p), nil
}

// flush hands on what there is of a chunk.
func (f *feeder) flush() error {
	if f.used == 0 {
		return nil
	}

	at := f.j.size
	f.j.size += int64(f.used)
	err := f.hand(piece{f.buffer, f.used, at, nil})
	f.buffer, f.used = nil, 0

	return err
}

var zeroGrain [grain]byte

func isZero(b []byte) bool {
	for ; len(b) > grain; b = b[grain:] {
		if !bytes.Equal(b[:grain], zeroGrain[:]) {
			return false
		}
	}

	return bytes.Equal(b, zeroGrain[:len(b)])
}

// writePiece writes a piece, less what is held back.
func (j *job) writePiece(p piece) error {
	data := p.buffer[:p.size]

	if p.source != nil {
		if n, err := p.source.ReadAt(data, p.at); n < len(data) {
			return fmt.Errorf("%s: byte %d: %w", j.src.Name, p.at, err)
		}
	}

	j.held.take(data, p.at)

	return j.writeRuns(data, p.at)
}

// writeRuns writes what is not zero.
func (j *job) writeRuns(data []byte, at int64) error {
	// Beyond some number of them, runs would take more memory than they spare writing.
	j.mu.Lock()
	whole := len(j.written) >= maxRuns
	j.mu.Unlock()

	if whole && !isZero(data) {
		return j.put(data, at)
	}

	for start := 0; start < len(data); {
		end := start
		for end < len(data) && !isZero(data[end:min(end+grain, len(data))]) {
			end = min(end+grain, len(data))
		}

		if end > start {
			if err := j.put(data[start:end], at+int64(start)); err != nil {
				return err
			}
		}

		start = end + grain
	}

	return nil
}

// put writes and remembers what was written.
func (j *job) put(b []byte, at int64) error {
	n, err := j.dev.WriteAt(b, at)
	if err == nil && n < len(b) {
		err = disk.ErrShort
	}

	if err != nil {
		return fmt.Errorf("byte %d: %w", at, err)
	}

	r := run{extent{at, at + int64(len(b))}, sha256.Sum256(b)}

	j.mu.Lock()
	defer j.mu.Unlock()

	j.written = append(j.written, r)

	return nil
}

// ranges are what was written, in order.
func (j *job) ranges() extents {
	var list []extent
	for _, r := range j.written {
		list = append(list, r.extent)
	}

	return normal(list)
}

// zero makes zero what must be: all that was not written and that someone may read.
func (j *job) zero() error {
	written := j.ranges()
	must := extents{{0, j.size}}.without(written)
	secrets := normal(j.plan.secrets).without(written)

	// Without a file system that can be read, everything must be.
	if unused, err := inspect.Unused(j.view(), j.size); err == nil {
		var skip []extent
		for _, u := range unused {
			skip = append(skip, extent{u.Start, u.End})
		}

		must = must.without(normal(skip).inward(512))
	}

	j.result.Skipped = j.size - j.result.Written - must.total()
	must = normal(append(must, secrets...))

	j.result.Zeroed = must.total()
	progress := j.progress("zero", must.total())

	const step = 64 << 20

	for _, e := range must {
		for at := e.start; at < e.end; at += step {
			if err := j.ctx.Err(); err != nil {
				return context.Cause(j.ctx)
			}

			n := min(step, e.end-at)
			if err := j.dev.Zero(at, n); err != nil {
				return fmt.Errorf("byte %d: %w", at, err)
			}

			progress(n, at)
		}
	}

	return nil
}

// view is the image: as it was given, or, for a stream, as it is on the medium with what is held back in its place.
func (j *job) view() io.ReaderAt {
	if j.src.Disk != nil {
		return j.src.Disk
	}

	return onMedium{j, j.ranges()}
}

// onMedium is the image on a medium: what was not written is zero.
type onMedium struct {
	j       *job
	written extents
}

func (m onMedium) ReadAt(p []byte, off int64) (int, error) {
	n := max(0, min(int64(len(p)), m.j.size-off))
	clear(p)

	first, _ := slices.BinarySearchFunc(m.written, off, func(e extent, at int64) int { return cmp.Compare(e.end, at+1) })

	for _, e := range m.written[first:] {
		low, high := max(e.start, off), min(e.end, off+n)
		if low >= high {
			break
		}

		if c, err := m.j.dev.ReadAt(p[low-off:high-off], low); err != nil && int64(c) < high-low {
			return 0, err
		}
	}

	m.j.held.put(p[:n], off)

	if n < int64(len(p)) {
		return int(n), io.EOF
	}

	return int(n), nil
}

// compare reads back what was written.
func (j *job) compare() error {
	total := int64(0)
	for _, r := range j.written {
		total += r.size()
	}

	progress := j.progress("compare", total)
	queue := make(chan run)
	failed := make(chan error, writers)

	var done sync.WaitGroup

	for range writers {
		done.Go(func() {
			b := disk.Aligned(chunkSize)

			for r := range queue {
				if err := j.same(r, b[:r.size()]); err != nil {
					failed <- err

					return
				}
			}
		})
	}

	var err error

feed:
	for _, r := range j.written {
		select {
		case queue <- r:
			progress(r.size(), r.start)
		case err = <-failed:
			break feed
		case <-j.ctx.Done():
			err = context.Cause(j.ctx)

			break feed
		}
	}

	close(queue)
	done.Wait()
	close(failed)

	if err == nil {
		err = <-failed // nil where there is none
	}

	return err
}

func (j *job) same(r run, b []byte) error {
	if n, err := j.dev.ReadAt(b, r.start); n < len(b) {
		return fmt.Errorf("byte %d: %w", r.start, err)
	}

	if sha256.Sum256(b) != r.sum {
		return fmt.Errorf("bytes %d to %d: %w", r.start, r.end, disk.ErrReadBack)
	}

	return nil
}

// verify asks of a stream what an image was asked before.
func (j *job) verify() error {
	if j.NoVerify || j.src.Disk != nil {
		return nil
	}

	r, err := verify.Disk(j.ctx, &image.Disk{
		ReaderAt: j.view(), Path: j.src.Name, Format: image.Raw, FileSize: j.size, Size: j.size, SectorSize: 512,
	}, j.Verify)
	if err != nil {
		return err
	}

	j.result.Checks = r.Checks

	return Refusal(r)
}

// ErrVerify says that an image did not pass its checks.
var ErrVerify = errors.New("the image does not pass its checks")

// Refusal is an error that names the checks that failed, or nil.
func Refusal(r *verify.Result) error {
	var errs []error

	for _, c := range r.Checks {
		if c.Status == verify.Fail {
			errs = append(errs, fmt.Errorf("%s: %s", c.Name, c.Reason))
		}
	}

	if errs == nil {
		return nil
	}

	return fmt.Errorf("%w: %w", ErrVerify, errors.Join(errs...))
}

// progress gives a function that counts bytes of a step.
func (j *job) progress(step string, total int64) func(n, at int64) {
	if j.Progress == nil {
		return func(int64, int64) {}
	}

	var (
		start = time.Now()
		done  int64
	)

	return func(n, at int64) {
		done += n
		j.Progress(Progress{Step: step, Done: done, Total: total, Position: at, Elapsed: time.Since(start)})
	}
}
