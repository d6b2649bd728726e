// SPDX-License-Identifier: MPL-2.0

package flash

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"talos-nanopi-m6/internal/disk"
	"talos-nanopi-m6/internal/inspect/gpt"
	"talos-nanopi-m6/internal/rockchip"
	"talos-nanopi-m6/internal/verify"
)

// state is a partition's content that begins as a STATE does, with a secret in it.
func state(t *testing.T, size int64) *os.File {
	t.Helper()

	f, err := os.Create(filepath.Join(t.TempDir(), "state"))
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { _ = f.Close() })

	b := make([]byte, size)
	copy(b, "XFSB")
	binary.BigEndian.PutUint32(b[4:], 4096)
	binary.BigEndian.PutUint64(b[8:], uint64(size/4096))
	copy(b[108:], stateLabel)
	copy(b[size/2:], secret)

	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}

	return f
}

const secret = "a token of the old node"

func TestWhatCanBeJudgedIsJudgedBeforeTheFirstByteChanges(t *testing.T) {
	img := small(t, 1)
	broken := bytes.Clone(img)
	copy(broken[rockchip.MMC.IDBlock+8192:], "torn")

	noTable := bytes.Clone(img)
	clear(noTable[:1024])

	for name, c := range map[string]struct {
		src  Source
		o    Options
		want error
	}{
		"an empty stream":             {stream(nil), Options{NoVerify: true}, ErrInput},
		"a stream that breaks early":  {Source{Name: "s", Stream: io.MultiReader(bytes.NewReader(img[:1<<20]), failing{io.ErrUnexpectedEOF})}, Options{NoVerify: true}, ErrInput},
		"a stream of half sectors":    {stream(img[:1<<20+7]), Options{NoVerify: true}, ErrInput},
		"a stream without a table":    {stream(noTable), Options{}, ErrVerify},
		"a stream with a torn loader": {stream(broken), Options{}, ErrVerify},
		"a stream that is too large":  {stream(bytes.Clone(img)), Options{NoVerify: true}, disk.ErrTooSmall},
		"a short stream":              {stream(img[:12<<20]), Options{NoVerify: true}, ErrInput},
		"no room for STATE":           {source(img), Options{NoVerify: true, State: state(t, 64<<20)}, gpt.ErrNoRoom},
		"no room for STATE, a stream": {stream(img), Options{NoVerify: true, State: state(t, 64<<20)}, gpt.ErrNoRoom},
		"META too large together": {source(img), Options{NoVerify: true, Meta: map[uint8]string{
			0x0c: strings.Repeat("x", metaLength/2), 0x0d: strings.Repeat("x", metaLength/2),
		}}, ErrMeta},
		"META without a partition": {source(noTable), Options{NoVerify: true, Meta: map[uint8]string{0x0c: "x"}}, ErrInput},
	} {
		t.Run(name, func(t *testing.T) {
			size := int64(mediumSize)
			if errors.Is(c.want, disk.ErrTooSmall) {
				size = 24 << 20
			}

			m := newMemory(size)

			var medium *MediumError
			if _, err := Write(t.Context(), m, c.src, c.o); !errors.Is(err, c.want) || errors.As(err, &medium) {
				t.Errorf("got %v, want %v", err, c.want)
			}

			if len(m.ops) > 0 {
				t.Errorf("got %d operations on the medium, want none", len(m.ops))
			}
		})
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	m := newMemory(mediumSize)

	var medium *MediumError
	if _, err := Write(ctx, m, source(img), Options{NoVerify: true}); !errors.As(err, &medium) || medium.State != Untouched || len(m.ops) > 0 {
		t.Errorf("interrupted before anything was written: got %v after %d operations, want it untouched after none", err, len(m.ops))
	}
}

func TestAStandInForTheDDRBlobInAStreamIsFoundBeforeTheFirstByteChanges(t *testing.T) {
	img := small(t, 1)
	if err := judgeLoader(bytes.NewReader(img), verify.Options{}); err != nil {
		t.Errorf("got %v", err)
	}

	if err := judgeLoader(bytes.NewReader(make([]byte, 16<<20)), verify.Options{LoaderElsewhere: true}); err != nil {
		t.Errorf("a loader elsewhere: got %v", err)
	}

	if err := judgeLoader(bytes.NewReader(make([]byte, 16<<20)), verify.Options{}); !errors.Is(err, rockchip.ErrNotBootable) {
		t.Errorf("no loader: got %v, want %v", err, rockchip.ErrNotBootable)
	}
}

// TestAnOldNodesSecretsAreGone writes over a medium that cannot discard.
func TestAnOldNodesSecretsAreGone(t *testing.T) {
	img := small(t, 1)

	for name, between := range map[string]func(*memory){
		"at once":                  func(*memory) {},
		"after an interrupted run": func(m *memory) { clear(m.bytes[:34*512]); clear(m.bytes[len(m.bytes)-33*512:]) },
	} {
		m := newMemory(mediumSize)

		old := Options{NoVerify: true, State: state(t, 4<<20), Meta: map[uint8]string{0x10: strings.ReplaceAll(secret, " ", "-")}}
		if _, err := Write(t.Context(), m, source(img), old); err != nil {
			t.Fatal(err)
		}

		if !bytes.Contains(m.bytes, []byte(secret)) || !bytes.Contains(m.bytes, []byte("a-token")) {
			t.Fatal("got an old node without a secret, want one")
		}

		between(m)

		r, err := Write(t.Context(), m, stream(img), Options{NoVerify: true})
		if err != nil {
			t.Fatal(err)
		}

		if bytes.Contains(m.bytes, []byte(secret)) || bytes.Contains(m.bytes, []byte("a-token")) {
			t.Errorf("%s: got a medium with a secret on it, want none", name)
		}

		if r.Secrets < 4<<20 {
			t.Errorf("%s: got %d bytes of secrets, want 4 MiB or more", name, r.Secrets)
		}
	}
}

func TestEveryDocumentOfAConfigurationIsJudged(t *testing.T) {
	const host = "apiVersion: v1alpha1\nkind: HostnameConfig\n"

	for config, want := range map[string]string{
		machineConfig + "---\nthis: is: not: yaml\n":               "document 2",
		machineConfig + "---\n- a list\n":                          "document 2",
		machineConfig + "---\nkind: HostnameConfig\n":              "without apiVersion",
		machineConfig + "---\nhostname: x\n":                       "document 2",
		machineConfig + "---\n" + machineConfig:                    "documents 1 and 2 are both",
		machineConfig + "---\n" + host + "---\n" + host:            "documents 2 and 3 are both",
		machineConfig + "cluster: 5\n":                             "cluster",
		machineConfig + "machine: {}\n":                            "already defined",
		"version: v1alpha1\nmachine: 5\n":                          "document 1",
		"---\n---\n":                                               "no document",
		machineConfig + "---\n" + host + "---\n" + host + "a: [\n": "document 3",
	} {
		if _, err := checkConfig([]byte(config)); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", config, err, want)
		}
	}

	for config, whole := range map[string]bool{
		machineConfig:                       true,
		machineConfig + "---\n---\n" + host: true,
		"---\n" + machineConfig:             true,
		host + "---\n" + machineConfig:      true,
		host:                                false, // Talos takes it, and waits for the rest
	} {
		if got, err := checkConfig([]byte(config)); err != nil || got != whole {
			t.Errorf("%q: got %v, %v, want %v", config, got, err, whole)
		}
	}
}

func TestValuesOfKnownKeysAreJudged(t *testing.T) {
	for _, c := range []struct {
		key   uint8
		value string
		ok    bool
	}{
		{0x0f, "not-a-uuid", false},
		{0x0f, "01234567-89ab-cdef-0123-456789abcdef", true},
		{0x0f, "0123456789abcdef0123456789abcdef", false},
		{0x0a, "addresses:\n  - address: 10.0.0.1/24\n    linkName: end0\n    family: inet4\n", true},
		{0x0a, "addresses:\n  - address: 10.0.0.1\n", false},
		{0x0a, "addresses: 5\n", false},
		{0x0a, "adresses: []\n", false},
		{0x0a, "{", false},
		{0x0a, "externalIPs: [here]\n", false},
		{0x0a, "routes:\n  - gateway: 10.0.0.1\n    dst: 10.0.0.0/8\n", true},
		{0x0a, "routes:\n  - gateway: up\n", false},
		{0x0a, "resolvers:\n  - dnsServers: [1.1.1.1, ns]\n", false},
		{0x10, "", false},
		{0x10, "token", true},
		{0x0c, "anything\n", true},
		{0x0c, strings.Repeat("x", MaxMeta+1), false},
		{0x0c, strings.Repeat("x", MaxMeta), true},
	} {
		if err := CheckMeta(c.key, c.value); (err == nil) != c.ok {
			t.Errorf("%#x=%.60q: got %v, want it accepted: %v", c.key, c.value, err, c.ok)
		}
	}
}
