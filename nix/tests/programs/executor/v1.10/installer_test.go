// SPDX-License-Identifier: MPL-2.0

package executor_test

import (
	"testing"

	"github.com/siderolabs/talos/pkg/imager/overlay/executor"
	"github.com/siderolabs/talos/pkg/machinery/overlay"
)

func getOptions(t *testing.T, program string, extra overlay.ExtraOptions) (overlay.Options, error) {
	t.Helper()

	return executor.New(program).GetOptions(extra)
}

func install(t *testing.T, program string, options overlay.InstallOptions[overlay.ExtraOptions]) error {
	t.Helper()

	return executor.New(program).Install(options)
}
