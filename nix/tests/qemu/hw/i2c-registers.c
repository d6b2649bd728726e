/*
 * A chip on I2C that is a row of 8-bit registers
 *
 * No chip's own registers are here: hym8563.c and rk8602.c have them. How they
 * are addressed, as Linux' regmap-i2c does it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "i2c-registers.h"

static int registers_event(I2CSlave *slave, enum i2c_event event)
{
    I2CRegisters *s = I2C_REGISTERS(slave);
    I2CRegistersClass *k = I2C_REGISTERS_GET_CLASS(s);

    if (event == I2C_START_SEND) {
        s->addressed = false;
    } else if (event == I2C_START_RECV && k->reading) {
        k->reading(s);
    } else if (event == I2C_FINISH && k->finished) {
        k->finished(s);
    }
    return 0;
}

static int registers_send(I2CSlave *slave, uint8_t data)
{
    I2CRegisters *s = I2C_REGISTERS(slave);
    I2CRegistersClass *k = I2C_REGISTERS_GET_CLASS(s);
    uint8_t before;

    if (!s->addressed) {
        s->at = data % I2C_REGISTERS_COUNT;
        s->addressed = true;
        return 0;
    }
    before = s->regs[s->at];
    s->regs[s->at] = data;
    if (k->written) {
        k->written(s, s->at, before);
    }
    s->at = (s->at + 1) % I2C_REGISTERS_COUNT;
    return 0;
}

static uint8_t registers_recv(I2CSlave *slave)
{
    I2CRegisters *s = I2C_REGISTERS(slave);
    uint8_t value = s->regs[s->at];

    s->at = (s->at + 1) % I2C_REGISTERS_COUNT;
    return value;
}

static void registers_class_init(ObjectClass *klass, void *data)
{
    I2CSlaveClass *k = I2C_SLAVE_CLASS(klass);

    k->event = registers_event;
    k->send = registers_send;
    k->recv = registers_recv;
}

static const TypeInfo registers_types[] = {
    {
        .name = TYPE_I2C_REGISTERS,
        .parent = TYPE_I2C_SLAVE,
        .instance_size = sizeof(I2CRegisters),
        .class_size = sizeof(I2CRegistersClass),
        .class_init = registers_class_init,
        .abstract = true,
    },
};

DEFINE_TYPES(registers_types)
