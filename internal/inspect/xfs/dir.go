// SPDX-License-Identifier: MPL-2.0

package xfs

import (
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// maxDirectory is the largest directory that is read, in bytes.
const maxDirectory = 4 << 20

// dirSpace is where, in a directory's own address space, the data blocks end and the index begins: 32 GiB.
const dirSpace = 32 << 30

// name is a directory entry.
type name struct {
	name  string
	inode uint64
}

// entries lists a directory without "." and "..".
func (f *FS) entries(i *inode) ([]name, error) {
	var (
		list []name
		err  error
	)

	switch {
	case !i.isDir():
		return nil, fmt.Errorf("inode %d is not a directory", i.number)
	case i.format == formatLocal:
		list, err = shortForm(i.local)
	default:
		list, err = f.dirBlocks(i)
	}

	if err == nil {
		err = f.spend(0, int64(len(list)))
	}

	if err != nil {
		return nil, fmt.Errorf("directory inode %d: %w", i.number, err)
	}

	return list, nil
}

// shortForm reads a directory that lies in its inode (xfs_dir2_sf_hdr, xfs_dir2_sf_entry).
func shortForm(b []byte) ([]name, error) {
	if len(b) < 6 {
		return nil, fmt.Errorf("%w: %d bytes", ErrDamaged, len(b))
	}

	count, number := int(b[0]), 4
	if b[1] != 0 { // some numbers need 64 bits
		number = 8
		count = max(count, int(b[1]))
	}

	if len(b) < 2+number {
		return nil, fmt.Errorf("%w: %d bytes", ErrDamaged, len(b))
	}

	b = b[2+number:] // the parent

	list := make([]name, 0, count)

	for range count {
		if len(b) < 1 || len(b) < 3+int(b[0])+1+number || b[0] == 0 {
			return nil, fmt.Errorf("%w: an entry ends past the directory", ErrDamaged)
		}

		n := int(b[0])
		e := name{name: string(b[3 : 3+n])}

		if number == 4 {
			e.inode = uint64(be.Uint32(b[3+n+1:]))
		} else {
			e.inode = be.Uint64(b[3+n+1:])
		}

		list = append(list, e)
		b = b[3+n+1+number:]
	}

	return list, nil
}

// dirHeader is the size of a directory data block's header, in bytes; dirSum where its checksum is.
const (
	dirHeader = 64
	dirSum    = 4
)

func (f *FS) dirBlocks(i *inode) ([]name, error) {
	if i.size > maxDirectory {
		return nil, fmt.Errorf("%w: a directory of %d bytes", ErrUnsupported, i.size)
	}

	if i.size == 0 || i.size%f.dirBlockSize != 0 {
		return nil, fmt.Errorf("%w: %d bytes in blocks of %d", ErrDamaged, i.size, f.dirBlockSize)
	}

	var list []name

	for off := int64(0); off < min(i.size, dirSpace); off += f.dirBlockSize {
		if err := f.spend(f.dirBlockSize, 0); err != nil {
			return nil, err
		}

		b := make([]byte, f.dirBlockSize)
		if err := f.readAt(i, b, off); err != nil {
			return nil, err
		}

		end := len(b)

		switch magic := string(b[:4]); magic {
		case "XDB3": // the only block: its index is at its end (xfs_dir2_block_tail)
			leaves := int64(be.Uint32(b[end-8:]))
			if leaves*8+8+dirHeader > int64(end) {
				return nil, fmt.Errorf("%w: %d index entries in a block", ErrDamaged, leaves)
			}

			end -= int(leaves)*8 + 8
		case "XDD3":
		case "\x00\x00\x00\x00": // a hole
			continue
		default:
			return nil, fmt.Errorf("%w: directory block magic %q", ErrDamaged, magic)
		}

		if err := sum(b, dirSum, fmt.Sprintf("directory block at %d", off)); err != nil {
			return nil, err
		}

		var err error
		if list, err = dataEntries(list, b[dirHeader:end]); err != nil {
			return nil, err
		}
	}

	return list, nil
}

// dataEntries appends the entries of one block (xfs_dir2_data_entry, xfs_dir2_data_unused).
func dataEntries(list []name, b []byte) ([]name, error) {
	for len(b) > 0 {
		if len(b) < 8 {
			return nil, fmt.Errorf("%w: %d bytes after the last entry", ErrDamaged, len(b))
		}

		size := int(be.Uint16(b[2:]))

		if be.Uint16(b) != 0xffff {
			if len(b) < 9 || b[8] == 0 {
				return nil, fmt.Errorf("%w: an entry without a name", ErrDamaged)
			}

			n := int(b[8])
			size = (9 + n + 1 + 2 + 7) &^ 7 // number, length, name, type, tag; in units of 8 bytes

			if size > len(b) {
				return nil, fmt.Errorf("%w: an entry ends past its block", ErrDamaged)
			}

			if e := string(b[9 : 9+n]); e != "." && e != ".." {
				list = append(list, name{e, be.Uint64(b)})
			}
		}

		if size < 8 || size%8 != 0 || size > len(b) {
			return nil, fmt.Errorf("%w: a directory entry of %d bytes", ErrDamaged, size)
		}

		b = b[size:]
	}

	return list, nil
}

// lookup walks to a path as io/fs writes it.
func (f *FS) lookup(p string) (*inode, error) {
	i, err := f.inodeAt(f.root)
	if err != nil || p == "." {
		return i, err
	}

	for part := range strings.SplitSeq(p, "/") {
		list, err := f.entries(i)
		if err != nil {
			return nil, err
		}

		k := slices.IndexFunc(list, func(n name) bool { return n.name == part })
		if k < 0 {
			return nil, fs.ErrNotExist
		}

		if i, err = f.inodeAt(list[k].inode); err != nil {
			return nil, err
		}
	}

	return i, nil
}

// Open opens a file for reading; a regular one is an io.ReaderAt as well.
func (f *FS) Open(p string) (fs.File, error) {
	if !fs.ValidPath(p) {
		return nil, &fs.PathError{Op: "open", Path: p, Err: fs.ErrInvalid}
	}

	i, err := f.lookup(p)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: p, Err: err}
	}

	o := &file{fs: f, i: i, name: path.Base(p)}

	if i.isDir() {
		return &directory{file: o}, nil
	}

	if !i.isFile() {
		return nil, &fs.PathError{Op: "open", Path: p, Err: fmt.Errorf("mode %o: %w", i.mode, ErrUnsupported)}
	}

	return o, nil
}

// directory is an open directory.
type directory struct {
	*file

	rest []fs.DirEntry
	read bool
}

func (d *directory) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: fs.ErrInvalid}
}

func (d *directory) ReadDir(n int) ([]fs.DirEntry, error) {
	if !d.read {
		list, err := d.fs.entries(d.i)
		if err != nil {
			return nil, &fs.PathError{Op: "readdir", Path: d.name, Err: err}
		}

		for _, e := range list {
			i, err := d.fs.inodeAt(e.inode)
			if err != nil {
				return nil, &fs.PathError{Op: "readdir", Path: path.Join(d.name, e.name), Err: err}
			}

			d.rest = append(d.rest, fs.FileInfoToDirEntry(info{e.name, i}))
		}

		slices.SortFunc(d.rest, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })

		d.read = true
	}

	if n <= 0 {
		list := d.rest
		d.rest = nil

		return list, nil
	}

	if len(d.rest) == 0 {
		return nil, io.EOF
	}

	n = min(n, len(d.rest))
	list := d.rest[:n]
	d.rest = d.rest[n:]

	return list, nil
}
