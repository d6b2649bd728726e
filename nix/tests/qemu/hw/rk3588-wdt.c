/*
 * DesignWare watchdog as the RK3588 has it, counting 24 MHz
 *
 * Registers from Linux' dw_wdt driver.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/host-utils.h"
#include "qemu/timer.h"
#include "hw/irq.h"
#include "hw/qdev-properties.h"
#include "migration/vmstate.h"
#include "system/runstate.h"
#include "rk3588.h"
#include "trace.h"

#define TYPE_RK3588_WDT "rk3588-wdt"
OBJECT_DECLARE_SIMPLE_TYPE(RK3588WDT, RK3588_WDT)

#define HZ 24000000

#define CONTROL 0x00
#define CONTROL_ENABLE (1u << 0)
#define CONTROL_INT_FIRST (1u << 1)
#define TIMEOUT 0x04
#define COUNTER 0x08
#define RESTART 0x0c
#define RESTART_KEY 0x76
#define STATUS 0x10
#define CLEAR 0x14

struct RK3588WDT {
    SysBusDevice parent_obj;

    MemoryRegion iomem;
    qemu_irq irq;
    QEMUTimer timer;
    bool fault; /* an expiry ends the run instead of resetting */
    uint32_t control, timeout;
    bool pending;
    int64_t end; /* ns of QEMU_CLOCK_VIRTUAL */
};

static void rk3588_wdt_start(RK3588WDT *s)
{
    uint64_t ticks = 1ull << (16 + (s->timeout & 15));

    s->end = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) +
             muldiv64(ticks, NANOSECONDS_PER_SECOND, HZ);
    timer_mod(&s->timer, s->end);
}

static void rk3588_wdt_expired(void *opaque)
{
    RK3588WDT *s = opaque;

    if ((s->control & CONTROL_INT_FIRST) && !s->pending) {
        s->pending = true;
        qemu_irq_raise(s->irq);
        rk3588_wdt_start(s);
        return;
    }
    trace_rk3588_wdt_expired();
    if (s->fault) {
        rk3588_fault("watchdog: nobody served it");
        return;
    }
    info_report("watchdog expired: reset");
    qemu_system_reset_request(SHUTDOWN_CAUSE_GUEST_RESET);
}

static uint64_t rk3588_wdt_read(void *opaque, hwaddr offset, unsigned size)
{
    RK3588WDT *s = opaque;

    switch (offset) {
    case CONTROL:
        return s->control;
    case TIMEOUT:
        return s->timeout;
    case COUNTER:
        return muldiv64(MAX(s->end - qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL), 0),
                        HZ, NANOSECONDS_PER_SECOND);
    case STATUS:
        return s->pending;
    case CLEAR:
        s->pending = false;
        qemu_irq_lower(s->irq);
        return 0;
    }
    return 0;
}

static void rk3588_wdt_write(void *opaque, hwaddr offset, uint64_t value,
                             unsigned size)
{
    RK3588WDT *s = opaque;

    switch (offset) {
    case CONTROL:
        /* Once enabled it stays so until a reset. */
        if (!(s->control & CONTROL_ENABLE) && (value & CONTROL_ENABLE)) {
            trace_rk3588_wdt_enabled(s->timeout & 15);
            rk3588_wdt_start(s);
        }
        s->control = value | (s->control & CONTROL_ENABLE);
        break;
    case TIMEOUT:
        s->timeout = value;
        break;
    case RESTART:
        if ((value & 0xff) == RESTART_KEY && (s->control & CONTROL_ENABLE)) {
            s->pending = false;
            qemu_irq_lower(s->irq);
            rk3588_wdt_start(s);
        }
        break;
    }
}

static const MemoryRegionOps rk3588_wdt_ops = {
    .read = rk3588_wdt_read,
    .write = rk3588_wdt_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 4 },
};

static void rk3588_wdt_reset_hold(Object *obj, ResetType type)
{
    RK3588WDT *s = RK3588_WDT(obj);

    timer_del(&s->timer);
    s->control = CONTROL_INT_FIRST;
    s->timeout = 0;
    s->pending = false;
    s->end = 0;
    qemu_irq_lower(s->irq);
}

static void rk3588_wdt_init(Object *obj)
{
    RK3588WDT *s = RK3588_WDT(obj);

    memory_region_init_io(&s->iomem, obj, &rk3588_wdt_ops, s, "rk3588-wdt",
                          0x100);
    sysbus_init_mmio(SYS_BUS_DEVICE(s), &s->iomem);
    sysbus_init_irq(SYS_BUS_DEVICE(s), &s->irq);
    timer_init_ns(&s->timer, QEMU_CLOCK_VIRTUAL, rk3588_wdt_expired, s);
}

static const VMStateDescription rk3588_wdt_vmstate = {
    .name = TYPE_RK3588_WDT,
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_TIMER(timer, RK3588WDT),
        VMSTATE_UINT32(control, RK3588WDT),
        VMSTATE_UINT32(timeout, RK3588WDT),
        VMSTATE_BOOL(pending, RK3588WDT),
        VMSTATE_INT64(end, RK3588WDT),
        VMSTATE_END_OF_LIST()
    }
};

static const Property rk3588_wdt_properties[] = {
    DEFINE_PROP_BOOL("fault", RK3588WDT, fault, false),
};

static void rk3588_wdt_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->vmsd = &rk3588_wdt_vmstate;
    RESETTABLE_CLASS(klass)->phases.hold = rk3588_wdt_reset_hold;
    device_class_set_props(dc, rk3588_wdt_properties);
}

static const TypeInfo rk3588_wdt_types[] = {
    {
        .name = TYPE_RK3588_WDT,
        .parent = TYPE_SYS_BUS_DEVICE,
        .instance_size = sizeof(RK3588WDT),
        .instance_init = rk3588_wdt_init,
        .class_init = rk3588_wdt_class_init,
    },
};

DEFINE_TYPES(rk3588_wdt_types)
