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
#include "system/rtc.h"
#include "i2c-registers.h"

#define TYPE_HYM8563 "hym8563"
OBJECT_DECLARE_SIMPLE_TYPE(HYM8563State, HYM8563)

#define SECONDS 0x02
#define YEAR 0x08

struct HYM8563State {
    I2CRegisters parent_obj;

    int64_t offset; /* seconds from the machine's clock */
    bool set;
};

static void hym8563_reading(I2CRegisters *chip)
{
    uint8_t *regs = chip->regs;
    struct tm now;

    qemu_get_timedate(&now, HYM8563(chip)->offset);
    regs[2] = to_bcd(now.tm_sec);
    regs[3] = to_bcd(now.tm_min);
    regs[4] = to_bcd(now.tm_hour);
    regs[5] = to_bcd(now.tm_mday);
    regs[6] = now.tm_wday;
    regs[7] = to_bcd(now.tm_mon + 1);
    regs[8] = to_bcd(now.tm_year % 100);
}

static void hym8563_written(I2CRegisters *chip, uint8_t reg, uint8_t before)
{
    HYM8563(chip)->set |= reg >= SECONDS && reg <= YEAR;
}

static void hym8563_finished(I2CRegisters *chip)
{
    HYM8563State *s = HYM8563(chip);
    uint8_t *regs = chip->regs;
    struct tm set = {
        .tm_sec = from_bcd(regs[2] & 0x7f),
        .tm_min = from_bcd(regs[3] & 0x7f),
        .tm_hour = from_bcd(regs[4] & 0x3f),
        .tm_mday = from_bcd(regs[5] & 0x3f),
        .tm_wday = regs[6] & 7,
        .tm_mon = from_bcd(regs[7] & 0x1f) - 1,
        .tm_year = from_bcd(regs[8]) + 100,
    };

    if (s->set) {
        s->offset = qemu_timedate_diff(&set);
        s->set = false;
    }
}

static void hym8563_class_init(ObjectClass *klass, void *data)
{
    I2CRegistersClass *k = I2C_REGISTERS_CLASS(klass);

    k->reading = hym8563_reading;
    k->written = hym8563_written;
    k->finished = hym8563_finished;
}

static const TypeInfo hym8563_types[] = {
    {
        .name = TYPE_HYM8563,
        .parent = TYPE_I2C_REGISTERS,
        .instance_size = sizeof(HYM8563State),
        .class_init = hym8563_class_init,
    },
};

DEFINE_TYPES(hym8563_types)
