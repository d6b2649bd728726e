/*
 * Rockchip SPI controller, as host
 *
 * Registers from Linux' spi-rockchip and U-Boot's rk_spi drivers. Frames move
 * as soon as they are written.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/fifo32.h"
#include "hw/irq.h"
#include "rk3588.h"

#define TYPE_RK3588_SPI "rk3588-spi"
OBJECT_DECLARE_SIMPLE_TYPE(RK3588SPI, RK3588_SPI)

#define CTRLR0 0x00
#define CTRLR0_MODE(v) (((v) >> 18) & 3)
enum { BOTH, TRANSMIT_ONLY, RECEIVE_ONLY };
#define CTRLR1 0x04
#define SSIENR 0x08
#define SER 0x0c
#define RXFTLR 0x18
#define TXFLR 0x1c
#define RXFLR 0x20
#define SR 0x24
#define SR_TX_EMPTY (1u << 2)
#define SR_RX_EMPTY (1u << 3)
#define IMR 0x2c
#define ISR 0x30
#define RISR 0x34
#define INT_TX_EMPTY (1u << 0)
#define INT_RX_FULL (1u << 4)
#define VERSION 0x48
#define TXDR 0x400
#define RXDR 0x800
#define FIFO 64

struct RK3588SPI {
    RK3588SSI ssi;

    uint32_t regs[VERSION / 4 + 1];
    uint32_t to_receive; /* frames, in receive-only mode */
    Fifo32 received;
};

#define R(offset) s->regs[(offset) / 4]

/* spi2m2: clock, two data lines, chip select 0; gpio0 A5, A6, B3, B1. */
static const RK3588Pin pins[] = {
    { 0, 5, 1 }, { 0, 6, 1 }, { 0, 11, 1 }, { 0, 9, 1 },
};

static uint32_t spi_raw(RK3588SPI *s)
{
    return INT_TX_EMPTY |
           (fifo32_num_used(&s->received) > R(RXFTLR) ? INT_RX_FULL : 0);
}

static void spi_update(RK3588SPI *s)
{
    qemu_set_irq(s->ssi.irq, (R(SSIENR) & 1) && (spi_raw(s) & R(IMR)));
}

static void spi_receive(RK3588SPI *s)
{
    while (s->to_receive && !fifo32_is_full(&s->received)) {
        fifo32_push(&s->received, ssi_transfer(s->ssi.bus, 0));
        s->to_receive--;
    }
}

static uint64_t spi_read(void *opaque, hwaddr offset, unsigned size)
{
    RK3588SPI *s = opaque;
    uint32_t value = 0;

    if (offset >= RXDR) {
        if (!fifo32_is_empty(&s->received)) {
            value = fifo32_pop(&s->received);
        }
        spi_receive(s);
        spi_update(s);
        return value;
    }
    switch (offset) {
    case TXFLR:
        return 0;
    case RXFLR:
        return fifo32_num_used(&s->received);
    case SR:
        return SR_TX_EMPTY |
               (fifo32_is_empty(&s->received) ? SR_RX_EMPTY : 0);
    case ISR:
        return spi_raw(s) & R(IMR);
    case RISR:
        return spi_raw(s);
    case VERSION:
        return 0x00110002;
    }
    return offset < VERSION ? R(offset) : 0;
}

static void spi_write(void *opaque, hwaddr offset, uint64_t value,
                      unsigned size)
{
    RK3588SPI *s = opaque;

    if (offset >= TXDR && offset < RXDR) {
        if (R(SSIENR) & 1) {
            uint32_t in = ssi_transfer(s->ssi.bus, value & 0xff);

            if (CTRLR0_MODE(R(CTRLR0)) == BOTH &&
                !fifo32_is_full(&s->received)) {
                fifo32_push(&s->received, in);
            }
        }
    } else if (offset < VERSION) {
        uint32_t before = R(offset);

        R(offset) = value;
        if (offset == SER && (before ^ value) & 1) {
            if (value & 1) {
                rk3588_pins_routed(s->ssi.ioc, "SPI2", pins,
                                   ARRAY_SIZE(pins));
            }
            qemu_set_irq(s->ssi.select, !(value & 1));
        }
        if (offset == SSIENR) {
            fifo32_reset(&s->received);
            s->to_receive = 0;
            if ((value & 1) && CTRLR0_MODE(R(CTRLR0)) == RECEIVE_ONLY) {
                s->to_receive = (R(CTRLR1) & 0xffff) + 1;
                spi_receive(s);
            }
        }
    }
    spi_update(s);
}

static const MemoryRegionOps spi_ops = {
    .read = spi_read,
    .write = spi_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 4 },
};

static void spi_reset_hold(Object *obj, ResetType type)
{
    RK3588SPI *s = RK3588_SPI(obj);

    memset(s->regs, 0, sizeof(s->regs));
    fifo32_reset(&s->received);
    s->to_receive = 0;
    qemu_set_irq(s->ssi.select, 1);
    spi_update(s);
}

static void spi_init(Object *obj)
{
    RK3588SPI *s = RK3588_SPI(obj);

    memory_region_init_io(&s->ssi.iomem, obj, &spi_ops, s, "rk3588-spi",
                          0x1000);
    sysbus_init_mmio(SYS_BUS_DEVICE(s), &s->ssi.iomem);
    fifo32_create(&s->received, FIFO);
}

static void spi_class_init(ObjectClass *klass, void *data)
{
    RESETTABLE_CLASS(klass)->phases.hold = spi_reset_hold;
}

static const TypeInfo spi_types[] = {
    {
        .name = TYPE_RK3588_SPI,
        .parent = TYPE_RK3588_SSI,
        .instance_size = sizeof(RK3588SPI),
        .instance_init = spi_init,
        .class_init = spi_class_init,
    },
};

DEFINE_TYPES(spi_types)
