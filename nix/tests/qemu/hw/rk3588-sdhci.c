/*
 * SDHCI host with DesignWare's and Rockchip's registers behind it, for eMMC
 *
 * From Linux' sdhci-of-dwcmshc and U-Boot's rockchip_sdhci drivers. The pins
 * are eight data lines, command and clock of gpio2; six of them are the SPI
 * flash's as well.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/qdev-properties.h"
#include "hw/sd/sdhci.h"
#include "qapi/error.h"
#include "rk3588.h"

#define TYPE_RK3588_SDHCI "rk3588-sdhci"
OBJECT_DECLARE_SIMPLE_TYPE(RK3588SDHCI, RK3588_SDHCI)

#define COMMAND 0x0e
#define VENDOR_AREA 0xe8
#define VENDOR 0x500
#define DLL_STATUS0 0x840
#define DLL_LOCKED (1u << 8)
#define SIZE 0x10000
#define STORED 0x900

struct RK3588SDHCI {
    SysBusDevice parent_obj;

    MemoryRegion iomem;
    SDHCIState sdhci;
    MemoryRegion *standard;
    RK3588IOC *ioc;
    uint32_t regs[STORED / 4];
};

static const RK3588Pin pins[] = {
    { 2, 0, 1 },                                         /* command */
    { 2, 1, 1 },                                         /* clock */
    { 2, 24, 1 }, { 2, 25, 1 }, { 2, 26, 1 }, { 2, 27, 1 },
    { 2, 28, 1 }, { 2, 29, 1 }, { 2, 30, 1 }, { 2, 31, 1 },
};

static uint64_t rk3588_sdhci_read(void *opaque, hwaddr offset, unsigned size)
{
    RK3588SDHCI *s = opaque;
    uint64_t value = 0;

    if (offset == VENDOR_AREA) {
        return VENDOR;
    }
    if (offset < 0x100) {
        memory_region_dispatch_read(s->standard, offset, &value,
                                    size_memop(size) | MO_LE,
                                    MEMTXATTRS_UNSPECIFIED);
        return value;
    }
    if (offset == DLL_STATUS0) {
        return DLL_LOCKED;
    }
    return offset < STORED ? s->regs[offset / 4] >> (offset % 4 * 8) : 0;
}

static void rk3588_sdhci_write(void *opaque, hwaddr offset, uint64_t value,
                               unsigned size)
{
    RK3588SDHCI *s = opaque;

    if (offset < 0x100) {
        if (offset <= COMMAND && offset + size > COMMAND &&
            !rk3588_pins_routed(s->ioc, "eMMC host", pins, ARRAY_SIZE(pins))) {
            return;
        }
        memory_region_dispatch_write(s->standard, offset, value,
                                     size_memop(size) | MO_LE,
                                     MEMTXATTRS_UNSPECIFIED);
    } else if (offset < STORED) {
        s->regs[offset / 4] = deposit32(s->regs[offset / 4], offset % 4 * 8,
                                        8 * size, value);
    }
}

static const MemoryRegionOps rk3588_sdhci_ops = {
    .read = rk3588_sdhci_read,
    .write = rk3588_sdhci_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 4 },
};

static void rk3588_sdhci_reset_hold(Object *obj, ResetType type)
{
    RK3588SDHCI *s = RK3588_SDHCI(obj);

    memset(s->regs, 0, sizeof(s->regs));
}

static void rk3588_sdhci_init(Object *obj)
{
    RK3588SDHCI *s = RK3588_SDHCI(obj);

    object_initialize_child(obj, "sdhci", &s->sdhci, TYPE_SYSBUS_SDHCI);
    memory_region_init_io(&s->iomem, obj, &rk3588_sdhci_ops, s, "rk3588-sdhci",
                          SIZE);
    sysbus_init_mmio(SYS_BUS_DEVICE(s), &s->iomem);
}

static void rk3588_sdhci_realize(DeviceState *dev, Error **errp)
{
    RK3588SDHCI *s = RK3588_SDHCI(dev);
    DeviceState *sdhci = DEVICE(&s->sdhci);

    qdev_prop_set_uint8(sdhci, "sd-spec-version", 3);
    qdev_prop_set_uint8(sdhci, "uhs", UHS_I);
    /*
     * 3.3 and 1.8 V, SDMA, high speed, ADMA2, eight bits, blocks of 512 bytes,
     * base clock of 200 MHz, timeouts in MHz; SDR50, SDR104, DDR50. 64-bit
     * ADMA2 is left out: QEMU's has not the descriptors of version 4.
     */
    qdev_prop_set_uint64(sdhci, "capareg", 0x000000070578c8b2ull);
    if (!sysbus_realize(SYS_BUS_DEVICE(sdhci), errp)) {
        return;
    }
    s->standard = sysbus_mmio_get_region(SYS_BUS_DEVICE(sdhci), 0);
    sysbus_pass_irq(SYS_BUS_DEVICE(s), SYS_BUS_DEVICE(sdhci));
}

static const Property rk3588_sdhci_properties[] = {
    DEFINE_PROP_LINK("ioc", RK3588SDHCI, ioc, TYPE_RK3588_IOC, RK3588IOC *),
};

static void rk3588_sdhci_class_init(ObjectClass *klass, void *data)
{
    DEVICE_CLASS(klass)->realize = rk3588_sdhci_realize;
    RESETTABLE_CLASS(klass)->phases.hold = rk3588_sdhci_reset_hold;
    device_class_set_props(DEVICE_CLASS(klass), rk3588_sdhci_properties);
}

static const TypeInfo rk3588_sdhci_types[] = {
    {
        .name = TYPE_RK3588_SDHCI,
        .parent = TYPE_SYS_BUS_DEVICE,
        .instance_size = sizeof(RK3588SDHCI),
        .instance_init = rk3588_sdhci_init,
        .class_init = rk3588_sdhci_class_init,
    },
};

DEFINE_TYPES(rk3588_sdhci_types)
