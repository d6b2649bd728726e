// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
)

// context gives a type to the paths that its pattern matches as a whole.
type context struct {
	pattern *regexp.Regexp
	// regular says that it is for regular files only.
	regular bool
	kind    string
}

// readContexts reads lines as SELinux' file_contexts has them: PATTERN TYPE, or PATTERN -- TYPE.
func readContexts(name string) ([]context, error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}

	var contexts []context

	for number, line := range strings.Split(string(content), "\n") {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}

		regular := len(fields) == 3 && fields[1] == "--"
		if len(fields) != 2 && !regular {
			return nil, fmt.Errorf("%s:%d: %q: want PATTERN TYPE or PATTERN -- TYPE", name, number+1, line)
		}

		pattern, err := regexp.Compile("^(?:" + fields[0] + ")$")
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, number+1, err)
		}

		contexts = append(contexts, context{pattern, regular, fields[len(fields)-1]})
	}

	return contexts, nil
}

// kindOf is the type of the last context that matches; "" where none does.
func kindOf(contexts []context, name string, regular bool) string {
	for _, c := range slices.Backward(contexts) {
		if c.pattern.MatchString(name) && (regular || !c.regular) {
			return c.kind
		}
	}

	return ""
}

// writeLabels writes the labels of a root in getfattr's form.
func writeLabels(w io.Writer, root string, contexts []context) error {
	out := bufio.NewWriter(w)

	err := walk(root, func(_, at string, d fs.DirEntry) error {
		if kind := kindOf(contexts, at, d.Type().IsRegular()); kind != "" {
			fmt.Fprintf(out, "# file: %s\nsecurity.selinux=\"system_u:object_r:%s:s0\"\n\n", at, kind)
		}

		return nil
	})
	if err != nil {
		return err
	}

	return out.Flush()
}
