/*
 * Rockchip GPIO controller, version 2
 *
 * Registers from Linux' gpio-rockchip driver.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/irq.h"
#include "hw/qdev-properties.h"
#include "migration/vmstate.h"
#include "rk3588.h"
#include "trace.h"

#define TYPE_RK3588_GPIO "rk3588-gpio"
OBJECT_DECLARE_SIMPLE_TYPE(RK3588GPIO, RK3588_GPIO)

enum { /* pairs of registers, 16 pins each, upper half a write mask */
    DATA, DIRECTION, INT_ENABLE, INT_MASK, INT_TYPE, INT_POLARITY,
    INT_BOTH_EDGES, DEBOUNCE, DIVIDE, PAIRS,
};
#define DIVIDER 0x48
#define INT_STATUS 0x50
#define INT_RAW_STATUS 0x58
#define EOI_L 0x60
#define EOI_H 0x64
#define EXT_PORT 0x70
#define VERSION 0x78

struct RK3588GPIO {
    SysBusDevice parent_obj;

    MemoryRegion iomem;
    qemu_irq irq;
    qemu_irq pins[RK3588_GPIO_PINS];
    uint32_t bank;
    uint32_t idle;   /* what a pin shows that nobody drives: its pull */
    uint32_t levels; /* from outside */
    uint32_t regs[PAIRS];
    uint32_t divider;
    uint32_t edges; /* latched */
    uint32_t shown; /* output levels as last sent */
};

static uint32_t rk3588_gpio_port(RK3588GPIO *s)
{
    return (s->regs[DATA] & s->regs[DIRECTION]) |
           (s->levels & ~s->regs[DIRECTION]);
}

static uint32_t rk3588_gpio_status(RK3588GPIO *s)
{
    uint32_t level = ~(rk3588_gpio_port(s) ^ s->regs[INT_POLARITY]);
    uint32_t edge = s->regs[INT_TYPE] | s->regs[INT_BOTH_EDGES];

    return ((level & ~edge) | (s->edges & edge)) & s->regs[INT_ENABLE];
}

static void rk3588_gpio_update(RK3588GPIO *s, uint32_t before)
{
    uint32_t port = rk3588_gpio_port(s);
    uint32_t changed = port ^ before;
    uint32_t shown = (s->regs[DATA] & s->regs[DIRECTION]) |
                     (s->idle & ~s->regs[DIRECTION]);

    s->edges |= changed & (s->regs[INT_BOTH_EDGES] |
                           (s->regs[INT_TYPE] &
                            ~(port ^ s->regs[INT_POLARITY])));
    for (unsigned pin = 0; pin < RK3588_GPIO_PINS; pin++) {
        if ((shown ^ s->shown) & (1u << pin)) {
            trace_rk3588_gpio(s->bank, 'A' + pin / 8, pin % 8,
                              (shown >> pin) & 1);
            qemu_set_irq(s->pins[pin], (shown >> pin) & 1);
        }
    }
    s->shown = shown;
    qemu_set_irq(s->irq, (rk3588_gpio_status(s) & ~s->regs[INT_MASK]) != 0);
}

static void rk3588_gpio_set(void *opaque, int pin, int level)
{
    RK3588GPIO *s = opaque;
    uint32_t before = rk3588_gpio_port(s);

    s->levels = deposit32(s->levels, pin, 1, !!level);
    rk3588_gpio_update(s, before);
}

static uint64_t rk3588_gpio_read(void *opaque, hwaddr offset, unsigned size)
{
    RK3588GPIO *s = opaque;

    if (offset < 8 * PAIRS) {
        return (s->regs[offset / 8] >> (offset & 4 ? 16 : 0)) & 0xffff;
    }
    switch (offset) {
    case DIVIDER:
        return s->divider;
    case INT_STATUS:
        return rk3588_gpio_status(s) & ~s->regs[INT_MASK];
    case INT_RAW_STATUS:
        return rk3588_gpio_status(s);
    case EXT_PORT:
        return rk3588_gpio_port(s);
    case VERSION:
        return 0x01000c2b;
    }
    return 0;
}

static void rk3588_gpio_write(void *opaque, hwaddr offset, uint64_t value,
                              unsigned size)
{
    RK3588GPIO *s = opaque;
    uint32_t before = rk3588_gpio_port(s);
    unsigned shift = offset & 4 ? 16 : 0;

    if (offset < 8 * PAIRS) {
        uint32_t mask = (value >> 16) << shift;
        uint32_t *reg = &s->regs[offset / 8];

        *reg = (*reg & ~mask) | (((value & 0xffff) << shift) & mask);
    } else if (offset == DIVIDER) {
        s->divider = value;
    } else if (offset == EOI_L || offset == EOI_H) {
        s->edges &= ~(((value >> 16) & value) << shift);
    }
    rk3588_gpio_update(s, before);
}

static const MemoryRegionOps rk3588_gpio_ops = {
    .read = rk3588_gpio_read,
    .write = rk3588_gpio_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 4 },
};

static void rk3588_gpio_reset_hold(Object *obj, ResetType type)
{
    RK3588GPIO *s = RK3588_GPIO(obj);

    memset(s->regs, 0, sizeof(s->regs));
    s->divider = 0;
    s->edges = 0;
    s->shown = ~s->idle;
    rk3588_gpio_update(s, rk3588_gpio_port(s));
}

static void rk3588_gpio_init(Object *obj)
{
    RK3588GPIO *s = RK3588_GPIO(obj);

    memory_region_init_io(&s->iomem, obj, &rk3588_gpio_ops, s, "rk3588-gpio",
                          0x100);
    sysbus_init_mmio(SYS_BUS_DEVICE(s), &s->iomem);
    sysbus_init_irq(SYS_BUS_DEVICE(s), &s->irq);
    qdev_init_gpio_in(DEVICE(s), rk3588_gpio_set, RK3588_GPIO_PINS);
    qdev_init_gpio_out(DEVICE(s), s->pins, RK3588_GPIO_PINS);
}

static void rk3588_gpio_realize(DeviceState *dev, Error **errp)
{
    RK3588GPIO *s = RK3588_GPIO(dev);

    s->levels = s->idle;
}

static const VMStateDescription rk3588_gpio_vmstate = {
    .name = TYPE_RK3588_GPIO,
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(levels, RK3588GPIO),
        VMSTATE_UINT32_ARRAY(regs, RK3588GPIO, PAIRS),
        VMSTATE_UINT32(divider, RK3588GPIO),
        VMSTATE_UINT32(edges, RK3588GPIO),
        VMSTATE_UINT32(shown, RK3588GPIO),
        VMSTATE_END_OF_LIST()
    }
};

static const Property rk3588_gpio_properties[] = {
    DEFINE_PROP_UINT32("bank", RK3588GPIO, bank, 0),
    DEFINE_PROP_UINT32("idle", RK3588GPIO, idle, 0),
};

static void rk3588_gpio_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = rk3588_gpio_realize;
    dc->vmsd = &rk3588_gpio_vmstate;
    RESETTABLE_CLASS(klass)->phases.hold = rk3588_gpio_reset_hold;
    device_class_set_props(dc, rk3588_gpio_properties);
}

static const TypeInfo rk3588_gpio_types[] = {
    {
        .name = TYPE_RK3588_GPIO,
        .parent = TYPE_SYS_BUS_DEVICE,
        .instance_size = sizeof(RK3588GPIO),
        .instance_init = rk3588_gpio_init,
        .class_init = rk3588_gpio_class_init,
    },
};

DEFINE_TYPES(rk3588_gpio_types)
