// SPDX-License-Identifier: MPL-2.0

// Drives the overlay installer's binary through the code that Talos 1.13.9 runs it with.
module talos-nanopi-m6/nix/tests/programs/executor/v1.13

go 1.26.6

require (
	github.com/siderolabs/talos v1.13.9
	github.com/siderolabs/talos/pkg/machinery v1.13.9
)

require go.yaml.in/yaml/v4 v4.0.0-rc.4 // indirect
