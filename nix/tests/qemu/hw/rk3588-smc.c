/*
 * SMC calls that the secure firmware does not know
 *
 * The SMC Calling Convention's answer to an unknown function is -1. The
 * firmware is the board's own, so who calls it otherwise was made for another.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "target/arm/cpu.h"
#include "target/arm/internals.h"
#include "rk3588.h"

#define UNKNOWN 0xffffffffu

typedef struct {
    bool called;
    uint32_t function;
} Call;

/* Whose answer may be -1: they ask whether something is there. */
static const uint32_t questions[] = {
    0x80000001, /* SMCCC_ARCH_FEATURES */
    0x84000006, /* PSCI_MIGRATE_INFO_TYPE */
    0x8400000a, /* PSCI_FEATURES */
    0x84000050, /* TRNG_VERSION */
    0x84000063, /* FFA_VERSION */
};

static bool is_question(uint32_t function)
{
    for (size_t i = 0; i < ARRAY_SIZE(questions); i++) {
        if (questions[i] == function) {
            return true;
        }
    }
    return false;
}

static void el_changes(ARMCPU *cpu, void *opaque)
{
    Call *call = opaque;
    CPUARMState *env = &cpu->env;

    if (CPU(cpu)->exception_index == EXCP_SMC) {
        call->called = true;
        call->function = env->xregs[0];
    } else if (call->called && arm_current_el(env) == 3) {
        call->called = false;
        if ((uint32_t)env->xregs[0] == UNKNOWN && !is_question(call->function)) {
            rk3588_fault("SMC 0x%08x: BL31 does not know it", call->function);
        }
    }
}

void rk3588_smc_watch(DeviceState *core)
{
    arm_register_pre_el_change_hook(ARM_CPU(core), el_changes, g_new0(Call, 1));
}
