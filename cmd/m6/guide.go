// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"talos-nanopi-m6/internal/disk"
)

// imageNames are what disk images are called, in the folder itself and in a build's result below it.
var imageNames = []string{"*.raw.zst", "*.raw.xz", "*.raw", "result/*.raw.zst", "result/*.raw.xz"}

// guide leads from an image in the folder to a disk: it shows both, asks once, and writes.
func (f *flashing) guide(ctx context.Context) error {
	name, err := findImage()
	if err != nil {
		return withCode(exitInput, err)
	}

	targets, err := f.host.Targets()
	if err != nil {
		return withCode(exitFailed, err)
	}

	fmt.Fprintf(f.say, "The image in this folder: %s\n\nDisks of this machine:\n\n", name)

	var fit []disk.Target

	for _, t := range targets {
		if f.unmount { // before it is written
			t.Uses = slices.DeleteFunc(t.Uses, func(u disk.Use) bool { return u.Mount != "" && !u.System })
		}

		if err := t.Refuse(0, f.overwrite); err != nil {
			fmt.Fprintf(f.say, "      %-14s %s\n                     no: %s\n", t.Path, describe(t), reason(err))

			continue
		}

		fit = append(fit, t)
		fmt.Fprintf(f.say, "  %2d  %-14s %s\n", len(fit), t.Path, describe(t))
	}

	fmt.Fprintln(f.say)

	switch {
	case len(fit) == 0:
		return withCode(exitRefused, errors.New("there is no disk to write to: put a card in"))
	case !f.person():
		return withCode(exitRefused, errors.New("nobody is there to ask: name the image and the disk"))
	}

	answer, err := ask(ctx, f.in, f.say, fmt.Sprintf("Everything on the disk will be lost. Write the image to which? Type its number (1 to %d), nothing to leave: ", len(fit)))
	if err != nil {
		return withCode(exitRefused, fmt.Errorf("nothing was written: %w", err))
	}

	n, err := strconv.Atoi(answer)
	if err != nil || n < 1 || n > len(fit) {
		return withCode(exitRefused, fmt.Errorf("nothing was written: the answer was %q", answer))
	}

	f.agreed = &fit[n-1]

	return f.run(ctx, name, f.agreed.Path)
}

// findImage finds the one image of this folder.
func findImage() (string, error) {
	var found []string

	for _, pattern := range imageNames {
		list, err := filepath.Glob(filepath.FromSlash(pattern))
		if err != nil {
			return "", err
		}

		found = append(found, slices.DeleteFunc(list, func(p string) bool {
			st, err := os.Stat(p)

			return err != nil || !st.Mode().IsRegular()
		})...)
	}

	switch len(found) {
	case 0:
		return "", fmt.Errorf("no disk image in this folder (%s): go to where it is, or name it", strings.Join(imageNames[:3], ", "))
	case 1:
		return found[0], nil
	}

	return "", fmt.Errorf("more than one disk image in this folder (%s): name one", strings.Join(found, ", "))
}

// stillAgreed says what is different about a disk since a person chose it, or nil.
func (f *flashing) stillAgreed(t disk.Target) error {
	if a := f.agreed; a.Size != t.Size || a.Model != t.Model || a.Serial != t.Serial || !slices.Equal(a.Content, t.Content) {
		return fmt.Errorf("%s: %w: it is another disk than the one that was chosen: %s, not %s", t.Path, disk.ErrTarget, describe(t), describe(*a))
	}

	return nil
}
