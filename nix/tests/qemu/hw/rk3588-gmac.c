/*
 * DesignWare Ethernet QoS MAC (5.10) with one queue, and a PHY behind its MDIO
 *
 * Registers from Linux' stmmac (dwmac4) and U-Boot's dwc_eth_qos drivers, the
 * PHYs' from their drivers (realtek, motorcomm). Clauses left out: offloads,
 * time stamps, filters (every frame is taken), delay lines.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "hw/irq.h"
#include "hw/qdev-properties.h"
#include "net/checksum.h"
#include "net/eth.h"
#include "net/net.h"
#include "system/dma.h"
#include "rk3588.h"
#include "trace.h"
#include <zlib.h>

#define TYPE_RK3588_GMAC "rk3588-gmac"
OBJECT_DECLARE_SIMPLE_TYPE(RK3588GMAC, RK3588_GMAC)

#define MAC_CONFIG 0x000
#define MAC_RECEIVE (1u << 0)
#define MAC_TRANSMIT (1u << 1)
#define MAC_STRIP_FCS (1u << 21)
#define MAC_VERSION 0x110
#define MAC_FEATURE0 0x11c
#define MAC_FEATURE1 0x120
#define MAC_MDIO_ADDRESS 0x200
#define MDIO_BUSY (1u << 0)
#define MDIO_CLAUSE45 (1u << 1)
#define MDIO_OPERATION(v) (((v) >> 2) & 3)
#define MDIO_WRITE 1
#define MDIO_READ 3
#define MAC_MDIO_DATA 0x204
#define MAC_ADDRESS_HIGH 0x300
#define MAC_ADDRESS_LOW 0x304
#define DMA_MODE 0x1000
#define DMA_RESET (1u << 0)
#define DMA_INT_STATUS 0x1008
#define CH_CONTROL 0x1100
#define CH_TX_CONTROL 0x1104
#define CH_RX_CONTROL 0x1108
#define CH_START (1u << 0)
#define CH_TX_LIST 0x1114
#define CH_RX_LIST 0x111c
#define CH_TX_TAIL 0x1120
#define CH_RX_TAIL 0x1128
#define CH_TX_LENGTH 0x112c
#define CH_RX_LENGTH 0x1130
#define CH_INT_EN 0x1134
#define CH_TX_CURRENT 0x1144
#define CH_RX_CURRENT 0x114c
#define CH_STATUS 0x1160
#define INT_TX (1u << 0)
#define INT_RX (1u << 6)
#define INT_RX_UNAVAILABLE (1u << 7)
#define INT_ABNORMAL (1u << 14)
#define INT_NORMAL (1u << 15)
#define SIZE 0x1400

#define DES3_OWN (1u << 31)
#define DES3_CONTEXT (1u << 30)
#define DES3_FIRST (1u << 29)
#define DES3_LAST (1u << 28)
#define DES3_LENGTH 0x7fff
#define DES2_IOC (1u << 31)
#define RDES3_IOC (1u << 30)

#define PHY_ADDRESS 1
#define PHY_PAGES 2
#define FRAME 16384

struct RK3588GMAC {
    SysBusDevice parent_obj;

    MemoryRegion iomem;
    qemu_irq irq;
    NICState *nic;
    NICConf conf;
    RK3588IOC *ioc;
    bool motorcomm;
    uint32_t regs[SIZE / 4];

    bool phy_awake; /* its reset is not asserted */
    uint16_t phy[32];
    uint16_t page, extended;
    uint16_t extended_regs[256];

    uint8_t frame[FRAME];
    uint32_t frame_size;
};

#define R(offset) s->regs[(offset) / 4]

/* gmac1: MDC, MDIO, data and clocks of RGMII, all on gpio3. */
static const RK3588Pin pins[] = {
    { 3, 18, 1 }, { 3, 19, 1 },               /* MDC C2, MDIO C3 */
    { 3, 11, 1 }, { 3, 12, 1 }, { 3, 13, 1 }, /* TXD0, TXD1, TXEN */
    { 3, 7, 1 }, { 3, 8, 1 }, { 3, 9, 1 },    /* RXD0, RXD1, RX_DV */
};

/* ---- PHY */

static void phy_reset(RK3588GMAC *s)
{
    memset(s->phy, 0, sizeof(s->phy));
    memset(s->extended_regs, 0, sizeof(s->extended_regs));
    s->page = 0;
    s->phy[0] = 0x1140;  /* gigabit, full duplex, negotiation */
    s->phy[1] = 0x796d;  /* link up, negotiation done */
    s->phy[2] = s->motorcomm ? 0x4f51 : 0x001c;
    s->phy[3] = s->motorcomm ? 0xe91b : 0xc916;
    s->phy[4] = 0x01e1;
    s->phy[5] = 0xcde1;
    s->phy[6] = 0x000f;
    s->phy[9] = 0x0300;
    s->phy[10] = 0x7c00;
    s->phy[15] = 0x3000;
    if (s->motorcomm) {
        s->phy[0x11] = 0xac00; /* 1000 Mbit/s, full duplex, link */
    }
}

static uint16_t phy_read(RK3588GMAC *s, unsigned reg)
{
    if (s->motorcomm) {
        return reg == 0x1f ? s->extended_regs[s->extended & 0xff]
               : reg == 0x1e ? s->extended : s->phy[reg];
    }
    if (reg == 0x1f) {
        return s->page;
    }
    if (s->page == 0xa43 && reg == 0x1a) {
        return 0x002c; /* 1000 Mbit/s, full duplex, link */
    }
    if (s->page == 0xa43 && reg == 0x12) {
        return 0x0020;
    }
    if (s->page && s->page != 0xa42 && reg >= 0x10) {
        return s->extended_regs[(s->page * 16 + reg) & 0xff];
    }
    return s->phy[reg];
}

static void phy_write(RK3588GMAC *s, unsigned reg, uint16_t value)
{
    if (reg == 0x1f && !s->motorcomm) {
        s->page = value;
    } else if (reg == 0x1e && s->motorcomm) {
        s->extended = value;
    } else if (reg == 0x1f) {
        s->extended_regs[s->extended & 0xff] = value;
    } else if (!s->motorcomm && s->page && s->page != 0xa42 && reg >= 0x10) {
        s->extended_regs[(s->page * 16 + reg) & 0xff] = value;
    } else if (reg == 0) {
        if (value & 0x8000) {
            phy_reset(s);
        } else {
            s->phy[0] = value & ~0x0200;
        }
    } else if (reg == 4 || reg == 9 || reg >= 16) {
        s->phy[reg] = value;
    }
}

static void phy_set_reset_line(void *opaque, int n, int level)
{
    RK3588GMAC *s = opaque;

    if (level && !s->phy_awake) {
        phy_reset(s);
    }
    trace_rk3588_gmac_phy_reset(level);
    s->phy_awake = level;
}

static void gmac_mdio(RK3588GMAC *s, uint32_t value)
{
    unsigned address = value >> 21 & 31, reg = value >> 16 & 31;
    bool there = s->phy_awake && !(value & MDIO_CLAUSE45) &&
                 (address == PHY_ADDRESS || address == 0);

    R(MAC_MDIO_ADDRESS) = value & ~MDIO_BUSY;
    if (!(value & MDIO_BUSY)) {
        return;
    }
    if (!rk3588_pins_routed(s->ioc, "GMAC", pins, 2)) {
        return;
    }
    if (MDIO_OPERATION(value) == MDIO_READ) {
        R(MAC_MDIO_DATA) = there ? phy_read(s, reg) : 0xffff;
    } else if (MDIO_OPERATION(value) == MDIO_WRITE && there) {
        phy_write(s, reg, R(MAC_MDIO_DATA));
    }
}

/* ---- DMA */

static void gmac_update(RK3588GMAC *s)
{
    uint32_t status = R(CH_STATUS) & ~(INT_NORMAL | INT_ABNORMAL);
    uint32_t enabled = status & R(CH_INT_EN);

    if (enabled & (INT_TX | INT_RX)) {
        status |= INT_NORMAL;
    }
    if (enabled & INT_RX_UNAVAILABLE) {
        status |= INT_ABNORMAL;
    }
    R(CH_STATUS) = status;
    R(DMA_INT_STATUS) = (status & R(CH_INT_EN)) != 0;
    qemu_set_irq(s->irq, R(DMA_INT_STATUS));
}

static bool gmac_descriptor(RK3588GMAC *s, uint32_t at, uint32_t *des)
{
    if (!rk3588_dma_allowed("GMAC", at, 16)) {
        return false;
    }
    dma_memory_read(&address_space_memory, at, des, 16, MEMTXATTRS_UNSPECIFIED);
    for (unsigned i = 0; i < 4; i++) {
        le32_to_cpus(&des[i]);
    }
    return true;
}

static uint32_t gmac_next(RK3588GMAC *s, uint32_t at, uint32_t list,
                          uint32_t length)
{
    uint32_t stride = 16 + (R(CH_CONTROL) >> 18 & 7) * 8;

    at += stride;
    return at > list + stride * (length & 0x3ff) ? list : at;
}

static void gmac_gather(RK3588GMAC *s, uint32_t address, uint32_t size)
{
    if (size && s->frame_size + size <= FRAME &&
        rk3588_dma_allowed("GMAC", address, size)) {
        dma_memory_read(&address_space_memory, address,
                        s->frame + s->frame_size, size, MEMTXATTRS_UNSPECIFIED);
        s->frame_size += size;
    }
}

static void gmac_transmit(RK3588GMAC *s)
{
    uint32_t des[4];

    if (!(R(CH_TX_CONTROL) & CH_START) || !(R(MAC_CONFIG) & MAC_TRANSMIT)) {
        return;
    }
    while (gmac_descriptor(s, R(CH_TX_CURRENT), des) && (des[3] & DES3_OWN)) {
        uint32_t at = R(CH_TX_CURRENT);

        if (!(des[3] & DES3_CONTEXT)) {
            if (des[3] & DES3_FIRST) {
                s->frame_size = 0;
            }
            gmac_gather(s, des[0], des[2] & 0x3fff);
            gmac_gather(s, des[1], des[2] >> 16 & 0x3fff);
            if (des[3] & DES3_LAST) {
                if (!rk3588_pins_routed(s->ioc, "GMAC", pins,
                                        ARRAY_SIZE(pins))) {
                    return;
                }
                qemu_send_packet(qemu_get_queue(s->nic), s->frame,
                                 s->frame_size);
                if (des[2] & DES2_IOC) {
                    R(CH_STATUS) |= INT_TX;
                }
            }
        }
        stl_le_dma(&address_space_memory, at + 12,
                   des[3] & (DES3_CONTEXT | DES3_FIRST | DES3_LAST),
                   MEMTXATTRS_UNSPECIFIED);
        R(CH_TX_CURRENT) = gmac_next(s, at, R(CH_TX_LIST), R(CH_TX_LENGTH));
    }
    gmac_update(s);
}

static bool gmac_can_receive(NetClientState *nc)
{
    RK3588GMAC *s = qemu_get_nic_opaque(nc);

    return (R(CH_RX_CONTROL) & CH_START) && (R(MAC_CONFIG) & MAC_RECEIVE);
}

static ssize_t gmac_receive(NetClientState *nc, const uint8_t *data,
                            size_t size)
{
    RK3588GMAC *s = qemu_get_nic_opaque(nc);
    uint32_t buffer_size = (R(CH_RX_CONTROL) >> 1 & 0x3fff) & ~7u;
    g_autofree uint8_t *frame = g_malloc0(size + 64);
    uint32_t des[4], total = MAX(size, 60), done = 0;

    if (!gmac_can_receive(nc)) {
        return -1;
    }
    memcpy(frame, data, size);
    if (!(R(MAC_CONFIG) & MAC_STRIP_FCS)) {
        stl_le_p(frame + total, crc32(~0, frame, total));
        total += 4;
    }
    do {
        uint32_t at = R(CH_RX_CURRENT), part, flags;

        if (!gmac_descriptor(s, at, des)) {
            return size;
        }
        if (!(des[3] & DES3_OWN)) {
            R(CH_STATUS) |= INT_RX_UNAVAILABLE;
            gmac_update(s);
            return done ? (ssize_t)size : 0; /* kept until there is room */
        }
        part = MIN(total - done, buffer_size);
        if (!part || !rk3588_dma_allowed("GMAC", des[0], part)) {
            return size;
        }
        dma_memory_write(&address_space_memory, des[0], frame + done, part,
                         MEMTXATTRS_UNSPECIFIED);
        flags = (done ? 0 : DES3_FIRST);
        done += part;
        flags |= done == total ? DES3_LAST | total : 0;
        stl_le_dma(&address_space_memory, at + 4, 0, MEMTXATTRS_UNSPECIFIED);
        stl_le_dma(&address_space_memory, at + 12, flags,
                   MEMTXATTRS_UNSPECIFIED);
        R(CH_RX_CURRENT) = gmac_next(s, at, R(CH_RX_LIST), R(CH_RX_LENGTH));
        if (des[3] & RDES3_IOC) {
            R(CH_STATUS) |= INT_RX;
        }
    } while (done < total);
    R(CH_STATUS) |= INT_RX;
    gmac_update(s);
    return size;
}

/* ---- registers */

static uint64_t gmac_read(void *opaque, hwaddr offset, unsigned size)
{
    RK3588GMAC *s = opaque;

    switch (offset) {
    case MAC_VERSION:
        return 0x3051;
    case MAC_FEATURE0:
        return 1u << 28 | 1u << 5 | 3; /* RGMII, MDIO, 10 to 1000 Mbit/s */
    case MAC_FEATURE1:
        return 5u << 6 | 5; /* FIFOs of 4 KiB */
    }
    return offset < SIZE ? R(offset) : 0;
}

static void gmac_soft_reset(RK3588GMAC *s)
{
    memset(s->regs, 0, sizeof(s->regs));
    s->frame_size = 0;
    gmac_update(s);
}

static void gmac_write(void *opaque, hwaddr offset, uint64_t value,
                       unsigned size)
{
    RK3588GMAC *s = opaque;

    if (offset >= SIZE) {
        return;
    }
    switch (offset) {
    case MAC_MDIO_ADDRESS:
        gmac_mdio(s, value);
        return;
    case DMA_MODE:
        if (value & DMA_RESET) {
            gmac_soft_reset(s);
            return;
        }
        break;
    case CH_STATUS:
        R(CH_STATUS) &= ~value;
        gmac_update(s);
        return;
    case CH_TX_LIST:
        R(CH_TX_CURRENT) = value;
        break;
    case CH_RX_LIST:
        R(CH_RX_CURRENT) = value;
        break;
    case CH_TX_CURRENT:
    case CH_RX_CURRENT:
        return;
    }
    R(offset) = value;
    switch (offset) {
    case MAC_ADDRESS_LOW:
        trace_rk3588_gmac_address(R(MAC_ADDRESS_LOW),
                                  R(MAC_ADDRESS_HIGH) & 0xffff);
        break;
    case CH_TX_TAIL:
    case CH_TX_CONTROL:
        gmac_transmit(s);
        break;
    case CH_RX_TAIL:
    case CH_RX_CONTROL:
    case MAC_CONFIG:
        qemu_flush_queued_packets(qemu_get_queue(s->nic));
        break;
    case CH_INT_EN:
        gmac_update(s);
        break;
    }
}

static const MemoryRegionOps gmac_ops = {
    .read = gmac_read,
    .write = gmac_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 4 },
};

static NetClientInfo gmac_net = {
    .type = NET_CLIENT_DRIVER_NIC,
    .size = sizeof(NICState),
    .can_receive = gmac_can_receive,
    .receive = gmac_receive,
};

static void gmac_reset_hold(Object *obj, ResetType type)
{
    gmac_soft_reset(RK3588_GMAC(obj));
}

static void gmac_realize(DeviceState *dev, Error **errp)
{
    RK3588GMAC *s = RK3588_GMAC(dev);

    qemu_macaddr_default_if_unset(&s->conf.macaddr);
    s->nic = qemu_new_nic(&gmac_net, &s->conf, TYPE_RK3588_GMAC, dev->id,
                          &dev->mem_reentrancy_guard, s);
    qemu_format_nic_info_str(qemu_get_queue(s->nic), s->conf.macaddr.a);
    phy_reset(s);
}

static void gmac_init(Object *obj)
{
    RK3588GMAC *s = RK3588_GMAC(obj);

    memory_region_init_io(&s->iomem, obj, &gmac_ops, s, "rk3588-gmac", 0x10000);
    sysbus_init_mmio(SYS_BUS_DEVICE(s), &s->iomem);
    sysbus_init_irq(SYS_BUS_DEVICE(s), &s->irq);
    qdev_init_gpio_in_named(DEVICE(s), phy_set_reset_line, "phy-reset", 1);
}

static const Property gmac_properties[] = {
    DEFINE_NIC_PROPERTIES(RK3588GMAC, conf),
    DEFINE_PROP_LINK("ioc", RK3588GMAC, ioc, TYPE_RK3588_IOC, RK3588IOC *),
    DEFINE_PROP_BOOL("motorcomm", RK3588GMAC, motorcomm, false),
};

static void gmac_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = gmac_realize;
    dc->user_creatable = false;
    RESETTABLE_CLASS(klass)->phases.hold = gmac_reset_hold;
    device_class_set_props(dc, gmac_properties);
}

static const TypeInfo gmac_types[] = {
    {
        .name = TYPE_RK3588_GMAC,
        .parent = TYPE_SYS_BUS_DEVICE,
        .instance_size = sizeof(RK3588GMAC),
        .instance_init = gmac_init,
        .class_init = gmac_class_init,
    },
};

DEFINE_TYPES(gmac_types)
