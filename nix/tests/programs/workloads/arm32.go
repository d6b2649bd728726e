// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

const armExit = 42

// armProgram is an executable of ARMv7 that ends with armExit: ELF for the ARM Architecture, EABI version 5.
func armProgram() ([]byte, error) {
	const (
		address    = 0x10000
		headers    = 52 + 32
		machineARM = 40
		eabi5      = 0x05000000
	)

	code := []uint32{
		0xe3a07001,           // mov r7, #1: exit
		0xe3a00000 | armExit, // mov r0, #42
		0xef000000,           // svc 0
	}
	size := uint32(headers + 4*len(code))

	var b bytes.Buffer

	for _, part := range []any{
		[]byte("\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00"),
		uint16(2), uint16(machineARM), uint32(1), uint32(address + headers), uint32(52), uint32(0), uint32(eabi5),
		uint16(52), uint16(32), uint16(1), uint16(0), uint16(0), uint16(0),
		// One segment, read and executed.
		uint32(1), uint32(0), uint32(address), uint32(address), size, size, uint32(5), uint32(0x1000),
		code,
	} {
		if err := binary.Write(&b, binary.LittleEndian, part); err != nil {
			return nil, err
		}
	}

	return b.Bytes(), nil
}

// runARM32 runs a 32-bit program.
func runARM32() error {
	program, err := armProgram()
	if err != nil {
		return err
	}

	path := filepath.Join(os.TempDir(), "arm32")
	if err := os.WriteFile(path, program, 0o755); err != nil {
		return err
	}

	var ended *exec.ExitError

	if err := exec.Command(path).Run(); !errors.As(err, &ended) || ended.ExitCode() != armExit {
		return fmt.Errorf("got %v, want exit status %d", err, armExit)
	}

	return nil
}
