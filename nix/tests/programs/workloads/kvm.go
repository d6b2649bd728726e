// SPDX-License-Identifier: MPL-2.0

package main

import (
	"encoding/binary"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Linux include/uapi/linux/kvm.h and arch/arm64/include/uapi/asm/kvm.h.
const (
	kvmGetAPIVersion       = 0xae00
	kvmCreateVM            = 0xae01
	kvmGetVCPUMmapSize     = 0xae04
	kvmCreateVCPU          = 0xae41
	kvmSetUserMemoryRegion = 0x4020ae46
	kvmRun                 = 0xae80
	kvmSetOneReg           = 0x4010aeac
	kvmARMVCPUInit         = 0x4020aeae
	kvmARMPreferredTarget  = 0x8020aeaf

	kvmRegPC       = 0x6030000000100040
	kvmExitMMIO    = 6
	kvmAPIVersion  = 12
	exitReasonAt   = 8
	mmioAddressAt  = 32
	mmioDataAt     = 40
	guestMemory    = 0x1000
	guestMailbox   = 0x10000000 // no memory there, so a write to it ends kvmRun
	guestAnswer    = 42
	guestMemoryLen = 0x1000
)

func ioctl(fd int, request uint, argument uintptr) (int, error) {
	value, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(request), argument)
	if errno != 0 {
		return 0, fmt.Errorf("ioctl %#x: %w", request, errno)
	}

	return int(value), nil
}

// runGuest starts a virtual machine whose one processor writes a number where no memory is.
func runGuest() error {
	kvm, err := unix.Open("/dev/kvm", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("/dev/kvm: %w", err)
	}

	if version, err := ioctl(kvm, kvmGetAPIVersion, 0); err != nil || version != kvmAPIVersion {
		return fmt.Errorf("got API version %d, %v, want %d", version, err, kvmAPIVersion)
	}

	machine, err := ioctl(kvm, kvmCreateVM, 0)
	if err != nil {
		return err
	}

	memory, err := unix.Mmap(-1, 0, guestMemoryLen, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	if err != nil {
		return err
	}

	for i, instruction := range []uint32{
		0x52800000 | guestAnswer<<5,      // mov w0, #42
		0xd2a00001 | guestMailbox>>16<<5, // movz x1, #0x1000, lsl #16
		0xb9000020,                       // str w0, [x1]
		0x14000000,                       // b .
	} {
		binary.LittleEndian.PutUint32(memory[4*i:], instruction)
	}

	region := struct {
		slot, flags         uint32
		address, size, host uint64
	}{address: guestMemory, size: guestMemoryLen, host: uint64(uintptr(unsafe.Pointer(&memory[0])))}
	if _, err := ioctl(machine, kvmSetUserMemoryRegion, uintptr(unsafe.Pointer(&region))); err != nil {
		return err
	}

	var target [8]uint32
	if _, err := ioctl(machine, kvmARMPreferredTarget, uintptr(unsafe.Pointer(&target))); err != nil {
		return err
	}

	processor, err := ioctl(machine, kvmCreateVCPU, 0)
	if err != nil {
		return err
	}

	if _, err := ioctl(processor, kvmARMVCPUInit, uintptr(unsafe.Pointer(&target))); err != nil {
		return err
	}

	counter := uint64(guestMemory)
	register := struct{ id, address uint64 }{kvmRegPC, uint64(uintptr(unsafe.Pointer(&counter)))}

	if _, err := ioctl(processor, kvmSetOneReg, uintptr(unsafe.Pointer(&register))); err != nil {
		return err
	}

	size, err := ioctl(kvm, kvmGetVCPUMmapSize, 0)
	if err != nil {
		return err
	}

	run, err := unix.Mmap(processor, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}

	// A signal of Go's own scheduler ends a run early.
	for {
		if _, err = ioctl(processor, kvmRun, 0); err == nil {
			break
		} else if !isInterrupted(err) {
			return err
		}
	}

	reason := binary.LittleEndian.Uint32(run[exitReasonAt:])
	address := binary.LittleEndian.Uint64(run[mmioAddressAt:])
	answer := binary.LittleEndian.Uint32(run[mmioDataAt:])

	if reason != kvmExitMMIO || address != guestMailbox || answer != guestAnswer {
		return fmt.Errorf("guest ended for reason %d at %#x with %d, want %d at %#x with %d",
			reason, address, answer, kvmExitMMIO, uint64(guestMailbox), guestAnswer)
	}

	return nil
}
