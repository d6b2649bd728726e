/*
 * Rockchip timer, one channel at 24 MHz, as the RK3288's and RK3588's are
 *
 * Registers from Linux' timer-rockchip driver.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/timer.h"
#include "hw/irq.h"
#include "qemu/host-utils.h"
#include "migration/vmstate.h"
#include "rk3588.h"

#define TYPE_RK3588_TIMER "rk3588-timer"
OBJECT_DECLARE_SIMPLE_TYPE(RK3588Timer, RK3588_TIMER)

#define HZ 24000000

#define LOAD0 0x00
#define LOAD1 0x04
#define CURRENT0 0x08
#define CURRENT1 0x0c
#define CONTROL 0x10
#define CONTROL_ENABLE (1u << 0)
#define CONTROL_ONE_SHOT (1u << 1)
#define CONTROL_INT (1u << 2)
#define INT_STATUS 0x18

struct RK3588Timer {
    SysBusDevice parent_obj;

    MemoryRegion iomem;
    qemu_irq irq;
    QEMUTimer timer;
    uint64_t load;
    uint32_t control;
    bool pending;
    int64_t start; /* ns of QEMU_CLOCK_VIRTUAL */
};

static void rk3588_timer_update(RK3588Timer *s)
{
    qemu_set_irq(s->irq, s->pending && (s->control & CONTROL_INT));
}

static void rk3588_timer_start(RK3588Timer *s)
{
    s->start = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
    if (s->load < UINT32_MAX) {
        timer_mod(&s->timer, s->start + muldiv64(MAX(s->load, 1),
                                                 NANOSECONDS_PER_SECOND, HZ));
    }
}

static void rk3588_timer_expired(void *opaque)
{
    RK3588Timer *s = opaque;

    s->pending = true;
    if (!(s->control & CONTROL_ONE_SHOT)) {
        rk3588_timer_start(s);
    }
    rk3588_timer_update(s);
}

static uint64_t rk3588_timer_read(void *opaque, hwaddr offset, unsigned size)
{
    RK3588Timer *s = opaque;
    uint64_t count = 0;

    if (s->control & CONTROL_ENABLE) {
        count = muldiv64(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) - s->start, HZ,
                         NANOSECONDS_PER_SECOND);
    }
    switch (offset) {
    case LOAD0:
        return (uint32_t)s->load;
    case LOAD1:
        return s->load >> 32;
    case CURRENT0:
        return (uint32_t)count;
    case CURRENT1:
        return count >> 32;
    case CONTROL:
        return s->control;
    case INT_STATUS:
        return s->pending;
    }
    return 0;
}

static void rk3588_timer_write(void *opaque, hwaddr offset, uint64_t value,
                               unsigned size)
{
    RK3588Timer *s = opaque;
    uint32_t before = s->control;

    switch (offset) {
    case LOAD0:
        s->load = deposit64(s->load, 0, 32, value);
        break;
    case LOAD1:
        s->load = deposit64(s->load, 32, 32, value);
        break;
    case CONTROL:
        s->control = value;
        if (!(value & CONTROL_ENABLE)) {
            timer_del(&s->timer);
        } else if (!(before & CONTROL_ENABLE)) {
            rk3588_timer_start(s);
        }
        break;
    case INT_STATUS:
        s->pending &= !(value & 1);
        break;
    }
    rk3588_timer_update(s);
}

static const MemoryRegionOps rk3588_timer_ops = {
    .read = rk3588_timer_read,
    .write = rk3588_timer_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 4 },
};

static void rk3588_timer_reset_hold(Object *obj, ResetType type)
{
    RK3588Timer *s = RK3588_TIMER(obj);

    timer_del(&s->timer);
    s->load = 0;
    s->control = 0;
    s->pending = false;
    rk3588_timer_update(s);
}

static void rk3588_timer_init(Object *obj)
{
    RK3588Timer *s = RK3588_TIMER(obj);

    memory_region_init_io(&s->iomem, obj, &rk3588_timer_ops, s, "rk3588-timer",
                          0x20);
    sysbus_init_mmio(SYS_BUS_DEVICE(s), &s->iomem);
    sysbus_init_irq(SYS_BUS_DEVICE(s), &s->irq);
    timer_init_ns(&s->timer, QEMU_CLOCK_VIRTUAL, rk3588_timer_expired, s);
}

static const VMStateDescription rk3588_timer_vmstate = {
    .name = TYPE_RK3588_TIMER,
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_TIMER(timer, RK3588Timer),
        VMSTATE_UINT64(load, RK3588Timer),
        VMSTATE_UINT32(control, RK3588Timer),
        VMSTATE_BOOL(pending, RK3588Timer),
        VMSTATE_INT64(start, RK3588Timer),
        VMSTATE_END_OF_LIST()
    }
};

static void rk3588_timer_class_init(ObjectClass *klass, void *data)
{
    DEVICE_CLASS(klass)->vmsd = &rk3588_timer_vmstate;
    RESETTABLE_CLASS(klass)->phases.hold = rk3588_timer_reset_hold;
}

static const TypeInfo rk3588_timer_types[] = {
    {
        .name = TYPE_RK3588_TIMER,
        .parent = TYPE_SYS_BUS_DEVICE,
        .instance_size = sizeof(RK3588Timer),
        .instance_init = rk3588_timer_init,
        .class_init = rk3588_timer_class_init,
    },
};

DEFINE_TYPES(rk3588_timer_types)
