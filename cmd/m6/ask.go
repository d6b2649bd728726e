// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"talos-nanopi-m6/internal/image"
)

// agree asks a person, who types yes. The end of the context ends the question.
func agree(ctx context.Context, in io.Reader, say io.Writer, what, question string) error {
	answer, err := ask(ctx, in, say, question)
	if err != nil {
		return fmt.Errorf("%s: not written: %w", what, err)
	}

	if answer != "yes" {
		return fmt.Errorf("%s: not written: the answer was %q, not \"yes\"", what, answer)
	}

	return nil
}

// ask gives a person's answer, a line.
func ask(ctx context.Context, in io.Reader, say io.Writer, question string) (string, error) {
	fmt.Fprint(say, question)

	line, err := bufio.NewReader(image.Interruptible(ctx, in)).ReadString('\n')
	if err != nil && line == "" {
		return "", err
	}

	return strings.TrimSpace(line), nil
}
