// SPDX-License-Identifier: MPL-2.0

package kconfig

import (
	"path/filepath"
	"testing"
)

const report = `[
 {"option_name": "CONFIG_GOOD", "type": "kconfig", "reason": "self_protection", "decision": "kspp", "desired_val": "y", "check_result": "OK", "check_result_bool": true},
 {"option_name": "CONFIG_BAD", "type": "kconfig", "reason": "self_protection", "decision": "kspp", "desired_val": "y", "check_result": "FAIL: \"is not set\"", "check_result_bool": false},
 {"option_name": "kernel.sysctl", "type": "sysctl", "reason": "self_protection", "decision": "kspp", "desired_val": "1", "check_result": "FAIL: is not found", "check_result_bool": false}
]`

func checkHardening(t *testing.T, report, exceptions string) ([]string, error) {
	t.Helper()

	dir := write(t, map[string]string{"report.json": report, "hardening.yaml": exceptions})

	hardening, err := ReadHardening(filepath.Join(dir, "hardening.yaml"))
	if err != nil {
		t.Fatal(err)
	}

	return CheckHardening(filepath.Join(dir, "report.json"), hardening)
}

func TestAFailedHardeningSettingNeedsAReason(t *testing.T) {
	wrong, err := checkHardening(t, report, "checker: x\nexcept: []\n")
	if err != nil {
		t.Fatal(err)
	}

	finds(t, wrong, `CONFIG_BAD: kspp asks for y, check says FAIL: "is not set"`)

	wrong, err = checkHardening(t, report, "checker: x\nexcept: [{symbols: [BAD], why: it must}]\n")
	if err != nil {
		t.Fatal(err)
	}

	finds(t, wrong)
}

func TestAReasonForAMetSettingIsRefused(t *testing.T) {
	wrong, err := checkHardening(t, report, "checker: x\nexcept: [{symbols: [BAD, GOOD], why: it must}]\n")
	if err != nil {
		t.Fatal(err)
	}

	finds(t, wrong, "CONFIG_GOOD is as kernel-hardening-checker asks")
}

func TestAReportOfNothingIsNoSuccess(t *testing.T) {
	for _, text := range []string{"[]", "", "[+] Config check is finished", `{"a": 1}`} {
		if wrong, err := checkHardening(t, text, "checker: x\nexcept: []\n"); err == nil {
			t.Errorf("%q: accepted, %v: got no error, want one", text, wrong)
		}
	}
}

func TestOwnHardeningExceptionsRead(t *testing.T) {
	hardening, err := ReadHardening("../../nix/kernel/needs/hardening.yaml")
	if err != nil {
		t.Fatal(err)
	}

	if len(hardening.Except) == 0 {
		t.Error("got no exception, want those of the file")
	}
}
