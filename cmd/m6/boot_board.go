// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"talos-nanopi-m6/internal/medium"
	"talos-nanopi-m6/internal/qemu"
)

// onBoard is o with the media that the board's model takes, made in dir where there are none. From a disk that the mask
// ROM cannot read the image starts with its own loader on a card.
func onBoard(ctx context.Context, o qemu.Options, dir string) (qemu.Options, error) {
	m, err := qemu.PrepareBoard(ctx, o.Image, dir, o.Disk)
	if err == nil && o.Disk.NeedsCard() {
		o.Card, err = loaderCard(ctx, m.Path, dir)
	}

	o.Image = m.Path

	return o, err
}

// loaderCard makes a card that has the image's loader and nothing else, as `m6 flash --loader-only` does.
func loaderCard(ctx context.Context, image, dir string) (string, error) {
	loader, err := readLoader(ctx, image)
	if err != nil {
		return "", err
	}

	f, err := os.Create(filepath.Join(dir, "card.raw"))
	if err != nil {
		return "", err
	}

	err = f.Truncate(qemu.SmallestCard)

	var parts []medium.Part

	if err == nil {
		parts, err = medium.LoaderParts(cardFile{f}, qemu.SmallestCard, loader)
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

// showLEDs has the terminal's title show the board's LEDs, and gives what ends that. Titles are xterm's operating system
// command 2, kept and put back by its window operations 22 and 23.
func showLEDs(terminal io.Writer, o *qemu.Options) (end func()) {
	lit := map[string]string{"sys_led": "○", "user_led": "○"}

	fmt.Fprint(terminal, "\x1b[22;2t")

	o.LEDs = func(l qemu.LED) {
		lit[l.Name] = "○"
		if l.On {
			lit[l.Name] = "●"
		}

		fmt.Fprintf(terminal, "\x1b]2;NanoPi M6  SYS %s  USER %s\a", lit["sys_led"], lit["user_led"])
	}

	return func() { fmt.Fprint(terminal, "\x1b[23;2t") }
}
