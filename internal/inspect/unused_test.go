// SPDX-License-Identifier: MPL-2.0

package inspect_test

import (
	"io"
	"os"
	"testing"

	"talos-nanopi-m6/internal/fixture/diskimage"
	"talos-nanopi-m6/internal/inspect"
	"talos-nanopi-m6/internal/verify"
)

// garbled is a disk whose unused parts hold noise.
type garbled struct {
	io.ReaderAt

	unused []inspect.Range
}

func (g garbled) ReadAt(p []byte, off int64) (int, error) {
	n, err := g.ReaderAt.ReadAt(p, off)

	for _, u := range g.unused {
		for at := max(u.Start, off); at < min(u.End, off+int64(n)); at++ {
			p[at-off] = byte(at*7) | 1
		}
	}

	return n, err
}

func TestNobodyReadsWhatIsUnused(t *testing.T) {
	f, err := os.Open(disk(t, diskimage.Spec{}))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() // read only

	unused, err := inspect.Unused(f, diskimage.Size)
	if err != nil {
		t.Fatal(err)
	}

	total, end := int64(0), int64(0)

	for _, u := range unused {
		if u.Start < end || u.End <= u.Start || u.Start < 11<<20 {
			t.Fatalf("got the range %d to %d, want one after %d", u.Start, u.End, end)
		}

		end = u.End
		total += u.End - u.Start
	}

	// Of 420 MiB, the XFS log has 64 and the front 11.
	if total < 300<<20 {
		t.Errorf("got %d unused bytes, want 300 MiB or more", total)
	}

	d := garbled{f, unused}

	r, err := inspect.Disk(t.Context(), imageOf(d, diskimage.Size))
	if err != nil {
		t.Fatal(err)
	}

	if r.EFI.Problem != "" || len(r.Boot.Problems) > 0 || r.Boot.Rootfs == nil || r.Boot.Kernel.Release != diskimage.Release {
		t.Errorf("got problems %q %v, want none, and the kernel %s", r.EFI.Problem, r.Boot.Problems, diskimage.Release)
	}

	if v, err := verify.Disk(t.Context(), imageOf(d, diskimage.Size), verify.Options{}); err != nil || !v.Passed {
		t.Errorf("got %v %+v, want it to pass", err, v)
	}
}
