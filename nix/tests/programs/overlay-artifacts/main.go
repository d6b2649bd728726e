// SPDX-License-Identifier: MPL-2.0

// artifacts writes an overlay's artifacts/ for tests that drive the installer's binary from another Go module.
package main

import (
	"flag"
	"fmt"
	"os"

	"talos-nanopi-m6/internal/fixture/rockchiploader"
)

func main() {
	spec := rockchiploader.Real

	flag.Uint64Var(&spec.Seed, "seed", spec.Seed, "makes boot loaders differ")
	flag.BoolVar(&spec.StandIn, "stand-in", false, "no DDR blob")
	flag.Parse()

	if err := rockchiploader.Artifacts(flag.Arg(0), spec); err != nil {
		fmt.Fprintf(os.Stderr, "artifacts: %v\n", err)
		os.Exit(1)
	}
}
