/*
 * Rockchip TSADC: seven temperature sensors, each with an alarm
 *
 * Registers and the table of codes from Linux' rockchip_thermal driver. All
 * sensors are as warm as the SoC. The second threshold, at which the chip has
 * itself reset or switched off, holds what is written and does nothing.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/irq.h"
#include "migration/vmstate.h"
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "rk3588.h"

OBJECT_DECLARE_SIMPLE_TYPE(RK3588TSADC, RK3588_TSADC)

#define AUTO_CON 0x04
#define AUTO_SRC_CON 0x0c
#define HT_INT_EN 0x14
#define HSHUT_GPIO_INT_EN 0x18
#define HSHUT_CRU_INT_EN 0x1c
#define INT_PD 0x24
#define HSHUT_PD 0x28
#define DATA 0x2c
#define COMP_INT 0x6c
#define SENSORS 7
#define SIZE 0x400
#define TEMPERATURE_MAX 125

struct RK3588TSADC {
    SysBusDevice parent_obj;

    MemoryRegion iomem;
    qemu_irq irq;
    uint8_t temperature; /* degrees Celsius */
    uint32_t regs[SIZE / 4];
};

/* The table's points that are not below zero, and lines between them. */
static uint32_t tsadc_code(RK3588TSADC *s)
{
    int degrees = s->temperature;

    return degrees < 25   ? 285 - (25 - degrees) * 70 / 65
           : degrees < 85 ? 285 + (degrees - 25) * 65 / 60
                          : 350 + (degrees - 85) * 45 / 40;
}

/* An alarm stays until it is cleared, and comes again while it is as warm. */
static void tsadc_update(RK3588TSADC *s)
{
    for (unsigned i = 0; i < SENSORS; i++) {
        if ((s->regs[HT_INT_EN / 4] & 1u << i) &&
            tsadc_code(s) > s->regs[COMP_INT / 4 + i]) {
            s->regs[INT_PD / 4] |= 1u << i;
        }
    }
    qemu_set_irq(s->irq, s->regs[INT_PD / 4] != 0);
}

static uint64_t tsadc_read(void *opaque, hwaddr offset, unsigned size)
{
    RK3588TSADC *s = opaque;

    if (offset >= DATA && offset < DATA + 4 * SENSORS) {
        return tsadc_code(s);
    }
    return s->regs[offset / 4];
}

static void tsadc_write(void *opaque, hwaddr offset, uint64_t value,
                        unsigned size)
{
    RK3588TSADC *s = opaque;
    uint32_t *reg = &s->regs[offset / 4];

    switch (offset) {
    case AUTO_CON:
    case AUTO_SRC_CON:
    case HT_INT_EN:
    case HSHUT_GPIO_INT_EN:
    case HSHUT_CRU_INT_EN: {
        uint32_t mask = value >> 16;

        *reg = (*reg & ~mask) | (value & mask);
        break;
    }
    case INT_PD:
    case HSHUT_PD:
        *reg &= ~value;
        break;
    default:
        *reg = value;
    }
    tsadc_update(s);
}

static const MemoryRegionOps tsadc_ops = {
    .read = tsadc_read,
    .write = tsadc_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 4 },
};

static void tsadc_reset_hold(Object *obj, ResetType type)
{
    RK3588TSADC *s = RK3588_TSADC(obj);

    memset(s->regs, 0, sizeof(s->regs));
    tsadc_update(s);
}

static void get_temperature(Object *obj, Visitor *v, const char *name,
                            void *opaque, Error **errp)
{
    visit_type_uint8(v, name, &RK3588_TSADC(obj)->temperature, errp);
}

/* At any time: a SoC warms up while it runs. */
static void set_temperature(Object *obj, Visitor *v, const char *name,
                            void *opaque, Error **errp)
{
    RK3588TSADC *s = RK3588_TSADC(obj);
    uint8_t degrees;

    if (!visit_type_uint8(v, name, &degrees, errp)) {
        return;
    }
    if (degrees > TEMPERATURE_MAX) {
        error_setg(errp, "%s is at most %d, not %u", name, TEMPERATURE_MAX,
                   degrees);
        return;
    }
    s->temperature = degrees;
    tsadc_update(s);
}

static void tsadc_init(Object *obj)
{
    RK3588TSADC *s = RK3588_TSADC(obj);

    s->temperature = 45;
    memory_region_init_io(&s->iomem, obj, &tsadc_ops, s, TYPE_RK3588_TSADC,
                          SIZE);
    sysbus_init_mmio(SYS_BUS_DEVICE(s), &s->iomem);
    sysbus_init_irq(SYS_BUS_DEVICE(s), &s->irq);
}

static const VMStateDescription tsadc_vmstate = {
    .name = TYPE_RK3588_TSADC,
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT8(temperature, RK3588TSADC),
        VMSTATE_UINT32_ARRAY(regs, RK3588TSADC, SIZE / 4),
        VMSTATE_END_OF_LIST()
    }
};

static void tsadc_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->vmsd = &tsadc_vmstate;
    dc->user_creatable = false;
    RESETTABLE_CLASS(klass)->phases.hold = tsadc_reset_hold;
    object_class_property_add(klass, "temperature", "uint8", get_temperature,
                              set_temperature, NULL, NULL);
}

static const TypeInfo tsadc_types[] = {
    {
        .name = TYPE_RK3588_TSADC,
        .parent = TYPE_SYS_BUS_DEVICE,
        .instance_size = sizeof(RK3588TSADC),
        .instance_init = tsadc_init,
        .class_init = tsadc_class_init,
    },
};

DEFINE_TYPES(tsadc_types)
