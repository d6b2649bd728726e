/*
 * DesignWare PCIe root complex with Rockchip's client registers
 *
 * From Linux' pcie-designware and pcie-dw-rockchip and U-Boot's drivers: an
 * unrolled iATU, the link state at 0x300 of the client registers. Inbound
 * windows are stored only: devices reach memory as it is. MSIs go to the ITS.
 *
 * From logs of Linux on RK3588 boards ("iATU: unroll T, 8 ob, 8 ib, align 64K,
 * limit 8G"): the iATU's granule and how much of an upper limit there is. Which
 * release of the controller it is, they do not say.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "exec/address-spaces.h"
#include "hw/irq.h"
#include "hw/pci/pci_bridge.h"
#include "hw/pci/pci_host.h"
#include "hw/pci/pcie.h"
#include "hw/pci/pcie_port.h"
#include "hw/qdev-properties.h"
#include "qapi/error.h"
#include "qemu/timer.h"
#include "qemu/units.h"
#include "rk3588.h"
#include "trace.h"

#define TYPE_RK3588_PCIE "rk3588-pcie"
OBJECT_DECLARE_SIMPLE_TYPE(RK3588PCIe, RK3588_PCIE)
#define TYPE_RK3588_PCIE_PORT "rk3588-pcie-port"

#define DBI_SIZE 0x400000
#define DBI2 0x100000
#define IATU 0x300000
#define IATU_VIEWPORT 0x900 /* all ones: the iATU is unrolled */
#define VERSION 0x8f8
#define VERSION_490A 0x3439302a /* "490*"; 4.60 is where upper limits began */
#define WINDOWS 8
#define WINDOW_GRANULE 0x10000

enum { CTRL1, CTRL2, LOWER_BASE, UPPER_BASE, LIMIT, LOWER_TARGET, UPPER_TARGET,
       UNUSED, UPPER_LIMIT, WINDOW_REGS };
#define CTRL1_TYPE(v) ((v) & 0x1f)
#define CTRL1_UPPER_LIMIT (1u << 13) /* else a window ends in its own 4 GiB */
enum { TYPE_MEM = 0, TYPE_IO = 2, TYPE_CFG0 = 4, TYPE_CFG1 = 5 };
#define CTRL2_ENABLE (1u << 31)
#define UPPER_LIMIT_BITS 1u /* windows of 8 GiB at most */

#define CLIENT_CONTROL 0x000
#define CLIENT_LTSSM_ENABLE (1u << 2)
#define CLIENT_LEGACY_STATUS 0x008
#define CLIENT_LEGACY_MASK 0x01c
#define CLIENT_LTSSM 0x300
#define LTSSM_UP 0x30011 /* both layers up, L0 */
#define LTSSM_DETECT 0
#define LTSSM_POLLING 2
#define PERST_GRACE 200 /* ms that PERST# may be low while a link is asked for */
#define CLIENT_SIZE 0x10000
#define CLIENT_REGS 0x400

/*
 * Where the SoC routes the cores' accesses to the controller: below 4 GiB, and
 * above. A window that is set elsewhere is reached by nobody.
 */
static const uint64_t aperture_size[] = { 16 * MiB, 1 * GiB };

typedef struct {
    MemoryRegion memory, config;
    uint32_t regs[2][WINDOW_REGS]; /* outbound, inbound */
    RK3588PCIe *host;
} Window;

struct RK3588PCIe {
    PCIHostState parent_obj;

    char *slot;
    MemoryRegion dbi, client, pci_memory, pci_io;
    MemoryRegion outbound; /* the windows, by the cores' addresses */
    MemoryRegion aperture[ARRAY_SIZE(aperture_size)];
    uint64_t aperture_base[ARRAY_SIZE(aperture_size)];
    PCIDevice *port;
    qemu_irq legacy;
    Window windows[WINDOWS];
    uint32_t port_logic[0x1000 / 4];
    uint32_t client_regs[CLIENT_REGS / 4];
    uint8_t lines;
    uint32_t link_after; /* ms that a slow card needs from PERST# on */
    int64_t released;  /* ms: when PERST# went high */
    int64_t low_until; /* ms: how long it may be low */
    bool perst_high, powered, complained;
};

static PCIDevice *pcie_card(RK3588PCIe *s)
{
    PCIBus *bus = pci_bridge_get_sec_bus(PCI_BRIDGE(s->port));

    return bus->devices[0];
}

/* Linux asks for a link, or has U-Boot's, and pulls PERST# low for 100 ms. */
static void pcie_allow_perst_low(RK3588PCIe *s)
{
    s->low_until = qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL) + PERST_GRACE;
}

/* A card is there that is on its way to a link, or has one. */
static bool pcie_training(RK3588PCIe *s)
{
    if (!(s->client_regs[CLIENT_CONTROL / 4] & CLIENT_LTSSM_ENABLE) ||
        !pcie_card(s)) {
        return false;
    }
    if (!s->powered || !s->perst_high) {
        bool early = s->powered &&
                     qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL) < s->low_until;

        if (!s->complained && !early) {
            s->complained = true;
            rk3588_fault("PCIe %s: link asked for with %s", s->slot,
                         s->powered ? "PERST# low" : "the slot's power off");
        }
        return false;
    }
    return true;
}

static bool pcie_link_up(RK3588PCIe *s)
{
    return pcie_training(s) && qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL) >=
                                   s->released + s->link_after;
}

/* ---- windows */

static PCIDevice *pcie_config_target(Window *w, hwaddr offset)
{
    uint64_t target = (uint64_t)w->regs[0][LOWER_TARGET] + offset;
    unsigned bus = target >> 24 & 0xff, devfn = target >> 16 & 0xff;

    if (!pcie_link_up(w->host) || devfn >= 8) {
        return NULL; /* one device behind the port */
    }
    return pci_find_device(PCI_HOST_BRIDGE(w->host)->bus, bus, devfn);
}

static uint64_t pcie_config_read(void *opaque, hwaddr offset, unsigned size)
{
    PCIDevice *device = pcie_config_target(opaque, offset);

    return device ? pci_host_config_read_common(device, offset & 0xfff,
                                                pci_config_size(device), size)
                  : UINT64_MAX;
}

static void pcie_config_write(void *opaque, hwaddr offset, uint64_t value,
                              unsigned size)
{
    PCIDevice *device = pcie_config_target(opaque, offset);

    if (device) {
        pci_host_config_write_common(device, offset & 0xfff,
                                     pci_config_size(device), value, size);
    }
}

static const MemoryRegionOps pcie_config_ops = {
    .read = pcie_config_read,
    .write = pcie_config_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 4 },
};

static void pcie_window_update(Window *w)
{
    uint32_t *r = w->regs[0];
    uint64_t base = (uint64_t)r[UPPER_BASE] << 32 | r[LOWER_BASE];
    uint64_t target = (uint64_t)r[UPPER_TARGET] << 32 | r[LOWER_TARGET];
    bool enabled = r[CTRL2] & CTRL2_ENABLE;
    unsigned type = CTRL1_TYPE(r[CTRL1]);
    uint32_t upper = r[UPPER_BASE];
    uint64_t limit;

    if (r[CTRL1] & CTRL1_UPPER_LIMIT) {
        upper = (upper & ~UPPER_LIMIT_BITS) | r[UPPER_LIMIT];
    }
    limit = (uint64_t)upper << 32 | r[LIMIT];
    memory_region_transaction_begin();
    memory_region_set_enabled(&w->memory, false);
    memory_region_set_enabled(&w->config, false);
    if (enabled && limit > base) {
        MemoryRegion *region = type == TYPE_CFG0 || type == TYPE_CFG1
                               ? &w->config
                               : type == TYPE_MEM ? &w->memory : NULL;

        if (region) {
            memory_region_set_size(region, limit - base + 1);
            memory_region_set_address(region, base);
            if (region == &w->memory) {
                memory_region_set_alias_offset(region, target);
            }
            memory_region_set_enabled(region, true);
        }
    }
    memory_region_transaction_commit();
}

/* ---- the controller's own registers (DBI) */

/* What is kept of a value written to a register of a window. */
static uint32_t pcie_window_value(unsigned reg, uint32_t value)
{
    switch (reg) {
    case LOWER_BASE:
    case LOWER_TARGET:
        return value & -WINDOW_GRANULE;
    case LIMIT:
        return value | (WINDOW_GRANULE - 1);
    case UPPER_LIMIT:
        return value & UPPER_LIMIT_BITS;
    default:
        return value;
    }
}

static uint32_t *pcie_window_register(RK3588PCIe *s, hwaddr offset, Window **w)
{
    unsigned n = (offset - IATU) >> 9, inbound = offset >> 8 & 1;
    unsigned reg = (offset & 0xff) / 4;

    if (n >= WINDOWS || reg >= WINDOW_REGS) {
        return NULL;
    }
    *w = &s->windows[n];
    return &(*w)->regs[inbound][reg];
}

static uint64_t pcie_dbi_read(void *opaque, hwaddr offset, unsigned size)
{
    RK3588PCIe *s = opaque;
    Window *w;

    if (offset >= IATU) {
        uint32_t *reg = pcie_window_register(s, offset, &w);

        return reg ? *reg : 0;
    }
    if (offset >= 0x1000) {
        return 0;
    }
    switch (offset) {
    case IATU_VIEWPORT:
        return UINT32_MAX;
    case VERSION:
        return VERSION_490A;
    }
    if (offset >= 0x700 && offset < 0x1000) {
        return s->port_logic[offset / 4] >> (offset % 4 * 8);
    }
    return pci_host_config_read_common(s->port, offset,
                                       pci_config_size(s->port), size);
}

static void pcie_dbi_write(void *opaque, hwaddr offset, uint64_t value,
                           unsigned size)
{
    RK3588PCIe *s = opaque;
    Window *w;

    if (offset >= IATU) {
        uint32_t *reg = pcie_window_register(s, offset, &w);

        if (reg) {
            *reg = pcie_window_value((offset & 0xff) / 4, value);
            if (!(offset >> 8 & 1)) {
                pcie_window_update(w);
            }
        }
        return;
    }
    if (offset >= 0x1000) {
        return; /* DBI2: BAR masks of the port */
    }
    if (offset >= 0x700 && offset < 0x1000) {
        s->port_logic[offset / 4] = deposit32(s->port_logic[offset / 4],
                                              offset % 4 * 8, 8 * size, value);
        return;
    }
    pci_host_config_write_common(s->port, offset, pci_config_size(s->port),
                                 value, size);
}

static const MemoryRegionOps pcie_dbi_ops = {
    .read = pcie_dbi_read,
    .write = pcie_dbi_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 4 },
};

/* ---- Rockchip's registers */

static void pcie_legacy_update(RK3588PCIe *s)
{
    qemu_set_irq(s->legacy,
                 (s->lines & ~s->client_regs[CLIENT_LEGACY_MASK / 4]) != 0);
}

static uint64_t pcie_client_read(void *opaque, hwaddr offset, unsigned size)
{
    RK3588PCIe *s = opaque;

    switch (offset) {
    case CLIENT_LTSSM:
        return pcie_link_up(s) ? LTSSM_UP :
               pcie_training(s) ? LTSSM_POLLING : LTSSM_DETECT;
    case CLIENT_LEGACY_STATUS:
        return s->lines;
    }
    return offset < CLIENT_REGS ? s->client_regs[offset / 4] : 0;
}

static void pcie_client_write(void *opaque, hwaddr offset, uint64_t value,
                              unsigned size)
{
    RK3588PCIe *s = opaque;
    uint32_t mask = value >> 16;

    if (offset >= CLIENT_REGS) {
        return;
    }
    s->client_regs[offset / 4] = (s->client_regs[offset / 4] & ~mask) |
                                 (value & mask);
    if (offset == CLIENT_CONTROL && (value & mask & CLIENT_LTSSM_ENABLE)) {
        pcie_allow_perst_low(s);
    }
    pcie_legacy_update(s);
}

static const MemoryRegionOps pcie_client_ops = {
    .read = pcie_client_read,
    .write = pcie_client_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 4 },
};

static void pcie_set_irq(void *opaque, int line, int level)
{
    RK3588PCIe *s = opaque;

    s->lines = deposit32(s->lines, line, 1, !!level);
    pcie_legacy_update(s);
}

static void pcie_set_perst(void *opaque, int n, int level)
{
    RK3588PCIe *s = opaque;

    trace_rk3588_pcie_perst(s->slot, level);
    if (level && !s->perst_high) {
        s->released = qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL);
    }
    if (!level) {
        pcie_allow_perst_low(s);
        /* The card's reset: what U-Boot left running is no more. */
        bus_cold_reset(BUS(pci_bridge_get_sec_bus(PCI_BRIDGE(s->port))));
    }
    s->perst_high = level;
}

static void pcie_set_power(void *opaque, int n, int level)
{
    RK3588PCIe *s = opaque;

    trace_rk3588_pcie_power(s->slot, level);
    s->powered = level;
}

/* ---- */

static void pcie_port_realize(PCIDevice *dev, Error **errp)
{
    PCIBridge *bridge = PCI_BRIDGE(dev);

    bridge->bus_name = DEVICE(dev)->id;
    pci_bridge_initfn(dev, TYPE_PCIE_BUS);
    pcie_port_init_reg(dev);
    pcie_cap_init(dev, 0x70, PCI_EXP_TYPE_ROOT_PORT, 0, &error_fatal);
}

static void pcie_port_write_config(PCIDevice *dev, uint32_t address,
                                   uint32_t value, int length)
{
    pci_bridge_write_config(dev, address, value, length);
}

static void pcie_port_class_init(ObjectClass *klass, void *data)
{
    PCIDeviceClass *k = PCI_DEVICE_CLASS(klass);
    DeviceClass *dc = DEVICE_CLASS(klass);

    set_bit(DEVICE_CATEGORY_BRIDGE, dc->categories);
    k->vendor_id = 0x1d87;
    k->device_id = 0x3588;
    k->revision = 1;
    k->class_id = PCI_CLASS_BRIDGE_PCI;
    k->realize = pcie_port_realize;
    k->exit = pci_bridge_exitfn;
    k->config_write = pcie_port_write_config;
    device_class_set_legacy_reset(dc, pci_bridge_reset);
    dc->user_creatable = false;
}

static void pcie_reset_hold(Object *obj, ResetType type)
{
    RK3588PCIe *s = RK3588_PCIE(obj);

    memset(s->port_logic, 0, sizeof(s->port_logic));
    memset(s->client_regs, 0, sizeof(s->client_regs));
    s->client_regs[CLIENT_LEGACY_MASK / 4] = 0xf;
    s->complained = false;
    for (unsigned i = 0; i < WINDOWS; i++) {
        memset(s->windows[i].regs, 0, sizeof(s->windows[i].regs));
        pcie_window_update(&s->windows[i]);
    }
}

static void pcie_realize(DeviceState *dev, Error **errp)
{
    RK3588PCIe *s = RK3588_PCIE(dev);
    PCIHostState *host = PCI_HOST_BRIDGE(dev);
    SysBusDevice *sbd = SYS_BUS_DEVICE(dev);
    g_autofree char *name = g_strdup_printf("%s-root", s->slot);

    memory_region_init(&s->outbound, OBJECT(s), "pcie-outbound", UINT64_MAX);
    memory_region_init(&s->pci_memory, OBJECT(s), "pcie-memory", UINT64_MAX);
    memory_region_init(&s->pci_io, OBJECT(s), "pcie-io", 64 * 1024);
    host->bus = pci_register_root_bus(dev, name, pcie_set_irq,
                                      pci_swizzle_map_irq_fn, s, &s->pci_memory,
                                      &s->pci_io, 0, 4, TYPE_PCIE_BUS);
    s->port = pci_new(0, TYPE_RK3588_PCIE_PORT);
    DEVICE(s->port)->id = g_strdup(s->slot);
    pci_realize_and_unref(s->port, host->bus, &error_fatal);

    memory_region_init_io(&s->dbi, OBJECT(s), &pcie_dbi_ops, s, "pcie-dbi",
                          DBI_SIZE);
    memory_region_init_io(&s->client, OBJECT(s), &pcie_client_ops, s,
                          "pcie-client", CLIENT_SIZE);
    sysbus_init_mmio(sbd, &s->dbi);
    sysbus_init_mmio(sbd, &s->client);
    sysbus_init_irq(sbd, &s->legacy);
    qdev_init_gpio_in_named(dev, pcie_set_perst, "perst", 1);
    qdev_init_gpio_in_named(dev, pcie_set_power, "power", 1);
    for (unsigned i = 0; i < WINDOWS; i++) {
        Window *w = &s->windows[i];

        w->host = s;
        memory_region_init_alias(&w->memory, OBJECT(s), "pcie-window",
                                 &s->pci_memory, 0, 1);
        memory_region_init_io(&w->config, OBJECT(s), &pcie_config_ops, w,
                              "pcie-config", 1);
        memory_region_set_enabled(&w->memory, false);
        memory_region_set_enabled(&w->config, false);
        /* Of windows that overlap the first one counts. */
        memory_region_add_subregion_overlap(&s->outbound, 0, &w->memory,
                                            WINDOWS - i);
        memory_region_add_subregion_overlap(&s->outbound, 0, &w->config,
                                            WINDOWS - i);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(aperture_size); i++) {
        memory_region_init_alias(&s->aperture[i], OBJECT(s), "pcie-aperture",
                                 &s->outbound, s->aperture_base[i],
                                 aperture_size[i]);
        sysbus_init_mmio(sbd, &s->aperture[i]);
    }
}

static const char *pcie_root_bus_path(PCIHostState *host, PCIBus *bus)
{
    return RK3588_PCIE(host)->slot; /* two hosts: their state must differ */
}

static const Property pcie_properties[] = {
    DEFINE_PROP_STRING("slot", RK3588PCIe, slot),
    DEFINE_PROP_UINT64("aperture-low", RK3588PCIe, aperture_base[0], 0),
    DEFINE_PROP_UINT64("aperture-high", RK3588PCIe, aperture_base[1], 0),
    DEFINE_PROP_BOOL("powered", RK3588PCIe, powered, false),
    DEFINE_PROP_UINT32("link-after", RK3588PCIe, link_after, 0),
};

static void pcie_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = pcie_realize;
    dc->user_creatable = false;
    PCI_HOST_BRIDGE_CLASS(klass)->root_bus_path = pcie_root_bus_path;
    RESETTABLE_CLASS(klass)->phases.hold = pcie_reset_hold;
    device_class_set_props(dc, pcie_properties);
}

static const TypeInfo pcie_types[] = {
    {
        .name = TYPE_RK3588_PCIE,
        .parent = TYPE_PCI_HOST_BRIDGE,
        .instance_size = sizeof(RK3588PCIe),
        .class_init = pcie_class_init,
    },
    {
        .name = TYPE_RK3588_PCIE_PORT,
        .parent = TYPE_PCI_BRIDGE,
        .instance_size = sizeof(PCIBridge),
        .class_init = pcie_port_class_init,
        .interfaces = (InterfaceInfo[]) {
            { INTERFACE_PCIE_DEVICE },
            { }
        },
    },
};

DEFINE_TYPES(pcie_types)
