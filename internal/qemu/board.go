// SPDX-License-Identifier: MPL-2.0

package qemu

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"talos-nanopi-m6/internal/medium"
	"talos-nanopi-m6/internal/rockchip"
)

// BoardProgram is the QEMU that has the model of the board (nix/tests/qemu): no other has.
const BoardProgram = "qemu-nanopi-m6"

// BoardDisks are the media a board takes an image from. The mask ROM reads the card and the eMMC module; from NVMe and
// USB the image starts with the loader on a card.
var BoardDisks = []Disk{SD, EMMC, NVMe, USB}

// boardCores is what an RK3588S has.
const boardCores = 8

// Memory of the boards that are sold, in MiB.
const (
	boardMemoryDefault  = 4 << 10
	boardMemorySmallest = 2 << 10
	boardMemoryLargest  = 32 << 10
)

// smallestCard is in bytes: the model's cards are SDHC, which begins above 2 GiB.
const smallestCard = 4 << 30

// needsCard says that the mask ROM cannot read the medium: the loader is on a card beside it.
func (d Disk) needsCard() bool { return d == NVMe || d == USB }

// boardArgs is QEMU's command line for the board's model. image is an absolute path.
func (o Options) boardArgs(image string) ([]string, error) {
	switch {
	case !slices.Contains(BoardDisks, o.Disk):
		return nil, fmt.Errorf("disk %q: the board has %v", o.Disk, BoardDisks)
	case o.CPUs != boardCores:
		return nil, fmt.Errorf("%d CPUs: the board has %d", o.CPUs, boardCores)
	case o.MemoryMiB < boardMemorySmallest || o.MemoryMiB > boardMemoryLargest || bits.OnesCount(uint(o.MemoryMiB)) != 1:
		return nil, fmt.Errorf("%d MiB of memory: boards have 2048, 4096, 8192, 16384 or 32768", o.MemoryMiB)
	case o.KVM:
		return nil, errors.New("the board's model starts at EL3, which KVM does not offer")
	case o.Card != "" && !o.Disk.needsCard():
		return nil, fmt.Errorf("card %s: with the image on %s the loader is there as well", o.Card, o.Disk)
	}

	user := "user"
	if o.APIPort != 0 {
		user += fmt.Sprintf(",hostfwd=tcp:127.0.0.1:%d-:%d", o.APIPort, APIPort)
	}

	args := []string{
		"-nodefaults", "-no-user-config",
		"-display", "none",
		"-machine", "nanopi-m6",
		"-m", strconv.Itoa(o.MemoryMiB),
		"-nic", user,
		"-d", "trace:nanopi_m6_led",
	}

	if o.CountInstructions {
		args = append(args, "-icount", "shift=1,sleep=on")
	}

	file := "format=raw,snapshot=on,file=" + escape(image)

	switch o.Disk {
	case SD:
		args = append(args, "-drive", "if=sd,index=0,"+file)
	case EMMC:
		args = append(args, "-drive", "if=sd,index=1,"+file)
	case NVMe:
		args = append(args, "-drive", "if=none,id=disk,"+file, "-device", "nvme,bus=m2m,drive=disk,serial=nanopi-m6")
	case USB:
		args = append(args, "-drive", "if=none,id=disk,"+file, "-device", "usb-storage,bus=usb-bus.4,drive=disk,serial=nanopi-m6")
	}

	if o.Card != "" {
		card, err := filepath.Abs(o.Card)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.Card, err)
		}

		args = append(args, "-drive", "if=sd,index=0,format=raw,snapshot=on,file="+escape(card))
	}

	if o.Interactive {
		return append(args, "-chardev", "stdio,id=console,mux=on,signal=off", "-serial", "chardev:console", "-mon", "chardev=console"), nil
	}

	return append(args, "-chardev", "stdio,id=board,signal=off", "-serial", "chardev:board", "-monitor", "none"), nil
}

// PrepareBoard is Prepare for the board's model. card is a file with the image's own boot loader, for a disk that the
// mask ROM cannot read, or "".
func PrepareBoard(ctx context.Context, path, dir string, disk Disk) (m Medium, card string, err error) {
	if !disk.needsCard() {
		m, err = prepare(ctx, path, dir, func(n int64) int64 { return max(cardSize(n), smallestCard) })

		return m, "", err
	}

	if m, err = Prepare(ctx, path, dir, disk); err == nil {
		card, err = loaderCard(m.Path, dir)
	}

	return m, card, err
}

// loaderCard makes a card that has the image's loader and nothing else, as `m6 flash --loader-only` does.
func loaderCard(image, dir string) (string, error) {
	from, err := os.Open(image)
	if err != nil {
		return "", err
	}
	defer from.Close() // read only

	loader, err := rockchip.ReadLoader(from, rockchip.MMC.FileStart, rockchip.MMC)
	if err != nil {
		return "", fmt.Errorf("%s: %w", image, err)
	}

	f, err := os.Create(filepath.Join(dir, "card.raw"))
	if err != nil {
		return "", err
	}

	err = f.Truncate(smallestCard)

	var parts []medium.Part

	if err == nil {
		parts, err = medium.LoaderParts(cardFile{f}, smallestCard, loader)
	}

	if err == nil {
		_, err = medium.Update(cardFile{f}, parts)
	}

	return f.Name(), errors.Join(err, f.Close())
}

// cardFile is a file as medium writes to it.
type cardFile struct{ *os.File }

func (cardFile) BlockSize() int { return 512 }
func (cardFile) Blank() byte    { return 0 }
