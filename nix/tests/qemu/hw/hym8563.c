/*
 * Haoyu HYM8563 real-time clock on I2C, without alarm and timer
 *
 * Registers from Linux' rtc-hym8563 driver.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bcd.h"
#include "qemu/timer.h"
#include "hw/i2c/i2c.h"
#include "system/rtc.h"
#include "rk3588.h"

#define TYPE_HYM8563 "hym8563"
OBJECT_DECLARE_SIMPLE_TYPE(HYM8563State, HYM8563)

#define SECONDS 0x02
#define YEAR 0x08
#define REGISTERS 16

struct HYM8563State {
    I2CSlave parent_obj;

    int64_t offset; /* seconds from the machine's clock */
    uint8_t regs[REGISTERS];
    uint8_t at;
    bool addressed, set;
};

static void hym8563_capture(HYM8563State *s)
{
    struct tm now;

    qemu_get_timedate(&now, s->offset);
    s->regs[2] = to_bcd(now.tm_sec);
    s->regs[3] = to_bcd(now.tm_min);
    s->regs[4] = to_bcd(now.tm_hour);
    s->regs[5] = to_bcd(now.tm_mday);
    s->regs[6] = now.tm_wday;
    s->regs[7] = to_bcd(now.tm_mon + 1);
    s->regs[8] = to_bcd(now.tm_year % 100);
}

static int hym8563_event(I2CSlave *slave, enum i2c_event event)
{
    HYM8563State *s = HYM8563(slave);

    if (event == I2C_START_SEND) {
        s->addressed = false;
    } else if (event == I2C_START_RECV) {
        hym8563_capture(s);
    } else if (event == I2C_FINISH && s->set) {
        struct tm set = {
            .tm_sec = from_bcd(s->regs[2] & 0x7f),
            .tm_min = from_bcd(s->regs[3] & 0x7f),
            .tm_hour = from_bcd(s->regs[4] & 0x3f),
            .tm_mday = from_bcd(s->regs[5] & 0x3f),
            .tm_wday = s->regs[6] & 7,
            .tm_mon = from_bcd(s->regs[7] & 0x1f) - 1,
            .tm_year = from_bcd(s->regs[8]) + 100,
        };

        s->offset = qemu_timedate_diff(&set);
        s->set = false;
    }
    return 0;
}

static int hym8563_send(I2CSlave *slave, uint8_t data)
{
    HYM8563State *s = HYM8563(slave);

    if (!s->addressed) {
        s->at = data % REGISTERS;
        s->addressed = true;
        return 0;
    }
    s->regs[s->at] = data;
    s->set |= s->at >= SECONDS && s->at <= YEAR;
    s->at = (s->at + 1) % REGISTERS;
    return 0;
}

static uint8_t hym8563_recv(I2CSlave *slave)
{
    HYM8563State *s = HYM8563(slave);
    uint8_t value = s->regs[s->at];

    s->at = (s->at + 1) % REGISTERS;
    return value;
}

static void hym8563_class_init(ObjectClass *klass, void *data)
{
    I2CSlaveClass *k = I2C_SLAVE_CLASS(klass);

    k->event = hym8563_event;
    k->send = hym8563_send;
    k->recv = hym8563_recv;
}

static const TypeInfo hym8563_types[] = {
    {
        .name = TYPE_HYM8563,
        .parent = TYPE_I2C_SLAVE,
        .instance_size = sizeof(HYM8563State),
        .class_init = hym8563_class_init,
    },
};

DEFINE_TYPES(hym8563_types)
