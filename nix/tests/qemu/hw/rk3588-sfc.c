/*
 * Rockchip serial flash controller (SFC, FSPI), version 5
 *
 * Registers from U-Boot's and Linux' rockchip_sfc drivers.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/irq.h"
#include "system/dma.h"
#include "rk3588.h"

#define TYPE_RK3588_SFC "rk3588-sfc"
OBJECT_DECLARE_SIMPLE_TYPE(RK3588SFC, RK3588_SFC)

#define IMR 0x04
#define ICLR 0x08
#define RCVR 0x10
#define ABIT 0x18
#define ISR 0x1c
#define FSR 0x20
#define FSR_TX_EMPTY (1u << 1)
#define FSR_RX_EMPTY (1u << 2)
#define FIFO_WORDS 16
#define SR 0x24
#define RISR 0x28
#define INT_DONE (1u << 4)
#define INT_DMA (1u << 7)
#define VER 0x2c
#define DMA_TRIGGER 0x80
#define DMA_ADDR 0x84
#define LEN_EXT 0x8c
#define CMD 0x100
#define CMD_DUMMY(v) (((v) >> 8) & 15)
#define CMD_WRITE (1u << 12)
#define CMD_ADDRESS(v) (((v) >> 14) & 3)
#define CMD_CS(v) ((v) >> 30)
#define ADDR 0x104
#define DATA 0x108
#define SIZE 0x10c

struct RK3588SFC {
    RK3588SSI ssi;

    uint32_t regs[SIZE / 4];
    bool started; /* the command is on the wire */
    uint32_t left; /* bytes of data */
};

#define R(offset) s->regs[(offset) / 4]

/* FSPI M0: D0 to D3 on gpio2 D0 to D3, clock on A0, chip select 0 on D6. */
static const RK3588Pin pins[] = {
    { 2, 0, 2 }, { 2, 24, 2 }, { 2, 25, 2 }, { 2, 26, 2 }, { 2, 27, 2 },
    { 2, 30, 2 },
};

static void sfc_update(RK3588SFC *s)
{
    /* A set bit of IMR masks. */
    qemu_set_irq(s->ssi.irq, (R(RISR) & ~R(IMR)) != 0);
}

static void sfc_end(RK3588SFC *s)
{
    qemu_set_irq(s->ssi.select, 1);
    s->started = false;
    R(RISR) |= INT_DONE;
}

/* Sends command, address and dummy cycles. */
static void sfc_start(RK3588SFC *s)
{
    static const uint8_t bytes[] = { 0, 3, 4 };
    uint32_t cmd = R(CMD);
    unsigned address = CMD_ADDRESS(cmd) == 3
                       ? DIV_ROUND_UP((R(ABIT) & 31) + 1, 8)
                       : bytes[CMD_ADDRESS(cmd)];

    if (!rk3588_pins_routed(s->ssi.ioc, "SPI flash controller", pins,
                            ARRAY_SIZE(pins))) {
        return;
    }
    s->started = true;
    s->left = R(LEN_EXT);
    if (CMD_CS(cmd)) {
        return; /* no chip there */
    }
    qemu_set_irq(s->ssi.select, 0);
    ssi_transfer(s->ssi.bus, cmd & 0xff);
    while (address--) {
        ssi_transfer(s->ssi.bus, R(ADDR) >> 8 * address & 0xff);
    }
    /* The flash models count dummy clocks as bytes. */
    for (unsigned i = 0; i < CMD_DUMMY(cmd); i++) {
        ssi_transfer(s->ssi.bus, 0);
    }
    if (!s->left) {
        sfc_end(s);
    }
}

static uint64_t sfc_read(void *opaque, hwaddr offset, unsigned size)
{
    RK3588SFC *s = opaque;
    uint32_t words;

    switch (offset) {
    case ISR:
        return R(RISR) & ~R(IMR);
    case FSR:
        words = s->started && !(R(CMD) & CMD_WRITE)
                ? MIN(DIV_ROUND_UP(s->left, 4), FIFO_WORDS) : 0;
        return words << 16 | FIFO_WORDS << 8 | FSR_TX_EMPTY |
               (words ? 0 : FSR_RX_EMPTY);
    case SR:
        return s->started && s->left;
    case VER:
        return 5;
    case DATA: {
        uint32_t value = 0;

        if (s->started && !(R(CMD) & CMD_WRITE)) {
            for (unsigned i = 0; i < 4 && s->left; i++, s->left--) {
                value |= ssi_transfer(s->ssi.bus, 0) << 8 * i;
            }
            if (!s->left) {
                sfc_end(s);
                sfc_update(s);
            }
        }
        return value;
    }
    }
    return offset < SIZE ? R(offset) : 0;
}

static void sfc_dma(RK3588SFC *s)
{
    uint32_t address = R(DMA_ADDR);

    if (!s->started ||
        !rk3588_dma_allowed("SPI flash controller", address, s->left)) {
        return;
    }
    while (s->left) {
        uint8_t buffer[256];
        uint32_t part = MIN(sizeof(buffer), s->left);

        if (R(CMD) & CMD_WRITE) {
            dma_memory_read(&address_space_memory, address, buffer, part,
                            MEMTXATTRS_UNSPECIFIED);
        }
        for (uint32_t i = 0; i < part; i++) {
            buffer[i] = ssi_transfer(s->ssi.bus, buffer[i]);
        }
        if (!(R(CMD) & CMD_WRITE)) {
            dma_memory_write(&address_space_memory, address, buffer, part,
                             MEMTXATTRS_UNSPECIFIED);
        }
        address += part;
        s->left -= part;
    }
    R(RISR) |= INT_DMA;
    sfc_end(s);
}

static void sfc_write(void *opaque, hwaddr offset, uint64_t value,
                      unsigned size)
{
    RK3588SFC *s = opaque;

    if (offset >= SIZE) {
        return;
    }
    switch (offset) {
    case ICLR:
        R(RISR) &= ~value;
        break;
    case RCVR:
        qemu_set_irq(s->ssi.select, 1);
        s->started = false;
        s->left = 0;
        break;
    case CMD:
        R(CMD) = value;
        s->started = false;
        if (!CMD_ADDRESS(value)) {
            sfc_start(s);
        }
        break;
    case ADDR:
        R(ADDR) = value;
        if (!s->started && CMD_ADDRESS(R(CMD))) {
            sfc_start(s);
        }
        break;
    case DMA_TRIGGER:
        if (value & 1) {
            sfc_dma(s);
        }
        break;
    case DATA:
        if (s->started && (R(CMD) & CMD_WRITE)) {
            for (unsigned i = 0; i < 4 && s->left; i++, s->left--) {
                ssi_transfer(s->ssi.bus, value >> 8 * i & 0xff);
            }
            if (!s->left) {
                sfc_end(s);
            }
        }
        break;
    default:
        R(offset) = value;
        break;
    }
    sfc_update(s);
}

static const MemoryRegionOps sfc_ops = {
    .read = sfc_read,
    .write = sfc_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 4 },
};

static void sfc_reset_hold(Object *obj, ResetType type)
{
    RK3588SFC *s = RK3588_SFC(obj);

    memset(s->regs, 0, sizeof(s->regs));
    R(IMR) = UINT32_MAX;
    s->started = false;
    s->left = 0;
    qemu_set_irq(s->ssi.select, 1);
    sfc_update(s);
}

static void sfc_init(Object *obj)
{
    RK3588SFC *s = RK3588_SFC(obj);

    memory_region_init_io(&s->ssi.iomem, obj, &sfc_ops, s, "rk3588-sfc",
                          0x4000);
    sysbus_init_mmio(SYS_BUS_DEVICE(s), &s->ssi.iomem);
}

static void sfc_class_init(ObjectClass *klass, void *data)
{
    RESETTABLE_CLASS(klass)->phases.hold = sfc_reset_hold;
}

static const TypeInfo sfc_types[] = {
    {
        .name = TYPE_RK3588_SFC,
        .parent = TYPE_RK3588_SSI,
        .instance_size = sizeof(RK3588SFC),
        .instance_init = sfc_init,
        .class_init = sfc_class_init,
    },
};

DEFINE_TYPES(sfc_types)
