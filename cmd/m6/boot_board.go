// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"talos-nanopi-m6/internal/disk"
	"talos-nanopi-m6/internal/medium"
	"talos-nanopi-m6/internal/qemu"
)

// withMedia is o with media that QEMU takes, made in dir where there are none. On the board, from a disk that the mask ROM
// cannot read the image starts with its own loader on a card.
func withMedia(ctx context.Context, o qemu.Options, dir string) (qemu.Options, error) {
	m, err := o.Prepare(ctx, dir)
	o.Image = m.Path

	if err == nil && o.Board && o.Disk.NeedsCard() {
		o.Card, err = loaderCard(ctx, o.Image, dir)
	}

	return o, err
}

// loaderCard makes a card that has the image's loader and nothing else, as `m6 flash --loader-only` does.
func loaderCard(ctx context.Context, image, dir string) (string, error) {
	loader, err := readLoader(ctx, image)
	if err != nil {
		return "", err
	}

	name := filepath.Join(dir, "card.raw")
	if err := errors.Join(os.WriteFile(name, nil, 0o600), os.Truncate(name, qemu.SmallestCard)); err != nil {
		return "", err
	}

	dev, err := disk.Open(name)
	if err != nil {
		return "", err
	}

	d, err := medium.NewDisk(dev)
	if err != nil {
		return "", errors.Join(err, dev.Close())
	}

	parts, err := medium.LoaderParts(d, loader)
	if err == nil {
		_, err = medium.Update(d, parts)
	}

	return name, errors.Join(err, d.Close())
}

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
