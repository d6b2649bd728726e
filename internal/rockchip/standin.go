// SPDX-License-Identifier: MPL-2.0

package rockchip

import "errors"

// StandInMagic starts the file that takes the DDR blob's place in a build without one.
const StandInMagic = "NANOPI-M6 NO DDR BLOB: STAND-IN\n"

// ErrStandIn is returned for a loader built with the stand-in.
var ErrStandIn = errors.New("no DDR blob: cannot start the board's memory")
