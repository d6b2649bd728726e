// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"talos-nanopi-m6/internal/disk"
	"talos-nanopi-m6/internal/flash"
	"talos-nanopi-m6/internal/image"
	"talos-nanopi-m6/internal/inspect"
	"talos-nanopi-m6/internal/inspect/render"
	"talos-nanopi-m6/internal/verify"
)

// flashing is one run of m6 flash.
type flashing struct {
	verify     verify.Options
	format     *output
	yes        bool
	overwrite  bool
	unmount    bool
	noVerify   bool
	noDiscard  bool
	loaderOnly bool
	meta       []string
	config     string

	// agreed is the disk that a person chose already.
	agreed *disk.Target

	host disk.Host
	// person says whether somebody is there to answer, asks whether a disk is worth a question.
	person func() bool
	asks   func(*disk.Disk) bool
	in     io.Reader
	out    io.Writer
	say    io.Writer
}

func newFlashing() *flashing {
	f := &flashing{host: disk.ThisHost, asks: (*disk.Disk).Block}
	f.person = func() bool { return terminal(f.in) }

	return f
}

func (f *flashing) command() *cobra.Command {
	c := &cobra.Command{
		Use:   "flash [IMAGE|URL|- [DEVICE]]",
		Short: "Write an image to a card or disk",
		Long: "Writes a disk image (raw, .zst, .xz; a file, a URL, or - for standard input) to a whole disk. Without a DEVICE it lists those\n" +
			"there are. Without anything it takes the image in this folder, shows the disks, removable ones first, and asks for one.\n\n" +
			"Which DEVICE is the card? Run m6 flash IMAGE without the card and again with it: the line that is new. It is named like this:\n\n" +
			"  Linux    /dev/sdb or /dev/mmcblk0\n  macOS    /dev/disk4\n  Windows  \\\\.\\PhysicalDrive2, from a terminal that runs as Administrator\n\n" +
			"It refuses disks this machine runs from, mounted ones, ones that hold something that is not Talos', ones that are too small, and\n" +
			"images that do not pass m6 verify. It writes only what carries data, past the cache, makes zero what must be, reads back and compares\n" +
			"what it wrote, and moves the backup partition table to the disk's end. The boot loader's header comes last: whatever stops it, a\n" +
			"half-written card never looks bootable.\n\n" +
			"An image from a URL or standard input is verified on the card, before it is made bootable.",
		Example: "  m6 flash\n  m6 flash metal-arm64.raw.zst\n  m6 flash metal-arm64.raw.zst /dev/sdb\n" +
			"  m6 flash --unmount metal-arm64.raw.zst /dev/disk4\n  m6 flash metal-arm64.raw.zst \\\\.\\PhysicalDrive2\n" +
			"  m6 flash --embed-config controlplane.yaml metal-arm64.raw.zst /dev/sdb\n" +
			"  m6 flash --loader-only u-boot-rockchip.bin /dev/sdb",
		Args: cobra.MaximumNArgs(2),
	}

	f.format = outputFlag(c)
	verifyFlags(c, &f.verify)
	c.Flags().BoolVarP(&f.yes, "yes", "y", false, "do not ask")
	c.Flags().BoolVar(&f.overwrite, "overwrite", false, "write to a disk that holds something that is not Talos', too")
	c.Flags().BoolVar(&f.unmount, "unmount", false, "unmount what is mounted from the disk")
	c.Flags().BoolVar(&f.noVerify, "no-verify", false, "write an image that is not verified")
	c.Flags().BoolVar(&f.noDiscard, "no-discard", false, "leave old data in parts the image does not use")
	c.Flags().BoolVar(&f.loaderOnly, "loader-only", false, "write only the boot loader, of an image or of u-boot-rockchip.bin, and leave everything else")
	c.Flags().StringArrayVar(&f.meta, "meta", nil, "store a value in Talos' META partition, as KEY=VALUE or KEY=@FILE (0xa is the network configuration; repeatable)")
	c.Flags().StringVar(&f.config, "embed-config", "", "put this machine configuration on the card: Talos starts with it instead of waiting for one")

	c.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) != 1 {
			return nil, cobra.ShellCompDirectiveDefault
		}

		targets, err := f.host.Targets()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}

		var names []string
		for _, t := range targets {
			names = append(names, t.Path+"\t"+describe(t))
		}

		return names, cobra.ShellCompDirectiveNoFileComp
	}

	c.RunE = func(c *cobra.Command, args []string) error {
		f.in, f.out, f.say = c.InOrStdin(), c.OutOrStdout(), c.ErrOrStderr()

		switch len(args) {
		case 0:
			return f.guide(c.Context())
		case 1:
			return f.list()
		}

		return f.run(c.Context(), args[0], args[1])
	}

	return c
}

// list shows the disks there are.
func (f *flashing) list() error {
	targets, err := f.host.Targets()
	if err != nil {
		return withCode(exitFailed, err)
	}

	if *f.format == outputJSON {
		if err := writeJSON(f.out, targets); err != nil {
			return withCode(exitFailed, err)
		}
	} else {
		for _, t := range targets {
			verdict := ""
			if err := t.Refuse(0, true); err != nil {
				verdict = "  (no: " + reason(err) + ")"
			}

			fmt.Fprintf(f.out, "%-14s %s%s\n", t.Path, describe(t), verdict)
		}
	}

	return withCode(exitRefused, errors.New("name the disk to write to"))
}

// reason is the first line of a refusal without its beginning.
func reason(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	if _, rest, ok := strings.Cut(line, disk.ErrTarget.Error()+": "); ok {
		return rest
	}

	return line
}

// describe says what a disk is, so that a person knows it.
func describe(t disk.Target) string {
	parts := []string{render.Bytes(t.Size)}

	for _, p := range []string{t.Model, t.Transport} {
		if p != "" {
			parts = append(parts, p)
		}
	}

	if t.Serial != "" {
		parts = append(parts, "serial "+t.Serial)
	}

	if len(t.Content) > 0 {
		parts = append(parts, "holds "+strings.Join(t.Content, ", "))
	} else {
		parts = append(parts, "empty")
	}

	return strings.Join(parts, ", ")
}

// run writes an image to a device.
func (f *flashing) run(ctx context.Context, name, device string) error {
	name = flash.Local(name)

	if err := f.distinct(device, name); err != nil {
		return withCode(exitRefused, err)
	}

	if f.loaderOnly {
		return f.writeLoader(ctx, name, device)
	}

	o := flash.Options{Verify: f.verify, NoVerify: f.noVerify, NoDiscard: f.noDiscard, Progress: newProgress(f.say).show}

	var err error
	if o.Meta, err = parseMeta(f.meta); err != nil {
		return withCode(exitUsage, err)
	}

	if f.config != "" {
		state, whole, err := readState(f.config)
		if err != nil {
			return withCode(exitInput, err)
		}
		defer state.Close() // it has no name

		if !whole {
			fmt.Fprintf(f.say, "%s has no main document (\"machine\"): Talos takes it, and waits for the rest in maintenance mode.\n", f.config)
		}

		o.State = state
	}

	src, checks, err := f.open(ctx, name)
	if err != nil {
		return withCode(exitInput, err)
	}
	defer src.Close() // read only

	size := int64(0)
	if src.Disk != nil {
		size = src.Disk.Size
	}

	dev, err := f.claim(ctx, device, name, size)
	if err != nil {
		return withCode(exitRefused, err)
	}

	r, err := flash.Write(ctx, dev, src.Source, o)
	clearLine(f.say)

	var me *flash.MediumError

	switch {
	case errors.Is(err, flash.ErrInput) && (!errors.As(err, &me) || me.State == flash.Untouched):
		return withCode(exitInput, errors.Join(err, dev.Close()))
	case err != nil && (!errors.As(err, &me) || me.State == flash.Untouched):
		return withCode(exitRefused, errors.Join(err, dev.Close()))
	}

	if err := errors.Join(err, dev.Close()); err != nil {
		return withCode(exitMedium, err)
	}

	if len(r.Checks) == 0 {
		r.Checks = checks
	}

	return withCode(exitFailed, f.report(r))
}

// distinct refuses to write what is read: the image, or what is put on the card with it.
func (f *flashing) distinct(device, name string) error {
	inputs := []string{name}
	if f.config != "" {
		inputs = append(inputs, f.config)
	}

	for _, m := range f.meta {
		if _, file, ok := strings.Cut(m, "=@"); ok {
			inputs = append(inputs, file)
		}
	}

	inputs = append(inputs, f.verify.Manifest, f.verify.Key, filepath.Join(filepath.Dir(name), "manifest.json"))

	for _, in := range inputs {
		if in != "" && in != "-" && !flash.IsURL(in) && f.host.Same(in, device) {
			return fmt.Errorf("%s and %s are the same: %w", in, device, disk.ErrSame)
		}
	}

	return nil
}

// open opens an image: one at hand is verified, and decoded once for that and for writing.
func (f *flashing) open(ctx context.Context, name string) (*flash.Input, []verify.Check, error) {
	if flash.IsStream(name) {
		in, err := flash.Stream(ctx, name, f.in)

		return in, nil, err
	}

	var (
		r   *verify.Result
		d   *image.Disk
		err error
	)

	if f.noVerify {
		if d, err = image.OpenInPlace(name); err != nil || d == nil {
			if err != nil {
				return nil, nil, err
			}

			in, err := flash.Stream(ctx, name, f.in)

			return in, nil, err
		}
	} else if r, d, err = verify.Open(ctx, name, f.verify); err != nil {
		return nil, nil, err
	}

	in := flash.NewInput(flash.Source{Name: name, Disk: d}, d.Close)

	if r == nil {
		return in, nil, nil
	}

	if r.Report.Kind != inspect.KindDisk {
		return nil, nil, errors.Join(fmt.Errorf("%s: a %s, not a disk image (a boot loader alone: --loader-only)", name, r.Report.Kind), in.Close())
	}

	if err := flash.Refusal(r); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%s: %w", name, err), in.Close())
	}

	return in, r.Checks, nil
}

// claim opens the disk that is written to, which from then on nothing else can be put in the place of, looks at that very
// one, and has a person agree to it. size is the image's in bytes, 0 where it is not known.
func (f *flashing) claim(ctx context.Context, device, name string, size int64) (_ *disk.Disk, err error) {
	if f.unmount {
		if err := f.unmountAll(device, size); err != nil {
			return nil, err
		}
	}

	d, err := disk.Open(device)
	if errors.Is(err, disk.ErrBusy) {
		// Who holds it says more than that somebody does.
		if t, terr := f.host.Target(device); terr == nil {
			err = errors.Join(t.Refuse(size, true), err)
		}
	}

	if err != nil {
		return nil, err
	}

	defer func() {
		if err != nil {
			err = errors.Join(err, d.Close())
		}
	}()

	t, err := f.host.Of(d)
	if err != nil {
		return nil, err
	}

	if err := t.Refuse(size, f.overwrite); err != nil {
		return nil, err
	}

	if f.agreed != nil {
		return d, f.stillAgreed(t)
	}

	if f.yes || !f.asks(d) {
		return d, nil
	}

	return d, f.ask(ctx, t, name)
}

// unmountAll unmounts a disk, if nothing else speaks against it.
func (f *flashing) unmountAll(device string, size int64) error {
	t, err := f.host.Target(device)
	if err != nil {
		return err
	}

	if err := f.host.Unmount(&t); err != nil {
		return err
	}

	return t.Refuse(size, f.overwrite)
}

// ask has a person agree.
func (f *flashing) ask(ctx context.Context, t disk.Target, name string) error {
	if name == "-" || !f.person() {
		return fmt.Errorf("%s: nobody is there to ask: --yes writes without", t.Path)
	}

	return agree(ctx, f.in, f.say, t.Path,
		fmt.Sprintf("%s: %s\nEverything on it will be lost. Write %s to it? Type yes: ", t.Path, describe(t), name))
}

// report says what was done.
func (f *flashing) report(r *flash.Result) error {
	if *f.format == outputJSON {
		return writeJSON(f.out, r)
	}

	total := 0.0
	for _, s := range r.Seconds {
		total += s
	}

	left := ""
	if !r.Discarded && r.Skipped > 0 && !f.noDiscard {
		left = "The medium cannot discard: what it held before may still be readable where the image has nothing, and behind it. " +
			"META and STATE of an old node, if there were any, are gone.\n"
	}

	_, err := fmt.Fprintf(f.out, "%s is on %s: %s of data written and compared, %s zeroed, %s left out, in %.1f s.\n"+left+
		"Next: put it into the board and turn it on; talosctl -n ADDRESS get disks --insecure answers when Talos waits for its configuration.\n",
		r.Image, r.Device, render.Bytes(r.Written), render.Bytes(r.Zeroed), render.Bytes(r.Skipped), total)

	return err
}

// readState makes a STATE partition of a machine configuration.
func readState(path string) (_ *os.File, whole bool, _ error) {
	b, err := readAtMost(path, flash.MaxConfig)
	if err != nil {
		return nil, false, err
	}

	state, whole, err := flash.StateFile(b)
	if err != nil {
		return nil, false, fmt.Errorf("%s: %w", path, err)
	}

	return state, whole, nil
}

// readAtMost reads a file, and one byte more than limit of a longer one, so that whoever knows why says so.
func readAtMost(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // read only

	return io.ReadAll(io.LimitReader(f, limit+1))
}

// parseMeta reads KEY=VALUE and KEY=@FILE.
func parseMeta(list []string) (map[uint8]string, error) {
	values := map[uint8]string{}

	for _, m := range list {
		k, v, ok := strings.Cut(m, "=")

		key, err := strconv.ParseUint(k, 0, 8)
		if !ok || err != nil || !slices.Contains(metaKeys(), uint8(key)) {
			return nil, fmt.Errorf("--meta %s: want KEY=VALUE with one of the keys%s", m, metaHelp())
		}

		if file, ok := strings.CutPrefix(v, "@"); ok {
			b, err := readAtMost(file, flash.MaxMeta)
			if err != nil {
				return nil, fmt.Errorf("--meta %s: %w", m, err)
			}

			v = string(b)
		}

		if err := flash.CheckMeta(uint8(key), v); err != nil {
			return nil, fmt.Errorf("--meta: %w", err)
		}

		values[uint8(key)] = v
	}

	return values, nil
}

func metaKeys() []uint8 { return slices.Sorted(maps.Keys(flash.MetaKeys)) }

func metaHelp() string {
	var b strings.Builder
	for _, k := range metaKeys() {
		fmt.Fprintf(&b, "\n  %#x  %s", k, flash.MetaKeys[k])
	}

	return b.String()
}
