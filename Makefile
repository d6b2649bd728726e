# SPDX-License-Identifier: MPL-2.0
# A list of what can be done here; each line is done by the script it names.
.PHONY: help image test test-all checks check fmt boot

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | while IFS='	' read -r name text; do printf '  make %-9s %s\n' "$$name" "$$text"; done

image: ## build result/metal-arm64.raw.zst on Debian (README.md, "I build")
	@nix/debian/build image

test: ## build every check, boots in QEMU among them; the release's gate
	@nix/debian/build test

test-all: test ## the same, more on the board's model, programs and kernel again
	@nix/debian/build board-linux board-boot board-node reproducible-programs reproducible-kernel

checks: ## list the checks, each with its promise; one: nix/debian/build checks.NAME
	@for file in nix/tests/*.nix; do printf '  %-22s %s\n' "$$(basename "$$file" .nix)" "$$(sed -n '2s/^# //p' "$$file" | cut -c-120)"; done | grep -v '^  default '

check: ## what needs no Nix build: format, vet, lint, unit tests (minutes)
	@.ci/check

fmt: ## write Go, and Nix where nixfmt is installed, as their formatters do
	@git ls-files '*.go' | xargs gofmt -w
	@! command -v nixfmt >/dev/null || git ls-files '*.nix' | xargs nixfmt

boot: ## start result/metal-arm64.raw.zst in QEMU; ARGS="--disk nvme"
	@nix/debian/boot $(ARGS)
