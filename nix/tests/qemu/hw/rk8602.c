/*
 * Rockchip RK8602 and RK8603 buck converters on I2C
 *
 * Registers from Linux' fan53555 driver.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/qdev-properties.h"
#include "i2c-registers.h"
#include "rk3588.h"
#include "trace.h"

#define TYPE_RK8602 "rk8602"
OBJECT_DECLARE_SIMPLE_TYPE(RK8602State, RK8602)

#define ENABLE0 0x00
#define ENABLE1 0x01
#define ENABLE (1u << 7)
#define ID1 0x03
#define VSEL0 0x06
#define VSEL1 0x07

struct RK8602State {
    I2CRegisters parent_obj;

    char *rail;
    uint32_t low, high; /* what the board stands, in microvolts */
    bool needed;        /* switching it off is a fault */
};

static void rk8602_written(I2CRegisters *chip, uint8_t reg, uint8_t before)
{
    RK8602State *s = RK8602(chip);
    uint8_t data = chip->regs[reg];

    if (reg == VSEL0) {
        uint32_t microvolts = 500000 + 6250 * data;

        trace_rk8602_rail(s->rail, microvolts);
        if (microvolts < s->low || microvolts > s->high) {
            rk3588_fault("rail %s is set to %u uV; the board stands %u to %u",
                         s->rail, microvolts, s->low, s->high);
        }
    }
    if (reg == ENABLE0 && (before & ENABLE) && !(data & ENABLE) && s->needed) {
        rk3588_fault("rail %s is switched off while it is needed", s->rail);
    }
}

static void rk8602_realize(DeviceState *dev, Error **errp)
{
    uint8_t *regs = I2C_REGISTERS(dev)->regs;

    regs[ENABLE0] = regs[ENABLE1] = ENABLE;
    regs[ID1] = 0x8a; /* die 10 */
    regs[VSEL0] = regs[VSEL1] = (750000 - 500000) / 6250;
}

static const Property rk8602_properties[] = {
    DEFINE_PROP_STRING("rail", RK8602State, rail),
    DEFINE_PROP_UINT32("low", RK8602State, low, 550000),
    DEFINE_PROP_UINT32("high", RK8602State, high, 1050000),
    DEFINE_PROP_BOOL("needed", RK8602State, needed, true),
};

static void rk8602_class_init(ObjectClass *klass, void *data)
{
    I2C_REGISTERS_CLASS(klass)->written = rk8602_written;
    DEVICE_CLASS(klass)->realize = rk8602_realize;
    device_class_set_props(DEVICE_CLASS(klass), rk8602_properties);
}

static const TypeInfo rk8602_types[] = {
    {
        .name = TYPE_RK8602,
        .parent = TYPE_I2C_REGISTERS,
        .instance_size = sizeof(RK8602State),
        .class_init = rk8602_class_init,
    },
};

DEFINE_TYPES(rk8602_types)
