// SPDX-License-Identifier: MPL-2.0

package qemu

import "os/exec"

// captures says that the board's console can be captured through a pipe: Windows has no descriptors to hand on.
const captures = false

func child(*exec.Cmd, bool) {}
