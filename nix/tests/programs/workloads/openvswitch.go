// SPDX-License-Identifier: MPL-2.0

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// Linux include/uapi/linux/openvswitch.h.
const (
	ovsFamily       = "ovs_datapath"
	ovsVersion      = 2
	ovsDatapathNew  = 1
	ovsAttrName     = 1
	ovsAttrUpcall   = 2
	ovsDatapathName = "ovs-workload"
)

func attribute(kind uint16, value []byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(unix.SizeofNlAttr+len(value)))
	b = append(binary.NativeEndian.AppendUint16(b, kind), value...)

	return append(b, make([]byte, -len(b)&(unix.NLA_ALIGNTO-1))...)
}

// call sends one generic netlink request and gives what comes back after its header.
func call(socket int, family uint16, command, version uint8, body []byte) ([]byte, error) {
	b := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+4+len(body)))
	b = binary.NativeEndian.AppendUint16(b, family)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	b = append(b, make([]byte, 8)...) // sequence and port
	b = append(append(b, command, version, 0, 0), body...)

	if err := unix.Sendto(socket, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, err
	}

	answer := make([]byte, 1<<16)

	n, _, err := unix.Recvfrom(socket, answer, 0)
	if err != nil {
		return nil, err
	}

	if n < unix.SizeofNlMsghdr+4 {
		return nil, errors.New("short answer")
	}

	if binary.NativeEndian.Uint16(answer[4:]) == unix.NLMSG_ERROR {
		if code := int32(binary.NativeEndian.Uint32(answer[unix.SizeofNlMsghdr:])); code != 0 {
			return nil, unix.Errno(-code)
		}
	}

	return answer[unix.SizeofNlMsghdr+4 : n], nil
}

// makeDatapath makes an Open vSwitch datapath, whose own port is then an interface.
func makeDatapath() error {
	socket, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_GENERIC)
	if err != nil {
		return err
	}

	answer, err := call(socket, unix.GENL_ID_CTRL, unix.CTRL_CMD_GETFAMILY, 1,
		attribute(unix.CTRL_ATTR_FAMILY_NAME, append([]byte(ovsFamily), 0)))
	if err != nil {
		return fmt.Errorf("%s: %w", ovsFamily, err)
	}

	var family uint16

	for len(answer) >= unix.SizeofNlAttr {
		length := int(binary.NativeEndian.Uint16(answer))
		if length < unix.SizeofNlAttr || length > len(answer) {
			break
		}

		if binary.NativeEndian.Uint16(answer[2:]) == unix.CTRL_ATTR_FAMILY_ID {
			family = binary.NativeEndian.Uint16(answer[unix.SizeofNlAttr:])
		}

		answer = answer[min(len(answer), (length+unix.NLA_ALIGNTO-1)&^(unix.NLA_ALIGNTO-1)):]
	}

	// A socket of its own: the acknowledgement of the first request is still in the other.
	if socket, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_GENERIC); err != nil {
		return err
	}

	body := make([]byte, 4) // the datapath's interface number, which is the kernel's to give
	body = append(body, attribute(ovsAttrName, append([]byte(ovsDatapathName), 0))...)
	body = append(body, attribute(ovsAttrUpcall, make([]byte, 4))...)

	if _, err := call(socket, family, ovsDatapathNew, ovsVersion, body); err != nil {
		return fmt.Errorf("family %d: new datapath: %w", family, err)
	}

	_, err = net.InterfaceByName(ovsDatapathName)

	return err
}
