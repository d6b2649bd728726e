/*
 * Rockchip RK806 PMIC on SPI, as the NanoPi M6 uses it
 *
 * Registers and ranges from Linux' rk808 drivers; the voltages at power-on are
 * in the middle of the board's, not known. A reset of the SoC does not reach
 * the PMIC.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/qdev-properties.h"
#include "hw/ssi/ssi.h"
#include "system/runstate.h"
#include "rk3588.h"
#include "trace.h"

#define TYPE_RK806 "rk806"
OBJECT_DECLARE_SIMPLE_TYPE(RK806State, RK806)

#define POWER_EN5 0x05
#define CHIP_NAME 0x5a
#define SYS_CFG3 0x72
#define SYS_CFG3_OFF (1u << 0)
#define SYS_CFG3_RESTART_MODE(v) (((v) >> 6) & 3)
#define INT_STS0 0x77
#define INT_STS1 0x79
#define COMMAND_WRITE (1u << 7)
#define REGISTERS 0x100

typedef struct {
    const char *name;
    uint8_t selector;
    uint8_t enable, bit;   /* POWER_ENn, bit */
    uint32_t low, high;    /* what the board stands, in microvolts */
    uint32_t start;        /* microvolts at power-on */
    bool always_on;
} Rail;

/* docs/board.md; high 0: a resistor divider's, not set here. */
static const Rail rails[] = {
    { "dcdc1 (GPU)", 0x1a, 0, 0, 550000, 950000, 750000, false },
    { "dcdc2 (little cores)", 0x1b, 0, 1, 550000, 950000, 750000, true },
    { "dcdc3 (logic)", 0x1c, 0, 2, 675000, 750000, 750000, true },
    { "dcdc4 (video codec)", 0x1d, 0, 3, 550000, 950000, 750000, false },
    { "dcdc5 (DDR)", 0x1e, 1, 0, 675000, 900000, 850000, true },
    { "dcdc6 (VDD2 DDR)", 0x1f, 1, 1, 0, 0, 500000, true },
    { "dcdc7 (2.0 V)", 0x20, 1, 2, 2000000, 2000000, 2000000, true },
    { "dcdc8 (3.3 V)", 0x21, 1, 3, 3300000, 3300000, 3300000, true },
    { "dcdc9 (VDDQ DDR)", 0x22, 2, 0, 0, 0, 500000, true },
    { "dcdc10 (1.8 V)", 0x23, 2, 1, 1800000, 1800000, 1800000, true },
    { "nldo1 (0.75 V S3)", 0x43, 3, 0, 750000, 750000, 750000, true },
    { "nldo2 (0.85 V)", 0x44, 3, 1, 850000, 850000, 850000, true },
    { "nldo3 (0.75 V)", 0x45, 3, 2, 750000, 750000, 750000, true },
    { "nldo4 (0.85 V)", 0x46, 3, 3, 850000, 850000, 850000, true },
    { "nldo5 (0.75 V)", 0x47, 5, 2, 750000, 750000, 750000, true },
    { "pldo1 (1.8 V analog)", 0x4e, 4, 1, 1800000, 1800000, 1800000, true },
    { "pldo2 (1.8 V)", 0x4f, 4, 2, 1800000, 1800000, 1800000, true },
    { "pldo3 (1.2 V)", 0x50, 4, 3, 1200000, 1200000, 1200000, true },
    { "pldo4 (3.3 V analog)", 0x51, 5, 0, 3300000, 3300000, 3300000, true },
    { "pldo5 (SD I/O)", 0x52, 5, 1, 1800000, 3300000, 3300000, true },
    { "pldo6 (1.8 V S3)", 0x53, 4, 0, 1800000, 1800000, 1800000, true },
};

#define SD_IO_SELECTOR 0x52

struct RK806State {
    SSIPeripheral parent_obj;

    RK3588Card *sd;
    uint8_t regs[REGISTERS];
    unsigned at; /* byte of the message */
    uint8_t command, address;
};

/* Bucks reach to register 0x2f, LDOs are behind. */
static uint32_t rk806_microvolts(uint8_t selector, uint8_t code)
{
    if (selector < 0x30) {
        return code < 160   ? 500000 + 6250 * code
               : code < 236 ? 1500000 + 25000 * (code - 160)
                            : 3400000;
    }
    return MIN(500000 + 12500 * code, 3400000);
}

static uint8_t rk806_code(uint8_t selector, uint32_t microvolts)
{
    unsigned code = 0;

    while (code < 255 && rk806_microvolts(selector, code) < microvolts) {
        code++;
    }
    return code;
}

static void rk806_written(RK806State *s, uint8_t address, uint8_t value)
{
    if (address == INT_STS0 || address == INT_STS1) {
        s->regs[address] &= ~value;
        return;
    }
    if (address == CHIP_NAME || address == CHIP_NAME + 1) {
        return;
    }
    if (address <= POWER_EN5) {
        uint8_t mask = value >> 4;
        uint8_t before = s->regs[address];

        s->regs[address] = (before & ~mask) | (value & mask);
        for (size_t i = 0; i < ARRAY_SIZE(rails); i++) {
            if (rails[i].enable == address &&
                ((before ^ s->regs[address]) & (1u << rails[i].bit))) {
                bool on = s->regs[address] & (1u << rails[i].bit);

                trace_rk806_rail(rails[i].name, on ? rk806_microvolts(
                    rails[i].selector, s->regs[rails[i].selector]) : 0);
                if (!on && rails[i].always_on) {
                    rk3588_fault("rail %s is switched off while it is needed",
                                 rails[i].name);
                }
            }
        }
        return;
    }
    s->regs[address] = value;
    for (size_t i = 0; i < ARRAY_SIZE(rails); i++) {
        if (rails[i].selector == address) {
            uint32_t microvolts = rk806_microvolts(address, value);

            trace_rk806_rail(rails[i].name, microvolts);
            if (rails[i].high && (microvolts < rails[i].low ||
                                  microvolts > rails[i].high)) {
                rk3588_fault("rail %s is set to %u uV; the board stands %u to "
                             "%u", rails[i].name, microvolts, rails[i].low,
                             rails[i].high);
            }
            if (address == SD_IO_SELECTOR && s->sd) {
                rk3588_card_set_io_voltage(s->sd, microvolts / 1000);
            }
        }
    }
    if (address == SYS_CFG3 && (value & SYS_CFG3_OFF)) {
        qemu_system_shutdown_request(SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
    }
}

static uint32_t rk806_transfer(SSIPeripheral *dev, uint32_t out)
{
    RK806State *s = RK806(dev);
    uint32_t in = 0;

    switch (s->at++) {
    case 0:
        s->command = out;
        break;
    case 1:
        s->address = out;
        break;
    case 2: /* upper byte of the address: always 0 */
        break;
    default:
        if (s->command & COMMAND_WRITE) {
            rk806_written(s, s->address, out);
        } else {
            in = s->regs[s->address];
        }
        s->address++;
        break;
    }
    return in;
}

static int rk806_set_cs(SSIPeripheral *dev, bool deselected)
{
    RK806(dev)->at = 0;
    return 0;
}

static void rk806_realize(SSIPeripheral *dev, Error **errp)
{
    RK806State *s = RK806(dev);

    s->regs[CHIP_NAME] = 0x80;
    s->regs[CHIP_NAME + 1] = 0x60;
    for (size_t i = 0; i < ARRAY_SIZE(rails); i++) {
        s->regs[rails[i].selector] = rk806_code(rails[i].selector,
                                                rails[i].start);
        s->regs[rails[i].enable] |= 1u << rails[i].bit;
    }
}

static const Property rk806_properties[] = {
    DEFINE_PROP_LINK("sd", RK806State, sd, TYPE_RK3588_CARD, RK3588Card *),
};

static void rk806_class_init(ObjectClass *klass, void *data)
{
    SSIPeripheralClass *k = SSI_PERIPHERAL_CLASS(klass);

    k->realize = rk806_realize;
    k->transfer = rk806_transfer;
    k->set_cs = rk806_set_cs;
    k->cs_polarity = SSI_CS_LOW;
    device_class_set_props(DEVICE_CLASS(klass), rk806_properties);
}

static const TypeInfo rk806_types[] = {
    {
        .name = TYPE_RK806,
        .parent = TYPE_SSI_PERIPHERAL,
        .instance_size = sizeof(RK806State),
        .class_init = rk806_class_init,
    },
};

DEFINE_TYPES(rk806_types)
