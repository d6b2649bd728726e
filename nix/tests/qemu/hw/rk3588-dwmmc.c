/*
 * DesignWare mobile storage host (dw_mmc) as the RK3588 has it for SD
 *
 * Registers from Linux' and U-Boot's dw_mmc drivers, and from Linux' when the
 * voltage switch's interrupt comes (in place of CMD11's end, and when the card
 * has switched). Data moves when it is asked for; nothing takes time. Of one
 * line or four and of double rate only that the card has to be told the same.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "exec/address-spaces.h"
#include "hw/irq.h"
#include "hw/qdev-properties.h"
#include "hw/sd/sd.h"
#include "migration/vmstate.h"
#include "system/dma.h"
#include "rk3588.h"
#include "trace.h"

#define TYPE_RK3588_DWMMC "rk3588-dwmmc"
OBJECT_DECLARE_SIMPLE_TYPE(RK3588DWMMC, RK3588_DWMMC)

#define CTRL 0x000
#define CTRL_RESETS 0x7
#define CTRL_INT (1u << 4)
#define CTRL_IDMAC (1u << 25)
#define CLKENA 0x010
#define CLKENA_ON (1u << 0)
#define CTYPE 0x018
#define CTYPE_WIDE (1u << 0)
#define BLKSIZ 0x01c
#define BYTCNT 0x020
#define INTMASK 0x024
#define CMDARG 0x028
#define CMD 0x02c
#define CMD_RESPONSE (1u << 6)
#define CMD_LONG (1u << 7)
#define CMD_DATA (1u << 9)
#define CMD_WRITE (1u << 10)
#define CMD_AUTO_STOP (1u << 12)
#define CMD_CLOCK (1u << 21)
#define CMD_VOLTAGE (1u << 28)
#define CMD_START (1u << 31)
#define RESP0 0x030
#define MINTSTS 0x040
#define RINTSTS 0x044
#define INT_CMD_DONE (1u << 2)
#define INT_DATA_OVER (1u << 3)
#define INT_TX (1u << 4)
#define INT_RX (1u << 5)
#define INT_RESPONSE_TIMEOUT (1u << 8)
#define INT_VOLTAGE (1u << 10)
#define INT_AUTO_DONE (1u << 14)
#define STATUS 0x048
#define STATUS_FIFO_EMPTY (1u << 2)
#define STATUS_FIFO_FULL (1u << 3)
#define STATUS_BUSY (1u << 9)
#define STATUS_FIFO_SHIFT 17
#define FIFOTH 0x04c
#define CDETECT 0x050
#define VERID 0x06c
#define HCON 0x070
#define UHS 0x074
#define UHS_DDR (1u << 16)
#define BMOD 0x080
#define BMOD_RESET (1u << 0)
#define BMOD_ENABLE (1u << 7)
#define PLDMND 0x084
#define DBADDR 0x088
#define IDSTS 0x08c
#define IDSTS_TX (1u << 0)
#define IDSTS_RX (1u << 1)
#define IDSTS_FATAL (1u << 2)
#define IDSTS_UNAVAILABLE (1u << 4)
#define IDSTS_NORMAL (1u << 8)
#define IDINTEN 0x090
#define FIFO 0x200
#define FIFO_DEPTH 256

#define DES0_OWN (1u << 31)
#define DES0_CHAINED (1u << 4)
#define DES0_LAST (1u << 2)

struct RK3588DWMMC {
    SysBusDevice parent_obj;

    MemoryRegion iomem;
    SDBus bus;
    qemu_irq irq, clock;
    RK3588IOC *ioc;
    uint32_t regs[FIFO / 4];
    uint32_t left; /* bytes of the transfer that are still to move */
    bool write;
};

/* CMD, CLK, D0 to D3 of SDMMC. */
static const RK3588Pin pins[] = {
    { 4, 24, 1 }, { 4, 25, 1 }, { 4, 26, 1 },
    { 4, 27, 1 }, { 4, 28, 1 }, { 4, 29, 1 },
};

#define R(offset) s->regs[(offset) / 4]

static void dwmmc_update(RK3588DWMMC *s)
{
    bool on = (R(CTRL) & CTRL_INT) && (R(RINTSTS) & R(INTMASK));

    qemu_set_irq(s->irq, on || (R(IDSTS) & R(IDINTEN)));
}

static void dwmmc_data_over(RK3588DWMMC *s)
{
    R(RINTSTS) |= INT_DATA_OVER;
    if (R(CMD) & CMD_AUTO_STOP) {
        SDRequest stop = { .cmd = 12 };
        uint8_t response[16];

        sdbus_do_command(&s->bus, &stop, response);
        R(RINTSTS) |= INT_AUTO_DONE;
    }
}

static void dwmmc_idmac(RK3588DWMMC *s)
{
    uint32_t at = R(DBADDR);
    uint8_t buffer[8192];

    while (s->left) {
        uint32_t des[4];
        uint32_t size;

        if (!rk3588_dma_allowed("SD host", at, sizeof(des))) {
            R(IDSTS) |= IDSTS_FATAL;
            return;
        }
        dma_memory_read(&address_space_memory, at, des, sizeof(des),
                        MEMTXATTRS_UNSPECIFIED);
        for (unsigned i = 0; i < 4; i++) {
            le32_to_cpus(&des[i]);
        }
        if (!(des[0] & DES0_OWN)) {
            R(IDSTS) |= IDSTS_UNAVAILABLE;
            return;
        }
        size = MIN(des[1] & 0x1fff, s->left);
        if (!rk3588_dma_allowed("SD host", des[2], size)) {
            R(IDSTS) |= IDSTS_FATAL;
            return;
        }
        if (s->write) {
            dma_memory_read(&address_space_memory, des[2], buffer, size,
                            MEMTXATTRS_UNSPECIFIED);
            sdbus_write_data(&s->bus, buffer, size);
        } else {
            sdbus_read_data(&s->bus, buffer, size);
            dma_memory_write(&address_space_memory, des[2], buffer, size,
                             MEMTXATTRS_UNSPECIFIED);
        }
        s->left -= size;
        stl_le_dma(&address_space_memory, at, des[0] & ~DES0_OWN,
                   MEMTXATTRS_UNSPECIFIED);
        if (des[0] & DES0_LAST) {
            break;
        }
        at = des[0] & DES0_CHAINED ? des[3] : at + sizeof(des);
    }
    s->left = 0;
    R(IDSTS) |= IDSTS_NORMAL | (s->write ? IDSTS_TX : IDSTS_RX);
    dwmmc_data_over(s);
}

/* The card holds its data lines low. */
static bool dwmmc_busy(RK3588DWMMC *s)
{
    return !(sdbus_get_dat_lines(&s->bus) & 1);
}

static void dwmmc_update_clock(RK3588DWMMC *s, bool voltage)
{
    bool busy = dwmmc_busy(s);

    qemu_set_irq(s->clock, !!(R(CLKENA) & CLKENA_ON));
    if (voltage && busy && !dwmmc_busy(s)) {
        R(RINTSTS) |= INT_VOLTAGE; /* the card has switched */
    }
}

/* Data that host and card would move differently arrives as noise. */
static bool dwmmc_agrees(RK3588DWMMC *s, unsigned cmd)
{
    BusChild *child = QTAILQ_FIRST(&BUS(&s->bus)->children);
    const char *how = child ? rk3588_card_disagrees(RK3588_CARD(child->child),
                                                    R(CTYPE) & CTYPE_WIDE,
                                                    R(UHS) & UHS_DDR)
                            : NULL;

    if (how) {
        rk3588_fault("SD host: CMD%u moves data %s", cmd, how);
    }
    return !how;
}

static void dwmmc_command(RK3588DWMMC *s)
{
    uint32_t cmd = R(CMD);
    SDRequest request = { .cmd = cmd & 63, .arg = R(CMDARG) };
    uint8_t response[16] = { 0 };
    int length;

    R(CMD) &= ~CMD_START;
    if (cmd & CMD_CLOCK) {
        dwmmc_update_clock(s, cmd & CMD_VOLTAGE);
        return;
    }
    if (!rk3588_pins_routed(s->ioc, "SD host", pins, ARRAY_SIZE(pins))) {
        return;
    }
    if ((cmd & CMD_DATA) && !dwmmc_agrees(s, request.cmd)) {
        return;
    }
    length = sdbus_do_command(&s->bus, &request, response);
    trace_rk3588_dwmmc_command(request.cmd, request.arg, length,
                               length ? ldl_be_p(response) : 0);
    if (!length && (cmd & CMD_RESPONSE)) {
        R(RINTSTS) |= INT_CMD_DONE | INT_RESPONSE_TIMEOUT;
        return;
    }
    if (length == 16) {
        for (unsigned i = 0; i < 4; i++) {
            R(RESP0 + 4 * i) = ldl_be_p(response + 12 - 4 * i);
        }
    } else {
        R(RESP0) = ldl_be_p(response);
    }
    if ((cmd & CMD_VOLTAGE) && dwmmc_busy(s)) {
        R(RINTSTS) |= INT_VOLTAGE; /* the card is ready to switch */
        return;
    }
    R(RINTSTS) |= INT_CMD_DONE;
    if (cmd & CMD_DATA) {
        s->left = R(BYTCNT);
        s->write = cmd & CMD_WRITE;
        if ((R(BMOD) & BMOD_ENABLE) && (R(CTRL) & CTRL_IDMAC)) {
            dwmmc_idmac(s);
        } else {
            R(RINTSTS) |= s->write ? INT_TX : INT_RX;
        }
    }
}

static uint64_t dwmmc_read(void *opaque, hwaddr offset, unsigned size)
{
    RK3588DWMMC *s = opaque;
    uint32_t words;

    if (offset >= FIFO) {
        uint32_t value = 0;

        if (s->left && !s->write) {
            sdbus_read_data(&s->bus, &value, 4);
            s->left -= MIN(s->left, 4);
            if (!s->left) {
                dwmmc_data_over(s);
                dwmmc_update(s);
            } else {
                R(RINTSTS) |= INT_RX;
            }
        }
        return le32_to_cpu(value);
    }
    switch (offset) {
    case MINTSTS:
        return R(RINTSTS) & R(INTMASK);
    case STATUS:
        words = s->write ? 0 : MIN(DIV_ROUND_UP(s->left, 4), FIFO_DEPTH);
        return words << STATUS_FIFO_SHIFT | (words ? 0 : STATUS_FIFO_EMPTY) |
               (words == FIFO_DEPTH ? STATUS_FIFO_FULL : 0) |
               (dwmmc_busy(s) ? STATUS_BUSY : 0);
    case CDETECT:
        return !sdbus_get_inserted(&s->bus);
    case VERID:
        return 0x5342270a;
    case HCON:
        return 1u << 7; /* 32-bit data, internal 32-bit DMA */
    }
    return R(offset);
}

static void dwmmc_write(void *opaque, hwaddr offset, uint64_t value,
                        unsigned size)
{
    RK3588DWMMC *s = opaque;

    if (offset >= FIFO) {
        if (s->left && s->write) {
            uint32_t word = cpu_to_le32(value);

            sdbus_write_data(&s->bus, &word, 4);
            s->left -= MIN(s->left, 4);
            if (!s->left) {
                dwmmc_data_over(s);
            } else {
                R(RINTSTS) |= INT_TX;
            }
            dwmmc_update(s);
        }
        return;
    }
    switch (offset) {
    case CTRL:
        R(CTRL) = value & ~CTRL_RESETS;
        if (value & CTRL_RESETS) {
            s->left = 0;
        }
        break;
    case RINTSTS:
    case IDSTS:
        R(offset) &= ~value;
        break;
    case CMD:
        R(CMD) = value;
        if (value & CMD_START) {
            dwmmc_command(s);
        }
        break;
    case BMOD:
        R(BMOD) = value & ~BMOD_RESET;
        break;
    case PLDMND:
        if (s->left && (R(BMOD) & BMOD_ENABLE) && (R(CTRL) & CTRL_IDMAC)) {
            dwmmc_idmac(s);
        }
        break;
    default:
        R(offset) = value;
        break;
    }
    dwmmc_update(s);
}

static const MemoryRegionOps dwmmc_ops = {
    .read = dwmmc_read,
    .write = dwmmc_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .impl = { .min_access_size = 4, .max_access_size = 4 },
    .valid = { .min_access_size = 4, .max_access_size = 8 },
};

static void dwmmc_reset_hold(Object *obj, ResetType type)
{
    RK3588DWMMC *s = RK3588_DWMMC(obj);

    memset(s->regs, 0, sizeof(s->regs));
    s->left = 0;
    R(FIFOTH) = (FIFO_DEPTH - 1) << 16;
    qemu_irq_lower(s->clock);
    dwmmc_update(s);
}

static void dwmmc_init(Object *obj)
{
    RK3588DWMMC *s = RK3588_DWMMC(obj);

    memory_region_init_io(&s->iomem, obj, &dwmmc_ops, s, "rk3588-dwmmc", 0x4000);
    sysbus_init_mmio(SYS_BUS_DEVICE(s), &s->iomem);
    sysbus_init_irq(SYS_BUS_DEVICE(s), &s->irq);
    qdev_init_gpio_out_named(DEVICE(s), &s->clock, "clock", 1);
    qbus_init(&s->bus, sizeof(s->bus), TYPE_SD_BUS, DEVICE(s), "sd-bus");
}

static const VMStateDescription dwmmc_vmstate = {
    .name = TYPE_RK3588_DWMMC,
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32_ARRAY(regs, RK3588DWMMC, FIFO / 4),
        VMSTATE_UINT32(left, RK3588DWMMC),
        VMSTATE_BOOL(write, RK3588DWMMC),
        VMSTATE_END_OF_LIST()
    }
};

static const Property dwmmc_properties[] = {
    DEFINE_PROP_LINK("ioc", RK3588DWMMC, ioc, TYPE_RK3588_IOC, RK3588IOC *),
};

static void dwmmc_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->vmsd = &dwmmc_vmstate;
    RESETTABLE_CLASS(klass)->phases.hold = dwmmc_reset_hold;
    device_class_set_props(dc, dwmmc_properties);
}

static const TypeInfo dwmmc_types[] = {
    {
        .name = TYPE_RK3588_DWMMC,
        .parent = TYPE_SYS_BUS_DEVICE,
        .instance_size = sizeof(RK3588DWMMC),
        .instance_init = dwmmc_init,
        .class_init = dwmmc_class_init,
    },
};

DEFINE_TYPES(dwmmc_types)
