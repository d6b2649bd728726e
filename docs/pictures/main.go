// SPDX-License-Identifier: MPL-2.0

// Command pictures draws the pictures of docs/architecture.md from the code:
//
//	go run ./docs/pictures           writes docs/pictures/*.svg
//	go run ./docs/pictures -check    says which are not as the code is
//
// Needs Nix for the derivations; nothing is built.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

const folder = "docs/pictures"

func main() {
	check := flag.Bool("check", false, "write nothing; fail where a picture is not as the code is")
	flag.Parse()

	if err := run(*check); err != nil {
		fmt.Fprintf(os.Stderr, "pictures: %v\n", err)
		os.Exit(1)
	}
}

func run(check bool) error {
	packages, err := packages(".")
	if err != nil {
		return err
	}

	derivations, err := derivations()
	if err != nil {
		return err
	}

	var stale []error

	for name, content := range map[string][]byte{
		"packages.svg":    packages.svg("Go packages: each needs what its lines lead down to"),
		"derivations.svg": derivations.svg("Derivations of default.nix: each is made of what its lines lead down to"),
	} {
		file := filepath.Join(folder, name)

		if !check {
			if err := os.WriteFile(file, content, 0o644); err != nil {
				return err
			}

			continue
		}

		if have, err := os.ReadFile(file); err != nil || !bytes.Equal(have, content) {
			stale = append(stale, fmt.Errorf("%s is not as the code is: go run ./docs/pictures", file))
		}
	}

	return errors.Join(stale...)
}

// named lists the derivations of default.nix that have a name of their own there, but for what only checks.
const named = `
  let
    set = import ./. { };
    flat = set // { installer-amd64 = set.installer.amd64; installer-arm64 = set.installer.arm64; kernel-unsigned = set.kernels.lts; };
    drv = name: builtins.tryEval (let v = flat.${name}; in if builtins.isAttrs v && v ? drvPath then v.drvPath else "");
    kept = builtins.filter (name: (drv name).success && (drv name).value != "")
      (builtins.attrNames (removeAttrs flat [ "board-boot" "board-linux" "board-node" "checks" "go-lint" "kubernetes" "kubernetes-worker" "reproducible-kernel" "reproducible-programs" ]));
  in
  map (name: { inherit name; path = flat.${name}.drvPath; }) kept
`

// derivations is the graph of default.nix' packages.
func derivations() (graph, error) {
	out, err := command("nix-instantiate", "--eval", "--strict", "--json", "--read-write-mode", "-E", named)
	if err != nil {
		return nil, err
	}

	var list []struct{ Name, Path string }
	if err := json.Unmarshal(out, &list); err != nil {
		return nil, fmt.Errorf("nix-instantiate: %w", err)
	}

	g, names := graph{}, map[string]string{}

	for _, d := range list {
		if names[d.Path] == "" { // two names of one derivation
			g[d.Name], names[d.Path] = nil, d.Name
		}
	}

	for path, name := range names {
		out, err := command("nix-store", "--query", "--requisites", path)
		if err != nil {
			return nil, err
		}

		for _, other := range strings.Fields(string(out)) {
			if below := names[other]; below != "" && below != name {
				g[name] = append(g[name], below)
			}
		}

		slices.Sort(g[name])
	}

	return g, nil
}

func command(name string, args ...string) ([]byte, error) {
	cmd := exec.Command(name, args...)

	var complaint bytes.Buffer

	cmd.Stderr = &complaint

	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", name, err, complaint.Bytes())
	}

	return out, nil
}
