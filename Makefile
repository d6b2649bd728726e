# SPDX-License-Identifier: MPL-2.0
# The two commands of the README; nix/debian/build does the work.
.PHONY: image test

image:
	@nix/debian/build image

test:
	@nix/debian/build test
