// SPDX-License-Identifier: MPL-2.0

package disk

import "sync/atomic"

var writing atomic.Int32

// Begin says that a medium is going to be changed, and gives what says that it is done.
func Begin() (end func()) {
	writing.Add(1)

	return func() { writing.Add(-1) }
}

// Writing says whether a medium is being changed: then a program must not just end.
func Writing() bool { return writing.Load() > 0 }
