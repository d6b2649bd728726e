// SPDX-License-Identifier: MPL-2.0

// The overlay installer: the Talos imager and Talos' installer on a node run it as `installers/nanopi-m6 get-options` and
// `installers/nanopi-m6 install`, with YAML on standard input (docs/installer.md).
package main

import (
	"context"

	"github.com/siderolabs/talos/pkg/machinery/overlay/adapter"
)

func main() {
	adapter.Execute(context.Background(), &installer{})
}
