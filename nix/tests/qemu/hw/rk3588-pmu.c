/*
 * Rockchip RK3588 power management unit: cores, power domains, bus idling
 *
 * From TF-A's driver (plat/rockchip/rk3588/drivers/pmu): numbers, polarity and
 * order. Not from documentation: that no domain is off at power-on.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/irq.h"
#include "hw/qdev-properties.h"
#include "system/reset.h"
#include "migration/vmstate.h"
#include "qapi/error.h"
#include "target/arm/arm-powerctl.h"
#include "target/arm/cpu.h"
#include "rk3588.h"
#include "trace.h"

#define TYPE_RK3588_PMU "rk3588-pmu"
OBJECT_DECLARE_SIMPLE_TYPE(RK3588PMU, RK3588_PMU)

#define CPU_AUTO_PWR_CON 0x8010
#define AUTO_ENABLE (1u << 0)
#define AUTO_INT_WAKE (1u << 1)
#define AUTO_SOFT_WAKE (1u << 3)
#define CLUSTER_ST 0x8080
#define BUS_IDLE_SFTCON 0x810c
#define BUS_IDLE_ACK 0x8118
#define BUS_IDLE_ST 0x8120
#define PWR_GATE_SFTCON 0x814c
#define PWR_GATE_ST 0x8180
#define MEMPWR_GATE_SFTCON 0x81a0
#define QCHANNEL_SFTCON 0x81d4
#define QCHANNEL_STATUS 0x81d8
#define PWR_CHAIN1_ST 0x81f0
#define PWR_MEM_ST 0x81f8
#define BISR_STATUS4 0x8290

#define DOMAINS 34

/* By domain: its bit in the repair status and in the memory status, or -1. */
static const int8_t repair_bit[DOMAINS] = {
    1, -1, -1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
    16, 17, 18, 19, 20, 21, 22, -1, 23, 24, 25, -1, 26, 27, 28, 29, 30,
};
static const int8_t memory_bit[DOMAINS] = {
    -1, -1, -1, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24,
    25, 26, 27, 28, 29, 30, 31, -1, 33, 34, 35, -1, 37, -1, -1, -1, -1,
};

struct RK3588PMU {
    DeviceState parent_obj;

    RK3588Regs *regs;
    ARMCPU *cores[RK3588_CORES];
    uint8_t off;  /* cores */
    uint8_t wake; /* WakeRequest of the GIC, by core */
};

static void rk3588_pmu_core_on(RK3588PMU *s, unsigned core, const char *why)
{
    if (!(s->off & (1u << core))) {
        return;
    }
    s->off &= ~(1u << core);
    rk3588_regs_set(s->regs, CLUSTER_ST, s->off);
    trace_rk3588_pmu_core_on(core, why);
    arm_set_cpu_on_and_reset(arm_cpu_mp_affinity(s->cores[core]));
}

static void rk3588_pmu_core_power(void *opaque, RK3588Regs *regs,
                                  hwaddr offset, uint32_t value)
{
    RK3588PMU *s = opaque;
    unsigned core = (offset - CPU_AUTO_PWR_CON) / 4;

    if (value & AUTO_SOFT_WAKE) {
        rk3588_pmu_core_on(s, core, "software");
    }
}

/* The core is in its WFI helper, with the BQL held. */
static void rk3588_pmu_standbywfi(void *opaque, int core, int level)
{
    RK3588PMU *s = opaque;
    uint32_t con = rk3588_regs_get(s->regs, CPU_AUTO_PWR_CON + 4 * core);

    if (!level || !(con & AUTO_ENABLE)) {
        return;
    }
    trace_rk3588_pmu_core_off(core);
    s->cores[core]->power_state = PSCI_OFF;
    s->off |= 1u << core;
    rk3588_regs_set(s->regs, CLUSTER_ST, s->off);
    if ((con & AUTO_INT_WAKE) && (s->wake & (1u << core))) {
        rk3588_pmu_core_on(s, core, "interrupt that waited");
    }
}

static void rk3588_pmu_wake_request(void *opaque, int core, int level)
{
    RK3588PMU *s = opaque;
    uint32_t con = rk3588_regs_get(s->regs, CPU_AUTO_PWR_CON + 4 * core);

    s->wake = deposit32(s->wake, core, 1, !!level);
    if (level && (con & AUTO_INT_WAKE)) {
        rk3588_pmu_core_on(s, core, "interrupt");
    }
}

static bool rk3588_pmu_bit(RK3588PMU *s, hwaddr base, unsigned bit)
{
    return rk3588_regs_get(s->regs, base + bit / 16 * 4) & (1u << bit % 16);
}

static void rk3588_pmu_idle(void *opaque, RK3588Regs *regs, hwaddr offset,
                            uint32_t value)
{
    for (unsigned word = 0; word < 2; word++) {
        uint32_t idle = rk3588_regs_get(regs, BUS_IDLE_SFTCON + 8 * word) &
                        0xffff;

        if (word == 0) {
            idle |= rk3588_regs_get(regs, BUS_IDLE_SFTCON + 4) << 16;
        }
        rk3588_regs_set(regs, BUS_IDLE_ACK + 4 * word, idle);
        rk3588_regs_set(regs, BUS_IDLE_ST + 4 * word, idle);
    }
}

static void rk3588_pmu_domains(void *opaque, RK3588Regs *regs, hwaddr offset,
                               uint32_t value)
{
    RK3588PMU *s = opaque;
    uint64_t gate = 0, memory = 0;
    uint32_t repair = 1; /* the PMU's own */

    for (unsigned pd = 0; pd < DOMAINS; pd++) {
        bool off = rk3588_pmu_bit(s, PWR_GATE_SFTCON, pd);

        gate |= (uint64_t)off << pd;
        if (repair_bit[pd] >= 0 && !off) {
            repair |= 1u << repair_bit[pd];
        }
        if (memory_bit[pd] >= 0 &&
            (off || rk3588_pmu_bit(s, MEMPWR_GATE_SFTCON, pd))) {
            memory |= 1ull << memory_bit[pd];
        }
    }
    rk3588_regs_set(regs, PWR_GATE_ST, gate);
    rk3588_regs_set(regs, PWR_GATE_ST + 4, gate >> 32);
    rk3588_regs_set(regs, PWR_MEM_ST, memory);
    rk3588_regs_set(regs, PWR_MEM_ST + 4, memory >> 32);
    rk3588_regs_set(regs, BISR_STATUS4, repair);
}

static void rk3588_pmu_qchannel(void *opaque, RK3588Regs *regs, hwaddr offset,
                                uint32_t value)
{
    rk3588_regs_set(regs, QCHANNEL_STATUS, value & 0x7f);
}

static void rk3588_pmu_reset_exit(Object *obj, ResetType type)
{
    RK3588PMU *s = RK3588_PMU(obj);

    /*
     * Behind power-on the boot core holds the others in WFE; TF-A sends them
     * off before anything else runs on them. They count as off from the start.
     */
    s->off = 0xfe;
    s->wake = 0;
    rk3588_regs_set(s->regs, CLUSTER_ST, s->off);
    rk3588_pmu_domains(s, s->regs, 0, 0);
    rk3588_pmu_idle(s, s->regs, 0, 0);
}

static void rk3588_pmu_class_init(ObjectClass *klass, void *data)
{
    DEVICE_CLASS(klass)->user_creatable = false;
    RESETTABLE_CLASS(klass)->phases.exit = rk3588_pmu_reset_exit;
}

void rk3588_pmu_init(Object *owner, DeviceState *gic, DeviceState **cores)
{
    DeviceState *dev = qdev_new(TYPE_RK3588_PMU);
    RK3588PMU *s = RK3588_PMU(dev);

    object_property_add_child(owner, "pmu-power", OBJECT(dev));
    s->regs = rk3588_regs_new(owner, "pmu", 0xfd8d0000, 0x10000, true);
    rk3588_regs_watch(s->regs, CPU_AUTO_PWR_CON, RK3588_CORES,
                      rk3588_pmu_core_power, s);
    rk3588_regs_watch(s->regs, BUS_IDLE_SFTCON, 3, rk3588_pmu_idle, s);
    rk3588_regs_watch(s->regs, PWR_GATE_SFTCON, 3, rk3588_pmu_domains, s);
    rk3588_regs_watch(s->regs, MEMPWR_GATE_SFTCON, 3, rk3588_pmu_domains, s);
    rk3588_regs_watch(s->regs, QCHANNEL_SFTCON, 1, rk3588_pmu_qchannel, s);
    rk3588_regs_fix(s->regs, PWR_CHAIN1_ST, 0, UINT32_MAX);
    rk3588_regs_fix(s->regs, PWR_CHAIN1_ST + 4, 0, UINT32_MAX);
    qdev_init_gpio_in_named(dev, rk3588_pmu_standbywfi, "standbywfi",
                            RK3588_CORES);
    qdev_init_gpio_in_named(dev, rk3588_pmu_wake_request, "wake-request",
                            RK3588_CORES);
    qdev_realize_and_unref(dev, NULL, &error_fatal);
    for (unsigned core = 0; core < RK3588_CORES; core++) {
        s->cores[core] = ARM_CPU(cores[core]);
        qdev_connect_gpio_out_named(
            cores[core], "standbywfi", 0,
            qdev_get_gpio_in_named(dev, "standbywfi", core));
        qdev_connect_gpio_out_named(
            gic, "wake-request", core,
            qdev_get_gpio_in_named(dev, "wake-request", core));
    }
    qemu_register_resettable(OBJECT(dev));
}

static const TypeInfo rk3588_pmu_types[] = {
    {
        .name = TYPE_RK3588_PMU,
        .parent = TYPE_DEVICE,
        .instance_size = sizeof(RK3588PMU),
        .class_init = rk3588_pmu_class_init,
    },
};

DEFINE_TYPES(rk3588_pmu_types)
