/*
 * Rockchip I2C controller
 *
 * Registers and order of events from Linux' i2c-rk3x driver. A transfer is
 * done as soon as it is asked for.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/i2c/i2c.h"
#include "hw/irq.h"
#include "migration/vmstate.h"
#include "rk3588.h"

#define TYPE_RK3588_I2C "rk3588-i2c"
OBJECT_DECLARE_SIMPLE_TYPE(RK3588I2C, RK3588_I2C)

#define CON 0x00
#define CON_ENABLE (1u << 0)
#define CON_MODE(con) (((con) >> 1) & 3)
enum { MODE_TX, MODE_REGISTER_TX, MODE_RX, MODE_REGISTER_RX };
#define CON_START (1u << 3)
#define CON_STOP (1u << 4)
#define CON_STOP_ON_NAK (1u << 6)
#define MRXADDR 0x08
#define MRXRADDR 0x0c
#define MTXCNT 0x10
#define MRXCNT 0x14
#define IEN 0x18
#define IPD 0x1c
#define INT_TX_DONE (1u << 2)
#define INT_RX_DONE (1u << 3)
#define INT_START (1u << 4)
#define INT_STOP (1u << 5)
#define INT_NAK (1u << 6)
#define FCNT 0x20
#define TXDATA 0x100
#define RXDATA 0x200
#define SIZE 0x220

struct RK3588I2C {
    SysBusDevice parent_obj;

    MemoryRegion iomem;
    I2CBus *bus;
    qemu_irq irq;
    uint32_t regs[SIZE / 4];
    bool addressed; /* behind START and address */
};

#define R(offset) s->regs[(offset) / 4]

static void i2c_update(RK3588I2C *s)
{
    qemu_set_irq(s->irq, (R(IPD) & R(IEN)) != 0);
}

static void i2c_end(RK3588I2C *s)
{
    if (s->addressed || i2c_bus_busy(s->bus)) {
        i2c_end_transfer(s->bus);
    }
    s->addressed = false;
}

static void i2c_transmit(RK3588I2C *s)
{
    unsigned count = MIN(R(MTXCNT) & 0x3f, 32);

    for (unsigned i = 0; i < count; i++) {
        uint8_t byte = R(TXDATA + i / 4 * 4) >> (i % 4 * 8);
        int refused;

        if (!s->addressed) {
            refused = i2c_start_transfer(s->bus, byte >> 1, byte & 1);
            s->addressed = true;
        } else {
            refused = i2c_send(s->bus, byte);
        }
        if (refused) {
            R(IPD) |= INT_NAK;
            if (R(CON) & CON_STOP_ON_NAK) {
                return;
            }
            break;
        }
    }
    R(FCNT) = count;
    R(IPD) |= INT_TX_DONE;
}

static void i2c_receive(RK3588I2C *s)
{
    unsigned count = MIN(R(MRXCNT) & 0x3f, 32);
    unsigned mode = CON_MODE(R(CON));

    if (!s->addressed) {
        uint8_t address = R(MRXADDR) >> 1 & 0x7f;
        bool register_first = mode == MODE_REGISTER_TX ||
                              mode == MODE_REGISTER_RX;

        if (register_first && (R(MRXRADDR) >> 24)) {
            if (i2c_start_send(s->bus, address)) {
                goto nak;
            }
            for (unsigned i = 0; i < 3; i++) {
                if (R(MRXRADDR) & (1u << (24 + i))) {
                    i2c_send(s->bus, R(MRXRADDR) >> (8 * i));
                }
            }
        }
        if (i2c_start_recv(s->bus, address)) {
            goto nak;
        }
        s->addressed = true;
    }
    memset(&R(RXDATA), 0, 32);
    for (unsigned i = 0; i < count; i++) {
        R(RXDATA + i / 4 * 4) |= (uint32_t)i2c_recv(s->bus) << (i % 4 * 8);
    }
    R(FCNT) = count;
    R(IPD) |= INT_RX_DONE;
    return;
nak:
    i2c_end(s);
    R(IPD) |= INT_NAK;
    if (!(R(CON) & CON_STOP_ON_NAK)) {
        R(IPD) |= INT_RX_DONE;
    }
}

static uint64_t i2c_read(void *opaque, hwaddr offset, unsigned size)
{
    RK3588I2C *s = opaque;

    return offset < SIZE ? R(offset) : 0;
}

static void i2c_write(void *opaque, hwaddr offset, uint64_t value,
                      unsigned size)
{
    RK3588I2C *s = opaque;

    if (offset >= SIZE) {
        return;
    }
    switch (offset) {
    case IPD:
        R(IPD) &= ~value;
        break;
    case CON: {
        uint32_t before = R(CON);

        R(CON) = value;
        if (!(value & CON_ENABLE)) {
            /* What the driver does in place of a repeated start. */
            s->addressed = false;
            break;
        }
        if ((value & CON_START) && !(before & CON_START)) {
            s->addressed = false;
            R(IPD) |= INT_START;
        }
        if ((value & CON_STOP) && !(before & CON_STOP)) {
            i2c_end(s);
            R(IPD) |= INT_STOP;
        }
        break;
    }
    case MTXCNT:
        R(MTXCNT) = value;
        if (R(CON) & CON_ENABLE) {
            i2c_transmit(s);
        }
        break;
    case MRXCNT:
        R(MRXCNT) = value;
        if (R(CON) & CON_ENABLE) {
            i2c_receive(s);
        }
        break;
    default:
        R(offset) = value;
        break;
    }
    i2c_update(s);
}

static const MemoryRegionOps i2c_ops = {
    .read = i2c_read,
    .write = i2c_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .impl = { .min_access_size = 4, .max_access_size = 4 },
    .valid = { .min_access_size = 4, .max_access_size = 4 },
};

static void i2c_reset_hold(Object *obj, ResetType type)
{
    RK3588I2C *s = RK3588_I2C(obj);

    memset(s->regs, 0, sizeof(s->regs));
    s->addressed = false;
    i2c_update(s);
}

static void i2c_init(Object *obj)
{
    RK3588I2C *s = RK3588_I2C(obj);

    memory_region_init_io(&s->iomem, obj, &i2c_ops, s, "rk3588-i2c", 0x1000);
    sysbus_init_mmio(SYS_BUS_DEVICE(s), &s->iomem);
    sysbus_init_irq(SYS_BUS_DEVICE(s), &s->irq);
    s->bus = i2c_init_bus(DEVICE(s), "i2c");
}

static void i2c_class_init(ObjectClass *klass, void *data)
{
    RESETTABLE_CLASS(klass)->phases.hold = i2c_reset_hold;
}

static const TypeInfo i2c_types[] = {
    {
        .name = TYPE_RK3588_I2C,
        .parent = TYPE_SYS_BUS_DEVICE,
        .instance_size = sizeof(RK3588I2C),
        .instance_init = i2c_init,
        .class_init = i2c_class_init,
    },
};

DEFINE_TYPES(i2c_types)
