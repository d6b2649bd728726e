// SPDX-License-Identifier: MPL-2.0

package verify

import (
	"maps"
	"slices"
	"strings"

	"talos-nanopi-m6/internal/board"
	"talos-nanopi-m6/internal/inspect"
)

// overlay checks that the Talos imager and nodes find what they look for.
func (l *list) overlay(o *inspect.Overlay, options Options) {
	if o.Layout == "OCI" {
		var platforms []string
		for _, i := range o.Images {
			platforms = append(platforms, i.Platform)
		}

		slices.Sort(platforms)

		l.expect("overlay.platforms", slices.Equal(platforms, []string{"linux/amd64", "linux/arm64"}),
			strings.Join(platforms, ", "),
			"images for "+strings.Join(platforms, ", ")+": the imager pulls its own architecture's, nodes pull linux/arm64")
	}

	for _, i := range o.Images {
		l.overlayImage(i, options)
	}
}

func (l *list) overlayImage(i inspect.OverlayImage, options Options) {
	at := ""
	if i.Platform != "" {
		at = " (" + i.Platform + ")"
	}

	l.expect("overlay.installer"+at, slices.Contains(i.Installers, board.Name),
		"installers/"+board.Name, "no installers/"+board.Name+", which Talos runs")
	l.expect("overlay.profile"+at, slices.Contains(i.Profiles, board.Name+".yaml"),
		strings.Join(i.Profiles, ", "), "no profiles/"+board.Name+".yaml")

	for _, p := range i.Problems {
		l.add("overlay"+at, Fail, "%s", p)
	}

	trees := slices.DeleteFunc(slices.Clone(i.DeviceTrees), func(t inspect.DeviceTree) bool {
		return !strings.HasSuffix(t.Path, "/"+board.DeviceTrees[0])
	})
	if len(trees) == 0 {
		l.add("overlay.devicetree"+at, Fail, "no artifacts/arm64/%s", board.DeviceTree)
	}

	for _, t := range trees {
		l.tree("overlay.devicetree"+at, t, "")
	}

	if len(i.Loaders) == 0 {
		l.add("overlay.loader"+at, Fail, "no artifacts/arm64/u-boot/%s/%s", board.Name, board.MMC.File)
	}

	for _, p := range slices.Sorted(maps.Keys(i.Loaders)) {
		b := i.Loaders[p]
		sub := &list{}
		sub.loader(&b, options)

		for _, c := range sub.checks {
			l.add("overlay."+c.Name+at, c.Status, "%s: %s", p, c.Reason)
		}
	}
}
