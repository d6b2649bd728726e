/*
 * Rockchip SARADC, version 2: 12 bits, eight channels, conversions on request
 *
 * Registers from Linux' rockchip_saradc driver.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/irq.h"
#include "hw/qdev-properties.h"
#include "rk3588.h"

#define TYPE_RK3588_SARADC "rk3588-saradc"
OBJECT_DECLARE_SIMPLE_TYPE(RK3588SARADC, RK3588_SARADC)

#define CONV_CON 0x000
#define CONV_CHANNEL 0xf
#define CONV_START (1u << 4)
#define END_INT_EN 0x104
#define STATUS 0x10c
#define END_INT_ST 0x110
#define DATA 0x120
#define CHANNELS 8

struct RK3588SARADC {
    SysBusDevice parent_obj;

    MemoryRegion iomem;
    qemu_irq irq;
    uint16_t inputs[CHANNELS]; /* codes of 12 bits at 1.8 V */
    uint32_t regs[DATA / 4];
};

static void saradc_update(RK3588SARADC *s)
{
    qemu_set_irq(s->irq, s->regs[END_INT_EN / 4] & s->regs[END_INT_ST / 4] & 1);
}

static uint64_t saradc_read(void *opaque, hwaddr offset, unsigned size)
{
    RK3588SARADC *s = opaque;

    if (offset >= DATA) {
        unsigned channel = (offset - DATA) / 4;

        return channel < CHANNELS ? s->inputs[channel] : 0;
    }
    return offset == STATUS ? 0 : s->regs[offset / 4];
}

static void saradc_write(void *opaque, hwaddr offset, uint64_t value,
                         unsigned size)
{
    RK3588SARADC *s = opaque;

    if (offset >= DATA) {
        return;
    }
    if (offset == END_INT_ST) {
        s->regs[offset / 4] &= ~value;
    } else if (offset == CONV_CON || offset == END_INT_EN) {
        uint32_t mask = value >> 16;

        s->regs[offset / 4] = (s->regs[offset / 4] & ~mask) | (value & mask);
        if (offset == CONV_CON && (value & CONV_START)) {
            s->regs[END_INT_ST / 4] |= 1;
            s->regs[CONV_CON / 4] &= ~CONV_START;
        }
    } else {
        s->regs[offset / 4] = value;
    }
    saradc_update(s);
}

static const MemoryRegionOps saradc_ops = {
    .read = saradc_read,
    .write = saradc_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 4 },
};

static void saradc_reset_hold(Object *obj, ResetType type)
{
    RK3588SARADC *s = RK3588_SARADC(obj);

    memset(s->regs, 0, sizeof(s->regs));
    saradc_update(s);
}

static void saradc_init(Object *obj)
{
    RK3588SARADC *s = RK3588_SARADC(obj);

    memory_region_init_io(&s->iomem, obj, &saradc_ops, s, "rk3588-saradc",
                          0x10000);
    sysbus_init_mmio(SYS_BUS_DEVICE(s), &s->iomem);
    sysbus_init_irq(SYS_BUS_DEVICE(s), &s->irq);
}

static const Property saradc_properties[] = {
    DEFINE_PROP_UINT16("input0", RK3588SARADC, inputs[0], 4095),
    DEFINE_PROP_UINT16("input1", RK3588SARADC, inputs[1], 4095),
    DEFINE_PROP_UINT16("input5", RK3588SARADC, inputs[5], 4095),
};

static void saradc_class_init(ObjectClass *klass, void *data)
{
    RESETTABLE_CLASS(klass)->phases.hold = saradc_reset_hold;
    device_class_set_props(DEVICE_CLASS(klass), saradc_properties);
}

static const TypeInfo saradc_types[] = {
    {
        .name = TYPE_RK3588_SARADC,
        .parent = TYPE_SYS_BUS_DEVICE,
        .instance_size = sizeof(RK3588SARADC),
        .instance_init = saradc_init,
        .class_init = saradc_class_init,
    },
};

DEFINE_TYPES(saradc_types)
