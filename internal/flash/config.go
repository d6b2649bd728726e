// SPDX-License-Identifier: MPL-2.0

package flash

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"

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

// ErrConfig says that a file is no machine configuration.
var ErrConfig = errors.New("not a machine configuration")

// StateFile makes the content of a STATE partition with a machine configuration in it, in a file without a name.
func StateFile(config []byte) (*os.File, error) {
	if err := checkConfig(config); err != nil {
		return nil, err
	}

	z, err := zstd.NewReader(bytes.NewReader(stateXFS))
	if err != nil {
		return nil, err
	}
	defer z.Close()

	f, err := image.Temp()
	if err != nil {
		return nil, err
	}

	if err := fill(f, z, config); err != nil {
		return nil, errors.Join(err, f.Close())
	}

	return f, nil
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

// checkConfig looks at the form of a configuration; `talosctl validate` looks at its content.
func checkConfig(config []byte) error {
	if len(config) > MaxConfig {
		return fmt.Errorf("%w: %d bytes, Talos' STATE partition is made for %d", ErrConfig, len(config), MaxConfig)
	}

	for d, n := yaml.NewDecoder(bytes.NewReader(config)), 1; ; n++ {
		var doc struct {
			Version string `yaml:"version"`
			Machine any    `yaml:"machine"`
		}

		err := d.Decode(&doc)

		switch {
		case errors.Is(err, io.EOF):
			return fmt.Errorf("%w: no document in it has \"version: v1alpha1\" and \"machine\"", ErrConfig)
		case err != nil:
			return fmt.Errorf("%w: document %d: %w", ErrConfig, n, err)
		case doc.Version == "v1alpha1" && doc.Machine != nil:
			return nil
		}
	}
}
