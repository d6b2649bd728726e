// SPDX-License-Identifier: MPL-2.0

package main

import "os"

const mayWriteHint = "run m6 flash with sudo"

func mayWrite() bool { return os.Geteuid() == 0 }
