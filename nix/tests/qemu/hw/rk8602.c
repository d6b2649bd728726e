/*
 * Rockchip RK8602 and RK8603 buck converters on I2C
 *
 * Registers from Linux' fan53555 driver.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/i2c/i2c.h"
#include "hw/qdev-properties.h"
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
#define REGISTERS 16

struct RK8602State {
    I2CSlave parent_obj;

    char *rail;
    uint32_t low, high; /* what the board stands, in microvolts */
    bool needed;        /* switching it off is a fault */
    uint8_t regs[REGISTERS];
    uint8_t at;
    bool addressed;
};

static int rk8602_event(I2CSlave *slave, enum i2c_event event)
{
    if (event == I2C_START_SEND) {
        RK8602(slave)->addressed = false;
    }
    return 0;
}

static int rk8602_send(I2CSlave *slave, uint8_t data)
{
    RK8602State *s = RK8602(slave);
    uint8_t before;

    if (!s->addressed) {
        s->at = data % REGISTERS;
        s->addressed = true;
        return 0;
    }
    before = s->regs[s->at];
    s->regs[s->at] = data;
    if (s->at == VSEL0) {
        uint32_t microvolts = 500000 + 6250 * data;

        trace_rk8602_rail(s->rail, microvolts);
        if (microvolts < s->low || microvolts > s->high) {
            rk3588_fault("rail %s is set to %u uV; the board stands %u to %u",
                         s->rail, microvolts, s->low, s->high);
        }
    }
    if (s->at == ENABLE0 && (before & ENABLE) && !(data & ENABLE) &&
        s->needed) {
        rk3588_fault("rail %s is switched off while it is needed", s->rail);
    }
    s->at = (s->at + 1) % REGISTERS;
    return 0;
}

static uint8_t rk8602_recv(I2CSlave *slave)
{
    RK8602State *s = RK8602(slave);
    uint8_t value = s->regs[s->at];

    s->at = (s->at + 1) % REGISTERS;
    return value;
}

static void rk8602_realize(DeviceState *dev, Error **errp)
{
    RK8602State *s = RK8602(dev);

    s->regs[ENABLE0] = s->regs[ENABLE1] = ENABLE;
    s->regs[ID1] = 0x8a; /* die 10 */
    s->regs[VSEL0] = s->regs[VSEL1] = (750000 - 500000) / 6250;
}

static const Property rk8602_properties[] = {
    DEFINE_PROP_STRING("rail", RK8602State, rail),
    DEFINE_PROP_UINT32("low", RK8602State, low, 550000),
    DEFINE_PROP_UINT32("high", RK8602State, high, 1050000),
    DEFINE_PROP_BOOL("needed", RK8602State, needed, true),
};

static void rk8602_class_init(ObjectClass *klass, void *data)
{
    I2CSlaveClass *k = I2C_SLAVE_CLASS(klass);

    k->event = rk8602_event;
    k->send = rk8602_send;
    k->recv = rk8602_recv;
    DEVICE_CLASS(klass)->realize = rk8602_realize;
    device_class_set_props(DEVICE_CLASS(klass), rk8602_properties);
}

static const TypeInfo rk8602_types[] = {
    {
        .name = TYPE_RK8602,
        .parent = TYPE_I2C_SLAVE,
        .instance_size = sizeof(RK8602State),
        .class_init = rk8602_class_init,
    },
};

DEFINE_TYPES(rk8602_types)
