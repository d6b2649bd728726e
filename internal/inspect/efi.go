// SPDX-License-Identifier: MPL-2.0

package inspect

import (
	"bytes"
	"crypto/sha256"
	"debug/pe"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"

	"talos-nanopi-m6/internal/board"
	"talos-nanopi-m6/internal/fdt"
	"talos-nanopi-m6/internal/inspect/fat"
	"talos-nanopi-m6/internal/inspect/grub"
	"talos-nanopi-m6/internal/inspect/pefile"
)

// EFI is the EFI partition: what U-Boot reads.
type EFI struct {
	Files []File `json:"files"`
	// Loader is the program U-Boot starts, Machine what it is for.
	Loader  string `json:"loader,omitempty"`
	Machine string `json:"machine,omitempty"`
	// GRUB is the loader's, where it is one.
	GRUB *grub.Image `json:"grub,omitempty"`
	// DeviceTrees are those U-Boot may hand to the kernel.
	DeviceTrees []DeviceTree `json:"deviceTrees,omitempty"`
	// Problem says why the rest is missing.
	Problem string `json:"problem,omitempty"`
}

// File is a file with its size in bytes.
type File struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256,omitempty"`
}

// DeviceTree is what a device tree says it is for.
type DeviceTree struct {
	Path string `json:"path,omitempty"`
	// Size is the file's, TotalSize what the tree's header says, in bytes.
	Size       int64    `json:"size"`
	TotalSize  int64    `json:"totalSize,omitempty"`
	SHA256     string   `json:"sha256,omitempty"`
	Model      string   `json:"model,omitempty"`
	Compatible []string `json:"compatible,omitempty"`
	// Boards is which of this project's boards the tree is for (board.FirstRevision, "V2"), empty for another board's.
	Boards string `json:"boards,omitempty"`
	// Console is what the tree's chosen node says.
	Console string `json:"console,omitempty"`
	Problem string `json:"problem,omitempty"`
}

// defaultLoader is what U-Boot's EFI boot manager starts on arm64 (UEFI Specification 2.10, 3.5.1.1).
const defaultLoader = "EFI/BOOT/BOOTAA64.EFI"

// Limits on what is read of an EFI partition, in bytes: its files together, a boot loader, and a device tree. Talos' partition has
// 100 MiB, its GRUB 3 MiB; U-Boot gives a device tree 1 MiB.
const (
	maxEFI       = 256 << 20
	maxEFILoader = 16 << 20
	maxTree      = 2 * fdt.MaxSize
)

// readEFI reads an EFI partition.
func readEFI(r io.ReaderAt, size int64) *EFI {
	e := &EFI{}

	f, err := fat.Open(r, size)
	if err != nil {
		e.Problem = err.Error()

		return e
	}

	list, err := f.Files()
	if err != nil {
		e.Problem = err.Error()
	}

	total := int64(0)

	for _, file := range list {
		if total += file.Size; total > maxEFI {
			e.Problem = fmt.Sprintf("its files have more than the %d bytes that are read", maxEFI)

			break
		}

		isLoader, isTree := strings.EqualFold(file.Path, defaultLoader), strings.HasSuffix(strings.ToLower(file.Path), ".dtb")

		limit := 0

		switch {
		case isLoader:
			limit = maxEFILoader
		case isTree:
			limit = maxTree
		}

		content := keep(limit)
		if err := f.Copy(content, file.Path); err != nil {
			e.Problem = err.Error()

			continue
		}

		e.Files = append(e.Files, File{file.Path, file.Size, content.digest()})

		if limit > 0 && file.Size > int64(limit) {
			e.Problem = fmt.Sprintf("%s: %d bytes, more than the %d that are read", file.Path, file.Size, limit)

			continue
		}

		if isLoader {
			e.Loader, e.Machine, e.GRUB = file.Path, machine(content.b), grub.ReadImage(content.b)
		}

		if isTree {
			tree := readDeviceTree(content.b)
			tree.Path = file.Path
			e.DeviceTrees = append(e.DeviceTrees, tree)
		}
	}

	return e
}

// machine names the machine a PE program is for.
func machine(b []byte) string {
	f, err := pefile.Open(bytes.NewReader(b))
	if err != nil {
		return "no program: " + err.Error()
	}

	switch f.Machine {
	case pe.IMAGE_FILE_MACHINE_ARM64:
		return "arm64"
	case pe.IMAGE_FILE_MACHINE_AMD64:
		return "amd64"
	}

	return fmt.Sprintf("%#x", f.Machine)
}

// readDeviceTree reads a flattened device tree.
func readDeviceTree(b []byte) DeviceTree {
	t := DeviceTree{Size: int64(len(b)), SHA256: digest(b)}

	tree, err := fdt.Read(b)
	if err != nil {
		t.Problem = err.Error()

		return t
	}

	t.TotalSize, _ = fdt.TotalSize(b) // Read did it as well
	t.Model = fdt.String(tree.RootNode, "model")
	t.Compatible = slices.Clone(fdt.Strings(tree.RootNode, "compatible"))
	t.Boards = board.Boards(t.Model, t.Compatible)

	if chosen := fdt.Lookup(tree.RootNode, "/chosen"); chosen != nil {
		t.Console = fdt.String(chosen, "stdout-path")
	}

	return t
}

// digest is the SHA-256 sum in hexadecimal.
func digest(b []byte) string {
	s := sha256.Sum256(b)

	return hex.EncodeToString(s[:])
}
