// SPDX-License-Identifier: MPL-2.0

package flash

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/zstd"
	"gopkg.in/yaml.v3"

	"talos-nanopi-m6/internal/image"
	"talos-nanopi-m6/internal/inspect/xfs"
)

// stateXFS is an empty STATE partition: 300 MiB of XFS, made by Debian 13's mkfs.xfs 6.13 with lts_6.12.conf and the label
// STATE, with one file, config.yaml of mode 0600 with room for 1 MiB. Talos reads its machine configuration from that file of
// the partition named STATE, which it makes itself where there is none (v1.10: internal/app/machined/pkg/controllers/config
// and block).
//
//go:embed state.xfs.zst
var stateXFS []byte

// configFile is the name of the machine configuration on STATE (pkg/machinery/constants, ConfigFilename).
const configFile = "config.yaml"

// MaxConfig is the largest machine configuration, in bytes.
const MaxConfig = 1 << 20

// ErrConfig says that a file is not a machine configuration.
var ErrConfig = errors.New("not a machine configuration")

// StateFile makes the content of a STATE partition with a machine configuration in it, in a file without a name.
// It says whether the configuration is whole: Talos waits for what is missing.
func StateFile(config []byte) (_ *os.File, whole bool, _ error) {
	whole, err := checkConfig(config)
	if err != nil {
		return nil, false, err
	}

	z, err := zstd.NewReader(bytes.NewReader(stateXFS))
	if err != nil {
		return nil, false, err
	}
	defer z.Close()

	f, err := image.Temp()
	if err != nil {
		return nil, false, err
	}

	if err := fill(f, z, config); err != nil {
		return nil, false, errors.Join(err, f.Close())
	}

	return f, whole, nil
}

func fill(f *os.File, template io.Reader, config []byte) error {
	size, err := image.WriteSparse(f, template)
	if err != nil {
		return err
	}

	x, err := xfs.Open(f, size)
	if err != nil {
		return err
	}

	return x.Overwrite(f, configFile, config)
}

// checkConfig looks at the form of all documents of a configuration, as Talos' decoder does (v1.10 to v1.13,
// pkg/machinery/config/configloader/internal/decoder): what it cannot decode keeps a node from reaching even its maintenance
// mode. `talosctl validate` looks at the content. It says whether the main document, without which Talos waits for the rest,
// is there.
func checkConfig(config []byte) (whole bool, err error) {
	if len(config) > MaxConfig {
		return false, fmt.Errorf("%w: %d bytes, Talos' STATE partition is made for %d", ErrConfig, len(config), MaxConfig)
	}

	seen := map[[3]string]int{}

	for d, n := yaml.NewDecoder(bytes.NewReader(config)), 1; ; n++ {
		var node yaml.Node

		err := d.Decode(&node)
		if errors.Is(err, io.EOF) {
			break
		}

		if err == nil && len(node.Content) == 1 && node.Content[0].Tag == "!!null" {
			continue // an empty document
		}

		var id [3]string
		if err == nil {
			id, err = checkDocument(&node)
		}

		if err != nil {
			return false, fmt.Errorf("%w: document %d: %w", ErrConfig, n, err)
		}

		if other, ok := seen[id]; ok {
			return false, fmt.Errorf("%w: documents %d and %d are both %s", ErrConfig, other, n, strings.Trim(strings.Join(id[:], " "), " "))
		}

		seen[id] = n
		whole = whole || id == mainDocument
	}

	if len(seen) == 0 {
		return false, fmt.Errorf("%w: there is no document in it", ErrConfig)
	}

	return whole, nil
}

// mainDocument is the one with "machine" and "cluster".
var mainDocument = [3]string{"v1alpha1", "machine configuration", ""}

// checkDocument gives a document's version, kind and name.
func checkDocument(node *yaml.Node) ([3]string, error) {
	var all map[string]any // which no key may have twice
	if err := node.Decode(&all); err != nil {
		return [3]string{}, err
	}

	text := func(key string) string {
		s, _ := all[key].(string)

		return s
	}

	if kind := text("kind"); kind != "" {
		if text("apiVersion") == "" {
			return [3]string{}, fmt.Errorf("%s without apiVersion", kind)
		}

		return [3]string{text("apiVersion"), kind, text("name")}, nil
	}

	if _, ok := all["machine"].(map[string]any); !ok || text("version") != "v1alpha1" {
		return [3]string{}, errors.New("neither a machine configuration (\"version: v1alpha1\" and \"machine\") nor a document with \"apiVersion\" and \"kind\"")
	}

	if c, ok := all["cluster"]; ok && c != nil {
		if _, ok := c.(map[string]any); !ok {
			return [3]string{}, errors.New("\"cluster\" is not a mapping")
		}
	}

	return mainDocument, nil
}
