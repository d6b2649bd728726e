// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"talos-nanopi-m6/internal/verify"
)

func verifyCommand() *cobra.Command {
	var o verify.Options

	c := &cobra.Command{
		Use:   "verify IMAGE|DEVICE|ARTIFACT",
		Short: "Say whether the board would start an image",
		Long: "Checks everything that can tell whether a NanoPi M6 would start an image, and says of each check whether it passed, and why.\n" +
			"An image is compared with the manifest.json beside it, if that is its own: only then is every bit accounted for.",
		Example: "  m6 verify result/metal-arm64.raw.zst\n  m6 verify --manifest result/manifest.json /dev/sdb",
		Args:    cobra.ExactArgs(1),
	}

	format := outputFlag(c)
	verifyFlags(c, &o)

	c.RunE = func(c *cobra.Command, args []string) error {
		r, err := verify.Path(c.Context(), args[0], o)
		if err != nil {
			return withCode(exitInput, err)
		}

		if *format == outputJSON {
			err = writeJSON(c.OutOrStdout(), r)
		} else {
			err = writeChecks(c.OutOrStdout(), r)
		}

		if err == nil && !r.Passed {
			err = errSaid
		}

		return withCode(exitFailed, err)
	}

	return c
}

// verifyFlags adds what changes an expectation.
func verifyFlags(c *cobra.Command, o *verify.Options) {
	c.Flags().StringVar(&o.Manifest, "manifest", "", "the image's manifest.json (default: the one beside it); - for none")
	c.Flags().StringVar(&o.Key, "key", "", "public key (PEM) that manifest.json.sigstore.json has to be signed with")
	c.Flags().BoolVar(&o.AllowStandIn, "allow-stand-in", false, "accept an image without a DDR blob, which only QEMU starts")
	c.Flags().BoolVar(&o.LoaderElsewhere, "loader-elsewhere", false, "expect no boot loader: the board's is on another medium")
}

// writeChecks writes a result for people.
func writeChecks(w io.Writer, r *verify.Result) error {
	var b strings.Builder

	counts := map[verify.Status]int{}
	wide := 0

	for _, c := range r.Checks {
		wide = max(wide, len(c.Name))
	}

	for _, c := range r.Checks {
		counts[c.Status]++

		fmt.Fprintf(&b, "%-4s  %-*s  %s\n", c.Status, wide, c.Name, c.Reason)
	}

	verdict := "the board would start it, as far as can be told without one"
	if !r.Passed {
		verdict = "the board would not start it, or could not be trusted to"
	}

	fmt.Fprintf(&b, "\n%s: %s (%d passed, %d warnings, %d failed)\n", r.Source, verdict, counts[verify.Pass], counts[verify.Warn], counts[verify.Fail])

	_, err := io.WriteString(w, b.String())

	return err
}
