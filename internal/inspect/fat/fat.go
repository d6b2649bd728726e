// SPDX-License-Identifier: MPL-2.0

// Package fat reads FAT file systems that may be damaged or hostile: go-diskfs reads files, after every allocation chain was checked.
package fat

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/diskfs/go-diskfs/filesystem"
	"github.com/diskfs/go-diskfs/filesystem/fat12"
	"github.com/diskfs/go-diskfs/filesystem/fat16"
	"github.com/diskfs/go-diskfs/filesystem/fat32"

	"talos-nanopi-m6/internal/inspect/diskfs"
)

// ErrDamaged says that a FAT file system is damaged.
var ErrDamaged = errors.New("FAT file system is damaged")

// Limits on what is read of an EFI partition: files and directories, bytes of one file, and bytes of an allocation table.
const (
	maxFiles = 4096
	maxFile  = 256 << 20
	maxTable = 8 << 20
)

// FS is a FAT file system whose allocation table was checked, which go-diskfs then reads: it follows chains without
// looking for loops, and allocates what the boot sector says.
type FS struct {
	filesystem.FileSystem

	size    int64 // bytes
	cluster int64 // bytes
	data    int64 // where cluster 2 is, in bytes
	chains  chains
}

// chains is the checked allocation table.
type chains struct {
	next []uint32 // 0 is free, endOfChain ends a chain
	used int
}

const endOfChain = 0xffffffff

// Open checks and opens the FAT file system in r's first size bytes.
func Open(r io.ReaderAt, size int64) (*FS, error) {
	f := &FS{size: size}

	kind, err := f.check(r)
	if err != nil {
		return nil, err
	}

	s := diskfs.Storage{SectionReader: io.NewSectionReader(r, 0, size)}

	err = diskfs.Guard(func() error {
		var err error

		switch kind {
		case 12:
			f.FileSystem, err = fat12.Read(s, size, 0, 512)
		case 16:
			f.FileSystem, err = fat16.Read(s, size, 0, 512)
		default:
			f.FileSystem, err = fat32.Read(s, size, 0, 512)
		}

		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}

	return f, nil
}

// check reads boot sector and allocation tables. It gives the number of bits of the table's entries. Source: Microsoft's
// FAT specification (fatgen103).
func (f *FS) check(r io.ReaderAt) (int, error) {
	boot := make([]byte, 512)
	if _, err := r.ReadAt(boot, 0); err != nil {
		return 0, fmt.Errorf("%w: boot sector: %w", ErrDamaged, err)
	}

	if boot[510] != 0x55 || boot[511] != 0xaa {
		return 0, fmt.Errorf("%w: boot sector without signature", ErrDamaged)
	}

	le := binary.LittleEndian
	sector := int64(le.Uint16(boot[11:]))
	perCluster := int64(boot[13])
	reserved := int64(le.Uint16(boot[14:]))
	copies := int64(boot[16])
	rootEntries := int64(le.Uint16(boot[17:]))
	total := int64(le.Uint16(boot[19:]))
	table := int64(le.Uint16(boot[22:]))

	if total == 0 {
		total = int64(le.Uint32(boot[32:]))
	}

	wide := table == 0
	if wide {
		table = int64(le.Uint32(boot[36:]))
	}

	switch {
	case sector != 512:
		return 0, fmt.Errorf("%w: sectors of %d bytes, want 512", ErrDamaged, sector)
	case perCluster == 0 || perCluster&(perCluster-1) != 0:
		return 0, fmt.Errorf("%w: clusters of %d sectors", ErrDamaged, perCluster)
	case reserved == 0, copies != 2, table == 0:
		return 0, fmt.Errorf("%w: %d reserved sectors, %d tables of %d sectors", ErrDamaged, reserved, copies, table)
	case total*sector > f.size:
		return 0, fmt.Errorf("%w: %d sectors on %d bytes", ErrDamaged, total, f.size)
	}

	if table*sector > maxTable {
		return 0, fmt.Errorf("%w: an allocation table of %d bytes, more than the %d that are read", ErrDamaged, table*sector, maxTable)
	}

	data := reserved + copies*table + (rootEntries*32+sector-1)/sector
	if data >= total {
		return 0, fmt.Errorf("%w: no sectors left for files", ErrDamaged)
	}

	f.cluster, f.data = perCluster*sector, data*sector
	clusters := (total - data) / perCluster

	bits := 32

	switch {
	case clusters < 4085:
		bits = 12
	case clusters < 65525:
		bits = 16
	}

	if (bits == 32) != wide || wide != (rootEntries == 0) {
		return 0, fmt.Errorf("%w: %d clusters in a table of another width", ErrDamaged, clusters)
	}

	if table*sector*8 < (clusters+2)*int64(bits) {
		return 0, fmt.Errorf("%w: a table of %d sectors for %d clusters", ErrDamaged, table, clusters)
	}

	if bits == 32 {
		if root := le.Uint32(boot[44:]); root != 2 {
			return 0, fmt.Errorf("%w: root directory at cluster %d, want 2", ErrDamaged, root)
		}

		if err := backupBoot(r, boot); err != nil {
			return 0, err
		}
	}

	return bits, f.checkTables(r, reserved*sector, table*sector, clusters, bits)
}

// backupBoot compares FAT32's second boot sector with the first.
func backupBoot(r io.ReaderAt, boot []byte) error {
	at := binary.LittleEndian.Uint16(boot[50:])
	if at == 0 || at == 0xffff {
		return nil
	}

	b := make([]byte, 512)
	if _, err := r.ReadAt(b, int64(at)*512); err != nil {
		return fmt.Errorf("%w: second boot sector: %w", ErrDamaged, err)
	}

	if !bytes.Equal(b, boot) {
		return fmt.Errorf("%w: the second boot sector differs from the first", ErrDamaged)
	}

	return nil
}

func (f *FS) checkTables(r io.ReaderAt, start, size, clusters int64, bits int) error {
	a, b := make([]byte, size), make([]byte, size)

	for n, t := range [][]byte{a, b} {
		if _, err := r.ReadAt(t, start+int64(n)*size); err != nil {
			return fmt.Errorf("%w: table %d: %w", ErrDamaged, n+1, err)
		}
	}

	if !bytes.Equal(a, b) {
		return fmt.Errorf("%w: the two allocation tables differ", ErrDamaged)
	}

	return f.chains.read(a, clusters+2, bits)
}

// read takes the entries of a table, and checks that chains neither leave the file system, nor meet, nor loop.
func (c *chains) read(table []byte, n int64, bits int) error {
	c.next = make([]uint32, n)
	pointed := make([]bool, n)

	for k := int64(2); k < n; k++ {
		v := entry(table, k, bits)

		switch limit := uint32(1)<<min(bits, 28) - 1; {
		case v == 0:
			continue
		case v >= limit-7: // 0x…ff8 and up
			v = endOfChain
		case v == limit-8: // bad
			continue
		case int64(v) < 2 || int64(v) >= n:
			return fmt.Errorf("%w: cluster %d leads to %d of %d", ErrDamaged, k, v, n)
		case pointed[v]:
			return fmt.Errorf("%w: two clusters lead to %d", ErrDamaged, v)
		default:
			pointed[v] = true
		}

		c.next[k] = v
		c.used++
	}

	seen := 0

	for k := int64(2); k < n; k++ {
		if c.next[k] != 0 && !pointed[k] {
			seen += c.length(uint32(k))
		}
	}

	if seen != c.used {
		return fmt.Errorf("%w: %d clusters are in chains without a start", ErrDamaged, c.used-seen)
	}

	return nil
}

// length counts the clusters of the chain that starts at k; read made sure that it ends.
func (c *chains) length(k uint32) int {
	for n := 0; ; n++ {
		if k == endOfChain || int(k) >= len(c.next) || c.next[k] == 0 || n > c.used {
			return n
		}

		k = c.next[k]
	}
}

// entry is a value of the table.
func entry(table []byte, k int64, bits int) uint32 {
	le := binary.LittleEndian

	switch bits {
	case 12:
		v := uint32(le.Uint16(table[k+k/2:]))

		return v >> (k & 1 * 4) & 0xfff
	case 16:
		return uint32(le.Uint16(table[k*2:]))
	default:
		return le.Uint32(table[k*4:]) & 0x0fffffff
	}
}

// File is a file of the file system.
type File struct {
	Path string
	Size int64 // bytes
}

// Files lists all files, and checks that chains and sizes agree, that no two files share a cluster, and that none is lost.
func (f *FS) Files() ([]File, error) {
	w := &walk{FS: f, taken: make([]bool, len(f.chains.next)), used: f.rootClusters()}

	err := diskfs.Guard(func() error { return w.directory(".", 0) })
	if err == nil && w.used != f.chains.used {
		err = fmt.Errorf("%w: %d clusters are taken, files hold %d", ErrDamaged, f.chains.used, w.used)
	}

	slices.SortFunc(w.list, func(a, b File) int { return strings.Compare(a.Path, b.Path) })

	return w.list, err
}

// walk goes through all directories.
type walk struct {
	*FS

	list  []File
	seen  int
	used  int
	taken []bool // clusters
}

func (w *walk) directory(dir string, level int) error {
	if level > 16 {
		return fmt.Errorf("%w: directories within directories without end at %s", ErrDamaged, dir)
	}

	entries, err := w.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}

	for _, e := range entries {
		if w.seen++; w.seen > maxFiles {
			return fmt.Errorf("%w: more than %d files", ErrDamaged, maxFiles)
		}

		if err := w.entry(path.Join(dir, e.Name()), e.IsDir(), level); err != nil {
			return err
		}
	}

	return nil
}

func (w *walk) entry(p string, isDir bool, level int) error {
	chain, size, err := w.chainOf(p)
	if err != nil {
		return err
	}

	for _, c := range chain {
		if int(c) >= len(w.taken) || w.taken[c] {
			return fmt.Errorf("%w: cluster %d of %s is another file's, too", ErrDamaged, c, p)
		}

		w.taken[c] = true
	}

	w.used += len(chain)

	if isDir {
		return w.directory(p, level+1)
	}

	if want := (size + w.cluster - 1) / w.cluster; int64(len(chain)) != want {
		return fmt.Errorf("%w: %s has %d bytes in %d clusters of %d", ErrDamaged, p, size, len(chain), w.cluster)
	}

	w.list = append(w.list, File{Path: p, Size: size})

	return nil
}

// rootClusters counts FAT32's root directory, which is a chain like any other.
func (f *FS) rootClusters() int {
	if f.Type() == filesystem.TypeFat32 {
		return f.chains.length(2)
	}

	return 0
}

// chainOf gives the clusters and the size in bytes of a file or directory.
func (f *FS) chainOf(p string) ([]uint32, int64, error) {
	file, err := f.OpenFile(p, os.O_RDONLY)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrDamaged, err)
	}

	st, err := file.Stat()
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrDamaged, err)
	}

	if st.Size() == 0 && !st.IsDir() {
		return nil, 0, nil
	}

	chain, ok := file.(interface{ GetClusterChain() ([]uint32, error) })
	if !ok {
		return nil, 0, fmt.Errorf("%s: %T has no chain", p, file)
	}

	clusters, err := chain.GetClusterChain()
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %s: %w", ErrDamaged, p, err)
	}

	return clusters, st.Size(), nil
}

// Copy writes a file's content to w.
func (f *FS) Copy(w io.Writer, p string) error {
	err := diskfs.Guard(func() error {
		file, err := f.OpenFile(p, os.O_RDONLY)
		if err != nil {
			return err
		}

		st, err := file.Stat()
		if err != nil {
			return err
		}

		if st.Size() > maxFile || st.Size() > f.size {
			return fmt.Errorf("%s: %d bytes", p, st.Size())
		}

		// A read follows the file's chain from its start.
		n, err := io.CopyBuffer(w, io.LimitReader(file, st.Size()), make([]byte, 4<<20))
		if err == nil && n < st.Size() {
			err = io.ErrUnexpectedEOF
		}

		return err
	})
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrDamaged, p, err)
	}

	return nil
}

// Extent is a part of the file system, in bytes.
type Extent struct{ Start, End int64 }

// Free lists the clusters that no file holds, in order, those that touch as one extent.
func (f *FS) Free() []Extent {
	var list []Extent

	for k := 2; k < len(f.chains.next); k++ {
		if f.chains.next[k] != 0 {
			continue
		}

		start := f.data + int64(k-2)*f.cluster
		if n := len(list); n > 0 && list[n-1].End == start {
			list[n-1].End += f.cluster
		} else {
			list = append(list, Extent{start, start + f.cluster})
		}
	}

	return list
}
