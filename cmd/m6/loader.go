// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"talos-nanopi-m6/internal/disk"
	"talos-nanopi-m6/internal/image"
	"talos-nanopi-m6/internal/inspect/render"
	"talos-nanopi-m6/internal/medium"
	"talos-nanopi-m6/internal/rockchip"
)

// writeLoader writes the boot loader alone, in the order that leaves one that starts whatever stops it.
func (f *flashing) writeLoader(ctx context.Context, name, device string) (err error) {
	loader, err := readLoader(ctx, name)
	if err != nil {
		return withCode(exitInput, err)
	}

	if loader.StandIn && !f.verify.AllowStandIn {
		return withCode(exitInput, fmt.Errorf("%s: %w (--allow-stand-in writes it all the same)", name, rockchip.ErrStandIn))
	}

	dev, err := f.claimLoader(ctx, device, name)
	if err != nil {
		return withCode(exitRefused, err)
	}

	d, err := medium.NewDisk(dev)
	if err != nil {
		return withCode(exitRefused, errors.Join(err, dev.Close()))
	}

	defer func() { err = errors.Join(err, withCode(exitMedium, d.Close())) }()

	if _, err := medium.CheckRoom(d, loader.Layout.IDBlock, loader.End()); err != nil {
		return withCode(exitRefused, err)
	}

	parts, err := medium.LoaderParts(d, loader)
	if err != nil {
		return withCode(exitRefused, err)
	}

	if err := ctx.Err(); err != nil {
		return err
	}

	done, err := medium.Update(d, parts)
	if err != nil {
		return withCode(exitMedium, err)
	}

	return withCode(exitFailed, f.reportLoader(device, done))
}

// claimLoader is claim for a disk whose content stays.
func (f *flashing) claimLoader(ctx context.Context, device, name string) (*disk.Disk, error) {
	overwrite := f.overwrite
	f.overwrite = true

	defer func() { f.overwrite = overwrite }()

	return f.claim(ctx, device, name, 0)
}

// loaderOutcome is what became of a part of the loader.
type loaderOutcome struct {
	Name    string `json:"name"`
	Offset  int64  `json:"offset"`
	Size    int    `json:"size"`
	Written bool   `json:"written"`
	SHA256  string `json:"sha256"`
}

func (f *flashing) reportLoader(device string, done []medium.Outcome) error {
	var list []loaderOutcome
	for _, o := range done {
		list = append(list, loaderOutcome{o.Name, o.Offset, len(o.Data), o.Written, fmt.Sprintf("%x", o.SHA256)})
	}

	if *f.format == outputJSON {
		return writeJSON(f.out, list)
	}

	for _, o := range list {
		what := "written and compared"
		if !o.Written {
			what = "there already"
		}

		if _, err := fmt.Fprintf(f.out, "%s: %s at byte %d, %s: %s\n", device, o.Name, o.Offset, render.Bytes(int64(o.Size)), what); err != nil {
			return err
		}
	}

	return nil
}

// readLoader reads the boot loader from u-boot-rockchip.bin, or from where it is in a disk image.
func readLoader(ctx context.Context, name string) (*rockchip.Loader, error) {
	d, err := image.OpenDisk(ctx, name)
	if err != nil {
		return nil, err
	}
	defer d.Close() // read only

	layout := rockchip.MMC
	start := layout.FileStart

	head := make([]byte, len(rockchip.Magic))
	if _, err := d.ReadAt(head, 0); err == nil && string(head) == rockchip.Magic {
		start = 0
	}

	loader, err := rockchip.ReadLoader(d, start, layout)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}

	return loader, nil
}
