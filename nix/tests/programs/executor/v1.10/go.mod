// SPDX-License-Identifier: MPL-2.0

// Drives the overlay installer's binary through the code that Talos 1.10.6 runs it with.
module talos-nanopi-m6/nix/tests/programs/executor/v1.10

go 1.26.6

require (
	github.com/siderolabs/talos v1.10.6
	github.com/siderolabs/talos/pkg/machinery v1.10.6
)

require gopkg.in/yaml.v3 v3.0.1 // indirect
