/*
 * A chip on I2C that is a row of 8-bit registers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_ROCKCHIP_I2C_REGISTERS_H
#define HW_ROCKCHIP_I2C_REGISTERS_H

#include "hw/i2c/i2c.h"

#define TYPE_I2C_REGISTERS "i2c-registers"
OBJECT_DECLARE_TYPE(I2CRegisters, I2CRegistersClass, I2C_REGISTERS)

#define I2C_REGISTERS_COUNT 16

/* The first byte of a write is a register's number, which then counts up. */
struct I2CRegisters {
    I2CSlave parent_obj;

    uint8_t regs[I2C_REGISTERS_COUNT];
    uint8_t at;
    bool addressed;
};

struct I2CRegistersClass {
    I2CSlaveClass parent_class;

    /* All may be NULL. A read begins; a register was written; a transfer ends. */
    void (*reading)(I2CRegisters *chip);
    void (*written)(I2CRegisters *chip, uint8_t reg, uint8_t before);
    void (*finished)(I2CRegisters *chip);
};

#endif
