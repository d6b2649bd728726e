// SPDX-License-Identifier: MPL-2.0

package main

import "golang.org/x/sys/windows"

const mayWriteHint = "start the terminal with \"Run as administrator\""

func mayWrite() bool { return windows.GetCurrentProcessToken().IsElevated() }
