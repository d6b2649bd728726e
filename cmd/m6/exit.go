// SPDX-License-Identifier: MPL-2.0

package main

import (
	"errors"
)

// Exit codes, as `m6 help exit-codes` and docs/m6.md list them.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInput       = 3
	exitRefused     = 4
	exitMedium      = 5
	exitInterrupted = 130
)

var exitCodes = []struct {
	code    int
	meaning string
}{
	{exitDone, "done; every check passed or only warned"},
	{exitFailed, "a check failed, a program is missing, or what was started did not end well"},
	{exitUsage, "the command line is wrong"},
	{exitInput, "the image or artifact cannot be read, is damaged, or is nothing m6 understands"},
	{exitRefused, "refused: nothing was written"},
	{exitMedium, "writing or reading back failed: the message says in which state the medium is"},
	{exitInterrupted, "interrupted; what was being written is not bootable"},
}

// coded is an error with the exit code it leads to.
type coded struct {
	code int
	err  error
}

func (c coded) Error() string { return c.err.Error() }
func (c coded) Unwrap() error { return c.err }

// withCode gives an error an exit code; nil stays nil.
func withCode(code int, err error) error {
	if err == nil {
		return nil
	}

	return coded{code, err}
}

// errSaid is an error that was already told.
var errSaid = errors.New("failed")

func exitCode(err error, interrupted bool) int {
	var c coded

	switch {
	case err == nil:
		return exitDone
	case interrupted:
		return exitInterrupted
	case errors.As(err, &c):
		return c.code
	}

	return exitUsage
}
