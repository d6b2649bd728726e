/*
 * FriendlyElec NanoPi M6 (Rockchip RK3588S)
 *
 * Addresses and interrupts from the SoC's device tree in Linux and U-Boot
 * (rk3588-base.dtsi); pins, rails, slots, chips on the buses and the readings
 * of the board id from the board's (dts/nanopi-m6.facts.yaml says where each
 * comes from). What the CRU's, the GRFs' and the PMU's registers have to say at
 * reset, from TF-A's platform code for the RK3588 and U-Boot's clock driver,
 * which wait for it. The keys of the CRU's reset, from TF-A.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/units.h"
#include "exec/address-spaces.h"
#include "hw/arm/bsa.h"
#include "hw/boards.h"
#include "hw/intc/arm_gicv3.h"
#include "hw/intc/arm_gicv3_its_common.h"
#include "hw/i2c/i2c.h"
#include "hw/irq.h"
#include "hw/nvram/eeprom_at24c.h"
#include "hw/or-irq.h"
#include "hw/qdev-properties.h"
#include "net/net.h"
#include "qapi/error.h"
#include "qobject/qlist.h"
#include "qemu/timer.h"
#include "system/block-backend.h"
#include "system/blockdev.h"
#include "system/reset.h"
#include "system/runstate.h"
#include "system/system.h"
#include "target/arm/cpu.h"
#include "target/arm/gtimer.h"
#include "rk3588.h"
#include "trace.h"

#define TYPE_NANOPI_M6 MACHINE_TYPE_NAME("nanopi-m6")
OBJECT_DECLARE_SIMPLE_TYPE(NanoPiM6, NANOPI_M6)

#define SPIS 480
#define MEMORY_LOW_END 0xf0000000ull
#define MEMORY_HIGH 0x100000000ull
#define BOOT_ROM 0xffff0000
#define BOOT_ROM_SIZE (64 * KiB)
#define PMU_SRAM 0xff100000
#define CRU_RESET_FIRST 0xc08
#define CRU_RESET_FIRST_KEY 0xfdb9
#define CRU_RESET_SECOND 0xc0c
#define CRU_RESET_SECOND_KEY 0xeca8

struct NanoPiM6 {
    MachineState parent_obj;

    bool faults_end, memory_up, maskrom, recovery, uhs, watchdog_fault;
    bool otp_unreadable, eeprom_empty;
    char *board;

    DeviceState *cores[RK3588_CORES];
    DeviceState *gic, *gpio[5];
    DeviceState *tsadc; /* there before the machine is, for its property */
    RK3588IOC *ioc;
    RK3588Regs *cru, *pmu1grf;
    RK3588Card *sd, *emmc;
    BlockBackend *flash;
    MemoryRegion memory_low, memory_high, nothing, rom, remap, sram, pmu_sram,
                 sram1;
};

/*
 * Registers that hold what is written and do nothing: what they rule (routes,
 * priorities, protection, drive strength, PHY tuning) has no effect on what
 * software sees of this machine. What does have one is a device or a rule.
 */
static const struct {
    const char *name;
    hwaddr base;
    uint32_t size;
    bool write_mask;
} banks[] = {
    { "pmu1sgrf", 0xfd582000, 0x2000, true },
    { "bussgrf", 0xfd586000, 0x1000, true },
    { "dsusgrf-more", 0xfd587400, 0xc00, true },
    { "pmu0grf", 0xfd588000, 0x2000, true },
    { "bigcore0grf", 0xfd590000, 0x1000, true },
    { "bigcore1grf", 0xfd592000, 0x1000, true },
    { "litcoregrf", 0xfd594000, 0x1000, true },
    { "dsugrf", 0xfd598000, 0x1000, true },
    { "centergrf", 0xfd59e000, 0x1000, true },
    { "firewall-dsu", 0xfe010000, 0x1000, false },
    { "firewall-ddr", 0xfe030000, 0x1000, false },
    { "firewall-sysmem", 0xfe038000, 0x1000, false },
    { "timer-hp", 0xfd8c8000, 0x1000, false },
    { "secure-timer-1", 0xfed30000, 0x1000, false },
    { "usb-grf", 0xfd5ac000, 0x4000, true },
    { "php-grf", 0xfd5b0000, 0x1000, true },
    { "pipe-phy0-grf", 0xfd5bc000, 0x1000, true },
    { "pipe-phy2-grf", 0xfd5c4000, 0x1000, true },
    { "usbdp-phy0-grf", 0xfd5c8000, 0x4000, true },
    { "usb2-phy0-grf", 0xfd5d0000, 0x4000, true },
    { "usb2-phy2-grf", 0xfd5d8000, 0x4000, true },
    { "usb2-phy3-grf", 0xfd5dc000, 0x4000, true },
    { "combphy0", 0xfee00000, 0x1000, false },
    { "combphy2", 0xfee20000, 0x1000, false },
    { "dfi", 0xfe060000, 0x10000, true }, /* counts DDR traffic */
    { "qos", 0xfdf30000, 0x60000, false },
    /* Video units without an IOMMU: nothing is drawn or decoded. */
    { "rga", 0xfdb80000, 0x1000, false },
    { "av1d", 0xfdc70000, 0x1000, false },
    { "pwm0-3", 0xfd8b0000, 0x1000, false },
};

/* Video units with one. */
static const struct {
    const char *name;
    hwaddr base;
} video_units[] = {
    { "vpu121", 0xfdb50000 },
    { "vepu121-0", 0xfdba0000 },
    { "vepu121-1", 0xfdba4000 },
    { "vepu121-2", 0xfdba8000 },
    { "vepu121-3", 0xfdbac000 },
};

static uint64_t nothing_read(void *opaque, hwaddr offset, unsigned size)
{
    rk3588_fault("read of %u bytes at 0x%" HWADDR_PRIx ", which no model covers",
                 size, offset);
    return 0;
}

static void nothing_write(void *opaque, hwaddr offset, uint64_t value,
                          unsigned size)
{
    rk3588_fault("write of 0x%" PRIx64 " at 0x%" HWADDR_PRIx
                 ", which no model covers", value, offset);
}

static const MemoryRegionOps nothing_ops = {
    .read = nothing_read,
    .write = nothing_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
};

static void create_cores(NanoPiM6 *m)
{
    for (unsigned i = 0; i < RK3588_CORES; i++) {
        Object *core = object_new(i < 4 ? ARM_CPU_TYPE_NAME("cortex-a55")
                                        : ARM_CPU_TYPE_NAME("cortex-a76"));

        object_property_set_int(core, "mp-affinity", i << 8, &error_abort);
        object_property_set_int(core, "rvbar", BOOT_ROM, &error_abort);
        object_property_set_int(core, "cntfrq", 24000000, &error_abort);
        object_property_set_bool(core, "start-powered-off", i != 0,
                                 &error_abort);
        object_property_set_link(core, "memory", OBJECT(get_system_memory()),
                                 &error_abort);
        qdev_realize(DEVICE(core), NULL, &error_fatal);
        m->cores[i] = DEVICE(core);
        rk3588_smc_watch(m->cores[i]);
    }
}

static void create_gic(NanoPiM6 *m)
{
    static const int timers[] = {
        [GTIMER_PHYS] = ARCH_TIMER_NS_EL1_IRQ,
        [GTIMER_VIRT] = ARCH_TIMER_VIRT_IRQ,
        [GTIMER_HYP] = ARCH_TIMER_NS_EL2_IRQ,
        [GTIMER_SEC] = ARCH_TIMER_S_EL1_IRQ,
        [GTIMER_HYPVIRT] = ARCH_TIMER_NS_EL2_VIRT_IRQ,
    };
    static const hwaddr its_base[] = { 0xfe640000, 0xfe660000 };
    DeviceState *gic = qdev_new("arm-gicv3");
    SysBusDevice *bus = SYS_BUS_DEVICE(gic);
    QList *regions = qlist_new();

    qdev_prop_set_uint32(gic, "revision", 3);
    qdev_prop_set_uint32(gic, "num-cpu", RK3588_CORES);
    qdev_prop_set_uint32(gic, "num-irq", SPIS + 32);
    qdev_prop_set_bit(gic, "has-security-extensions", true);
    qdev_prop_set_bit(gic, "has-lpi", true);
    object_property_set_link(OBJECT(gic), "sysmem", OBJECT(get_system_memory()),
                             &error_abort);
    qlist_append_int(regions, RK3588_CORES);
    qdev_prop_set_array(gic, "redist-region-count", regions);
    sysbus_realize_and_unref(bus, &error_fatal);
    sysbus_mmio_map(bus, 0, 0xfe600000);
    sysbus_mmio_map(bus, 1, 0xfe680000);
    for (unsigned i = 0; i < RK3588_CORES; i++) {
        int ppi = SPIS + 32 * i;

        for (unsigned t = 0; t < ARRAY_SIZE(timers); t++) {
            qdev_connect_gpio_out(m->cores[i], t,
                                  qdev_get_gpio_in(gic, ppi + timers[t]));
        }
        qdev_connect_gpio_out_named(
            m->cores[i], "gicv3-maintenance-interrupt", 0,
            qdev_get_gpio_in(gic, ppi + ARCH_GIC_MAINT_IRQ));
        qdev_connect_gpio_out_named(
            m->cores[i], "pmu-interrupt", 0,
            qdev_get_gpio_in(gic, ppi + VIRTUAL_PMU_IRQ));
        for (unsigned line = 0; line < 4; line++) {
            static const int to[] = { ARM_CPU_IRQ, ARM_CPU_FIQ, ARM_CPU_VIRQ,
                                      ARM_CPU_VFIQ };

            sysbus_connect_irq(bus, i + line * RK3588_CORES,
                               qdev_get_gpio_in(m->cores[i], to[line]));
        }
    }
    m->gic = gic;
    for (unsigned i = 0; i < ARRAY_SIZE(its_base); i++) {
        DeviceState *its = qdev_new("arm-gicv3-its");

        object_property_set_link(OBJECT(its), "parent-gicv3", OBJECT(gic),
                                 &error_abort);
        sysbus_realize_and_unref(SYS_BUS_DEVICE(its), &error_fatal);
        sysbus_mmio_map(SYS_BUS_DEVICE(its), 0, its_base[i]);
    }
}

static void cru_reset_written(void *opaque, RK3588Regs *regs, hwaddr offset,
                              uint32_t value)
{
    if ((offset == CRU_RESET_FIRST && value == CRU_RESET_FIRST_KEY) ||
        (offset == CRU_RESET_SECOND && value == CRU_RESET_SECOND_KEY)) {
        qemu_system_reset_request(SHUTDOWN_CAUSE_GUEST_RESET);
    }
}

static void remap_written(void *opaque, RK3588Regs *regs, hwaddr offset,
                          uint32_t value)
{
    NanoPiM6 *m = opaque;

    memory_region_set_enabled(&m->remap, value & 1);
}

static void create_clocks_and_grf(NanoPiM6 *m)
{
    /* b0pll, b1pll, lpll, v0pll, aupll, cpll, gpll, npll, ppll, spll */
    static const hwaddr plls[] = { 0x50000, 0x52020, 0x58040, 0x160, 0x180,
                                   0x1a0, 0x1c0, 0x1e0, 0x8200, 0x18220 };
    Object *owner = OBJECT(m);
    RK3588Regs *regs;

    for (size_t i = 0; i < ARRAY_SIZE(banks); i++) {
        rk3588_regs_new(owner, banks[i].name, banks[i].base, banks[i].size,
                        banks[i].write_mask);
    }
    for (size_t i = 0; i < ARRAY_SIZE(video_units); i++) {
        rk3588_iommu_init(owner, video_units[i].name, video_units[i].base);
    }

    m->cru = rk3588_regs_new(owner, "cru", 0xfd7c0000, 0x5c000, true);
    for (size_t i = 0; i < ARRAY_SIZE(plls); i++) {
        rk3588_regs_reset_value(m->cru, plls[i], 250);
        rk3588_regs_reset_value(m->cru, plls[i] + 4, 2 | 1 << 6);
        rk3588_regs_fix(m->cru, plls[i] + 0x18, UINT32_MAX, 1u << 15);
    }
    for (unsigned uart = 1; uart <= 9; uart++) {
        /* Reset value: the oscillator. */
        rk3588_regs_reset_value(m->cru, 0x300 + 4 * (41 + 2 * uart), 2);
    }
    rk3588_regs_watch(m->cru, CRU_RESET_FIRST, 2, cru_reset_written, m);

    m->pmu1grf = rk3588_regs_new(owner, "pmu1grf", 0xfd58a000, 0x2000, true);

    regs = rk3588_regs_new(owner, "pmu0sgrf", 0xfd580000, 0x2000, true);
    rk3588_regs_watch(regs, 8, 1, remap_written, m);

    /* The cores' crypto instructions are off until this bit is cleared. */
    regs = rk3588_regs_new(owner, "dsusgrf", 0xfd587000, 0x400, true);
    rk3588_regs_reset_value(regs, 0x10, 1 << 4);

    /* The big cores are in WFE, where TF-A finds them. */
    regs = rk3588_regs_new(owner, "sysgrf", 0xfd58c000, 0x1000, true);
    rk3588_regs_fix(regs, 0x38c, UINT32_MAX, 0xf0);
}

static DeviceState *create_simple(const char *type, hwaddr base,
                                  qemu_irq interrupt);

static void create_simple_registers(NanoPiM6 *m)
{
    RK3588Regs *regs;

    /* The USB 3 port as a device: the reset that U-Boot asks for is done. */
    regs = rk3588_regs_new(OBJECT(m), "dwc3-device", 0xfc00c700, 0x100, false);
    rk3588_regs_fix(regs, 4, ~(1u << 30), 0);
    /* The PLL of the USB and DisplayPort PHY is locked, as is its receiver. */
    regs = rk3588_regs_new(OBJECT(m), "usbdp-phy0", 0xfed80000, 0x10000, false);
    rk3588_regs_fix(regs, 0x8350, UINT32_MAX, 0xc0);
    rk3588_regs_fix(regs, 0x8b84, UINT32_MAX, 1);
    rk3588_regs_fix(regs, 0x9b84, UINT32_MAX, 1);
}

static DeviceState *create_simple(const char *type, hwaddr base,
                                  qemu_irq interrupt)
{
    DeviceState *dev = qdev_new(type);

    sysbus_realize_and_unref(SYS_BUS_DEVICE(dev), &error_fatal);
    sysbus_mmio_map(SYS_BUS_DEVICE(dev), 0, base);
    if (interrupt) {
        sysbus_connect_irq(SYS_BUS_DEVICE(dev), 0, interrupt);
    }
    return dev;
}

static qemu_irq spi(NanoPiM6 *m, unsigned number)
{
    return qdev_get_gpio_in(m->gic, number);
}

/* A controller whose pins have to be its own while it is used. */
static DeviceState *create_host(NanoPiM6 *m, const char *type, hwaddr base,
                                unsigned interrupt)
{
    DeviceState *host = qdev_new(type);

    object_property_set_link(OBJECT(host), "ioc", OBJECT(m->ioc), &error_abort);
    sysbus_realize_and_unref(SYS_BUS_DEVICE(host), &error_fatal);
    sysbus_mmio_map(SYS_BUS_DEVICE(host), 0, base);
    sysbus_connect_irq(SYS_BUS_DEVICE(host), 0, spi(m, interrupt));
    return host;
}

/* The one chip of an SPI host. */
static void attach_chip(DeviceState *host, DeviceState *chip)
{
    qdev_realize_and_unref(chip, qdev_get_child_bus(host, "spi"), &error_fatal);
    qdev_connect_gpio_out_named(host, SSI_GPIO_CS, 0,
                                qdev_get_gpio_in_named(chip, SSI_GPIO_CS, 0));
}

static void led_changed(void *opaque, int pin, int level)
{
    trace_nanopi_m6_led(pin ? "user_led" : "sys_led", level,
                        qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL));
}

static void create_gpio(NanoPiM6 *m)
{
    static const hwaddr bases[] = { 0xfd8a0000, 0xfec20000, 0xfec30000,
                                    0xfec40000, 0xfec50000 };
    /* Pins that are pulled up where nobody drives them. */
    uint32_t idle[] = {
        1u << 7 | 1u << 8, /* interrupts of PMIC and RTC */
        0,
        0,
        0,
        1u << 5 | 1u << 12, /* M.2 presence, supply of the card */
    };
    bool sd = drive_get(IF_SD, 0, 0);

    idle[0] |= sd ? 0 : 1u << 4; /* card detect */
    for (unsigned bank = 0; bank < ARRAY_SIZE(bases); bank++) {
        DeviceState *dev = qdev_new("rk3588-gpio");

        qdev_prop_set_uint32(dev, "bank", bank);
        qdev_prop_set_uint32(dev, "idle", idle[bank]);
        sysbus_realize_and_unref(SYS_BUS_DEVICE(dev), &error_fatal);
        sysbus_mmio_map(SYS_BUS_DEVICE(dev), 0, bases[bank]);
        sysbus_connect_irq(SYS_BUS_DEVICE(dev), 0, spi(m, 277 + bank));
        m->gpio[bank] = dev;
    }
    qdev_connect_gpio_out(m->gpio[1], 4,
                          qemu_allocate_irq(led_changed, m, 0));
    qdev_connect_gpio_out(m->gpio[1], 6,
                          qemu_allocate_irq(led_changed, m, 1));
}

static RK3588Card *create_card(DeviceState *host, DriveInfo *drive, bool mmc,
                               bool uhs)
{
    DeviceState *dev = qdev_new(TYPE_RK3588_CARD);

    qdev_prop_set_bit(dev, "mmc", mmc);
    qdev_prop_set_bit(dev, "uhs", uhs);
    if (drive) {
        qdev_prop_set_drive_err(dev, "drive", blk_by_legacy_dinfo(drive),
                                &error_fatal);
    }
    qdev_realize_and_unref(dev, qdev_get_child_bus(host, "sd-bus"),
                           &error_fatal);
    return RK3588_CARD(dev);
}

static void create_sd(NanoPiM6 *m)
{
    DeviceState *host = create_host(m, "rk3588-dwmmc", 0xfe2c0000, 203);

    m->sd = create_card(host, drive_get(IF_SD, 0, 0), false, m->uhs);
    qdev_connect_gpio_out(m->gpio[4], 12,
                          qdev_get_gpio_in_named(DEVICE(m->sd), "supply", 0));
    qdev_connect_gpio_out_named(host, "clock", 0,
                                qdev_get_gpio_in_named(DEVICE(m->sd), "clock",
                                                       0));
}

static void create_emmc(NanoPiM6 *m)
{
    DeviceState *host = create_host(m, "rk3588-sdhci", 0xfe2e0000, 205);

    m->emmc = create_card(DEVICE(object_resolve_path_component(OBJECT(host),
                                                               "sdhci")),
                          drive_get(IF_SD, 0, 1), true, false);
}

static void create_flash(NanoPiM6 *m)
{
    DeviceState *host = create_host(m, "rk3588-sfc", 0xfe2b0000, 206);
    DriveInfo *drive = drive_get(IF_MTD, 0, 0);
    DeviceState *chip;

    if (!drive) {
        return;
    }
    m->flash = blk_by_legacy_dinfo(drive);
    chip = qdev_new("mx25l12805d");
    qdev_prop_set_drive_err(chip, "drive", m->flash, &error_fatal);
    attach_chip(host, chip);
}

static I2CBus *create_i2c(NanoPiM6 *m, hwaddr base, unsigned interrupt)
{
    DeviceState *dev = create_simple("rk3588-i2c", base, spi(m, interrupt));

    return I2C_BUS(qdev_get_child_bus(dev, "i2c"));
}

static void create_rail(I2CBus *bus, uint8_t address, const char *name,
                        uint32_t high, bool needed)
{
    DeviceState *dev = DEVICE(i2c_slave_new("rk8602", address));

    qdev_prop_set_string(dev, "rail", name);
    qdev_prop_set_uint32(dev, "high", high);
    qdev_prop_set_bit(dev, "needed", needed);
    i2c_slave_realize_and_unref(I2C_SLAVE(dev), bus, &error_fatal);
}

/* An EUI-48 of FriendlyElec's at 0xfa of an otherwise empty EEPROM. */
#define EEPROM_SIZE 256
#define EEPROM_MAC 0xfa

static void create_buses(NanoPiM6 *m)
{
    static const uint8_t mac[] = { 0x52, 0x54, 0x4d, 0x36, 0x00, 0x01 };
    uint8_t eeprom[EEPROM_SIZE];
    I2CBus *bus;
    DeviceState *host, *pmic;

    bus = create_i2c(m, 0xfd880000, 317);
    create_rail(bus, 0x42, "vdd_cpu_big0_s0", 1050000, true);
    create_rail(bus, 0x43, "vdd_cpu_big1_s0", 1050000, true);
    bus = create_i2c(m, 0xfeaa0000, 319);
    create_rail(bus, 0x42, "vdd_npu_s0", 950000, false);
    bus = create_i2c(m, 0xfec80000, 323);
    i2c_slave_create_simple(bus, "hym8563", 0x51);
    memset(eeprom, 0xff, sizeof(eeprom));
    if (!m->eeprom_empty) {
        memcpy(eeprom + EEPROM_MAC, mac, sizeof(mac));
    }
    at24c_eeprom_init_rom(bus, 0x53, sizeof(eeprom), eeprom, sizeof(eeprom));

    host = create_host(m, "rk3588-spi", 0xfeb20000, 328);
    pmic = qdev_new("rk806");
    object_property_set_link(OBJECT(pmic), "sd", OBJECT(m->sd), &error_abort);
    attach_chip(host, pmic);
}

static void create_identity(NanoPiM6 *m)
{
    DeviceState *adc = qdev_new("rk3588-saradc");
    DeviceState *otp = qdev_new("rk3588-otp");

    /* Keys pull their channel down; the board id is a divider. */
    qdev_prop_set_uint16(adc, "input0", m->maskrom ? 4 : 4095);
    qdev_prop_set_uint16(adc, "input1", m->recovery ? 4 : 4095);
    qdev_prop_set_uint16(adc, "input5", g_str_equal(m->board, "v1")   ? 2818
                                        : g_str_equal(m->board, "v2") ? 3314
                                                                      : 2000);
    sysbus_realize_and_unref(SYS_BUS_DEVICE(adc), &error_fatal);
    sysbus_mmio_map(SYS_BUS_DEVICE(adc), 0, 0xfec10000);
    sysbus_connect_irq(SYS_BUS_DEVICE(adc), 0, spi(m, 398));

    qdev_prop_set_bit(otp, "unreadable", m->otp_unreadable);
    sysbus_realize_and_unref(SYS_BUS_DEVICE(otp), &error_fatal);
    sysbus_mmio_map(SYS_BUS_DEVICE(otp), 0, 0xfecc0000);
}

static void create_pcie(NanoPiM6 *m)
{
    static const struct {
        const char *slot;
        hwaddr dbi, client, low, high;
        unsigned legacy;
        int perst[2], power[2]; /* GPIO bank and pin; -1: always on */
    } slots[] = {
        { "m2e", 0xa40c00000, 0xfe180000, 0xf3000000, 0x9c0000000, 245,
          { 1, 7 }, { -1, 0 } },
        { "m2m", 0xa41000000, 0xfe190000, 0xf4000000, 0xa00000000, 250,
          { 3, 25 }, { 3, 22 } },
    };

    for (size_t i = 0; i < ARRAY_SIZE(slots); i++) {
        DeviceState *dev = qdev_new("rk3588-pcie");

        qdev_prop_set_string(dev, "slot", slots[i].slot);
        qdev_prop_set_uint64(dev, "aperture-low", slots[i].low);
        qdev_prop_set_uint64(dev, "aperture-high", slots[i].high);
        qdev_prop_set_bit(dev, "powered", slots[i].power[0] < 0);
        sysbus_realize_and_unref(SYS_BUS_DEVICE(dev), &error_fatal);
        sysbus_mmio_map(SYS_BUS_DEVICE(dev), 0, slots[i].dbi);
        sysbus_mmio_map(SYS_BUS_DEVICE(dev), 1, slots[i].client);
        sysbus_mmio_map(SYS_BUS_DEVICE(dev), 2, slots[i].low);
        sysbus_mmio_map(SYS_BUS_DEVICE(dev), 3, slots[i].high);
        sysbus_connect_irq(SYS_BUS_DEVICE(dev), 0, spi(m, slots[i].legacy));
        qdev_connect_gpio_out(m->gpio[slots[i].perst[0]], slots[i].perst[1],
                              qdev_get_gpio_in_named(dev, "perst", 0));
        if (slots[i].power[0] >= 0) {
            qdev_connect_gpio_out(m->gpio[slots[i].power[0]],
                                  slots[i].power[1],
                                  qdev_get_gpio_in_named(dev, "power", 0));
        }
    }
}

static void create_gmac(NanoPiM6 *m)
{
    DeviceState *dev = qdev_new("rk3588-gmac");

    qemu_configure_nic_device(dev, true, NULL);
    object_property_set_link(OBJECT(dev), "ioc", OBJECT(m->ioc), &error_abort);
    qdev_prop_set_bit(dev, "motorcomm", g_str_equal(m->board, "v2"));
    sysbus_realize_and_unref(SYS_BUS_DEVICE(dev), &error_fatal);
    sysbus_mmio_map(SYS_BUS_DEVICE(dev), 0, 0xfe1c0000);
    sysbus_connect_irq(SYS_BUS_DEVICE(dev), 0, spi(m, 234));
    qdev_connect_gpio_out(m->gpio[3], 15,
                          qdev_get_gpio_in_named(dev, "phy-reset", 0));
}

static void create_dma(NanoPiM6 *m)
{
    static const struct {
        hwaddr base;
        unsigned interrupt;
    } controllers[] = { { 0xfea10000, 86 }, { 0xfea30000, 88 },
                        { 0xfed10000, 90 } };
    static const unsigned events = 16;

    for (size_t i = 0; i < ARRAY_SIZE(controllers); i++) {
        DeviceState *dev = qdev_new("pl330");
        DeviceState *any = qdev_new(TYPE_OR_IRQ);
        MemoryRegion *ids = g_new(MemoryRegion, 1);
        SysBusDevice *bus = SYS_BUS_DEVICE(dev);

        object_property_set_link(OBJECT(dev), "memory",
                                 OBJECT(get_system_memory()), &error_abort);
        qdev_prop_set_uint8(dev, "num_events", events);
        qdev_prop_set_uint8(dev, "num_periph_req", 32);
        sysbus_realize_and_unref(bus, &error_fatal);
        sysbus_mmio_map(bus, 0, controllers[i].base);
        /* The ids are at the end of 16 KiB, in QEMU's model of 4 KiB. */
        memory_region_init_alias(ids, OBJECT(dev), "pl330-ids",
                                 sysbus_mmio_get_region(bus, 0), 0, 0x1000);
        memory_region_add_subregion(get_system_memory(),
                                    controllers[i].base + 0x3000, ids);
        object_property_set_int(OBJECT(any), "num-lines", events, &error_abort);
        qdev_realize_and_unref(any, NULL, &error_fatal);
        qdev_connect_gpio_out(any, 0, spi(m, controllers[i].interrupt + 1));
        sysbus_connect_irq(bus, 0, spi(m, controllers[i].interrupt));
        for (unsigned event = 0; event < events; event++) {
            sysbus_connect_irq(bus, 1 + event, qdev_get_gpio_in(any, event));
        }
    }
}

static void create_usb(NanoPiM6 *m)
{
    static const struct {
        hwaddr ehci, ohci;
        unsigned interrupt;
    } ports[] = { { 0xfc800000, 0xfc840000, 215 },
                  { 0xfc880000, 0xfc8c0000, 218 } };
    DeviceState *dwc3, *xhci;

    for (size_t i = 0; i < ARRAY_SIZE(ports); i++) {
        create_simple("platform-ehci-usb", ports[i].ehci,
                      spi(m, ports[i].interrupt));
        create_simple("sysbus-ohci", ports[i].ohci,
                      spi(m, ports[i].interrupt + 1));
    }
    dwc3 = create_simple("usb_dwc3", 0xfc000000, NULL);
    xhci = DEVICE(object_resolve_path_component(OBJECT(dwc3), "dwc3-xhci"));
    sysbus_connect_irq(SYS_BUS_DEVICE(xhci), 0, spi(m, 220));
}

static void create_memory(NanoPiM6 *m)
{
    MachineState *machine = MACHINE(m);
    MemoryRegion *system = get_system_memory();
    uint64_t low = MIN(machine->ram_size, MEMORY_LOW_END);

    memory_region_init_io(&m->nothing, OBJECT(m), &nothing_ops, m, "nothing",
                          1ull << 40);
    memory_region_add_subregion_overlap(system, 0, &m->nothing, -1000);
    memory_region_init_alias(&m->memory_low, OBJECT(m), "memory-low",
                             machine->ram, 0, low);
    memory_region_add_subregion(system, 0, &m->memory_low);
    if (machine->ram_size > low) {
        memory_region_init_alias(&m->memory_high, OBJECT(m), "memory-high",
                                 machine->ram, low, machine->ram_size - low);
        memory_region_add_subregion(system, MEMORY_HIGH, &m->memory_high);
    }
    memory_region_init_ram(&m->sram, NULL, "sram", MiB, &error_fatal);
    memory_region_add_subregion(system, 0xff000000, &m->sram);
    memory_region_init_ram(&m->sram1, NULL, "sram1", MiB, &error_fatal);
    memory_region_add_subregion(system, 0xfd600000, &m->sram1);
    memory_region_init_ram(&m->pmu_sram, NULL, "pmu-sram", 128 * KiB,
                           &error_fatal);
    memory_region_add_subregion(system, PMU_SRAM, &m->pmu_sram);
    memory_region_init_ram(&m->rom, NULL, "boot-rom", BOOT_ROM_SIZE,
                           &error_fatal);
    memory_region_set_readonly(&m->rom, true);
    memory_region_add_subregion(system, BOOT_ROM, &m->rom);
    memory_region_init_alias(&m->remap, OBJECT(m), "remap", &m->pmu_sram, 0,
                             BOOT_ROM_SIZE);
    memory_region_add_subregion_overlap(system, BOOT_ROM, &m->remap, 1);
}

static void core_reset(void *opaque)
{
    cpu_reset(CPU(opaque));
}

static void nanopi_m6_init(MachineState *machine)
{
    NanoPiM6 *m = NANOPI_M6(machine);

    if (!is_power_of_2(machine->ram_size) || machine->ram_size < 2 * GiB ||
        machine->ram_size > 32 * GiB) {
        error_report("the board has 2, 4, 8, 16 or 32 GiB of memory");
        exit(1);
    }
    create_memory(m);
    create_cores(m);
    create_gic(m);
    create_clocks_and_grf(m);
    rk3588_pmu_init(OBJECT(m), m->gic, m->cores);

    m->ioc = RK3588_IOC(qdev_new(TYPE_RK3588_IOC));
    qdev_realize_and_unref(DEVICE(m->ioc), NULL, &error_fatal);
    qemu_register_resettable(OBJECT(m->ioc));
    create_gpio(m);

    {
        DeviceState *uart = qdev_new("rk3588-uart");
        DeviceState *serial = DEVICE(object_resolve_path_component(
                                         OBJECT(uart), "serial"));

        qdev_prop_set_chr(serial, "chardev", serial_hd(0));
        qdev_prop_set_uint32(serial, "baudbase", 24000000 / 16);
        sysbus_realize_and_unref(SYS_BUS_DEVICE(uart), &error_fatal);
        sysbus_mmio_map(SYS_BUS_DEVICE(uart), 0, 0xfeb50000);
        sysbus_connect_irq(SYS_BUS_DEVICE(uart), 0, spi(m, 333));
    }
    create_simple("rk3588-timer", 0xfeae0000, spi(m, 289));
    {
        DeviceState *wdt = qdev_new("rk3588-wdt");

        qdev_prop_set_bit(wdt, "fault", m->watchdog_fault);
        sysbus_realize_and_unref(SYS_BUS_DEVICE(wdt), &error_fatal);
        sysbus_mmio_map(SYS_BUS_DEVICE(wdt), 0, 0xfeaf0000);
        sysbus_connect_irq(SYS_BUS_DEVICE(wdt), 0, spi(m, 315));
    }
    {
        DeviceState *pwm = qdev_new("rk3588-pwm");

        object_property_set_link(OBJECT(pwm), "ioc", OBJECT(m->ioc),
                                 &error_abort);
        sysbus_realize_and_unref(SYS_BUS_DEVICE(pwm), &error_fatal);
        sysbus_mmio_map(SYS_BUS_DEVICE(pwm), 0, 0xfebd0000);
    }
    create_sd(m);
    create_emmc(m);
    create_flash(m);
    create_buses(m);
    create_identity(m);
    create_simple("rk3588-trng", 0xfe378000, NULL);
    create_simple_registers(m);
    sysbus_realize_and_unref(SYS_BUS_DEVICE(m->tsadc), &error_fatal);
    sysbus_mmio_map(SYS_BUS_DEVICE(m->tsadc), 0, 0xfec00000);
    sysbus_connect_irq(SYS_BUS_DEVICE(m->tsadc), 0, spi(m, 397));
    create_dma(m);
    create_pcie(m);
    create_gmac(m);
    create_usb(m);

    for (unsigned i = 0; i < RK3588_CORES; i++) {
        qemu_register_reset(core_reset, m->cores[i]);
    }
}

static bool read_card(void *opaque, uint64_t offset, void *buffer, size_t length)
{
    return rk3588_card_rom_read(opaque, offset, buffer, length);
}

static bool read_flash(void *opaque, uint64_t offset, void *buffer,
                       size_t length)
{
    return blk_pread(opaque, offset, length, buffer, 0) >= 0;
}

static void nanopi_m6_reset(MachineState *machine, ResetType type)
{
    static const uint32_t start_spl[] = {
        0xd2800000, /* mov x0, #0 */
        0xd61f0000, /* br x0 */
    };
    static const uint32_t wait[] = {
        0xd503207f, /* wfi */
        0x17ffffff, /* b .-4 */
    };
    NanoPiM6 *m = NANOPI_M6(machine);
    RK3588BootMedium media[3];
    size_t count = 0;
    bool found;

    qemu_devices_reset(type);
    memory_region_set_enabled(&m->remap, false);
    if (m->flash) {
        media[count++] = (RK3588BootMedium) {
            "the SPI flash", 3, 16, read_flash, m->flash
        };
    }
    media[count++] = (RK3588BootMedium) {
        "the eMMC", 2, 5, read_card, m->emmc
    };
    media[count++] = (RK3588BootMedium) {
        "the SD card", 5, 5, read_card, m->sd
    };
    if (m->maskrom) {
        info_report("mask ROM: button held: MaskROM mode (USB)");
    }
    found = !m->maskrom &&
            rk3588_maskrom_load(media, count, machine->ram_size, m->memory_up,
                                m->pmu1grf);
    memcpy(memory_region_get_ram_ptr(&m->rom), found ? start_spl : wait,
           sizeof(start_spl));
}

#define BOOL_PROPERTY(name, field)                                             \
    static bool get_##field(Object *obj, Error **errp)                         \
    {                                                                          \
        return NANOPI_M6(obj)->field;                                          \
    }                                                                          \
    static void set_##field(Object *obj, bool value, Error **errp)             \
    {                                                                          \
        NANOPI_M6(obj)->field = value;                                         \
    }

BOOL_PROPERTY("faults-end", faults_end)
BOOL_PROPERTY("ddr", memory_up)
BOOL_PROPERTY("maskrom", maskrom)
BOOL_PROPERTY("recovery", recovery)
BOOL_PROPERTY("uhs", uhs)
BOOL_PROPERTY("otp-unreadable", otp_unreadable)
BOOL_PROPERTY("eeprom-empty", eeprom_empty)
BOOL_PROPERTY("watchdog-fault", watchdog_fault)

static void get_temperature(Object *obj, Visitor *v, const char *name,
                            void *opaque, Error **errp)
{
    object_property_get(OBJECT(NANOPI_M6(obj)->tsadc), name, v, errp);
}

static void set_temperature(Object *obj, Visitor *v, const char *name,
                            void *opaque, Error **errp)
{
    object_property_set(OBJECT(NANOPI_M6(obj)->tsadc), name, v, errp);
}

static char *get_board(Object *obj, Error **errp)
{
    return g_strdup(NANOPI_M6(obj)->board);
}

static void set_board(Object *obj, const char *value, Error **errp)
{
    NanoPiM6 *m = NANOPI_M6(obj);

    if (g_str_equal(value, "v1") || g_str_equal(value, "v2") ||
        g_str_equal(value, "unknown")) {
        g_free(m->board);
        m->board = g_strdup(value);
    } else {
        error_setg(errp, "board is v1, v2 or unknown, not %s", value);
    }
}

static void nanopi_m6_instance_init(Object *obj)
{
    NanoPiM6 *m = NANOPI_M6(obj);

    m->board = g_strdup("v1");
    m->faults_end = true;
    m->memory_up = true;
    m->tsadc = qdev_new(TYPE_RK3588_TSADC);
    object_property_add_child(obj, "tsadc", OBJECT(m->tsadc));
}

static void nanopi_m6_class_init(ObjectClass *klass, void *data)
{
    MachineClass *mc = MACHINE_CLASS(klass);

    mc->desc = "FriendlyElec NanoPi M6 (RK3588S)";
    mc->init = nanopi_m6_init;
    mc->reset = nanopi_m6_reset;
    mc->min_cpus = mc->max_cpus = mc->default_cpus = RK3588_CORES;
    mc->default_ram_size = 4 * GiB;
    mc->default_ram_id = "ram";
    mc->block_default_type = IF_SD;
    mc->minimum_page_bits = 12;
    mc->no_parallel = mc->no_floppy = mc->no_cdrom = 1;

    object_class_property_add_str(klass, "board", get_board, set_board);
    object_class_property_set_description(klass, "board", "v1, v2 or unknown (by the ADC's channel 5)");
    object_class_property_add_bool(klass, "faults-end", get_faults_end,
                                   set_faults_end);
    object_class_property_set_description(klass, "faults-end",
        "what the board forbids ends the run (default), or is only reported");
    object_class_property_add_bool(klass, "ddr", get_memory_up, set_memory_up);
    object_class_property_set_description(klass, "ddr",
        "whether the DDR blob finds memory");
    object_class_property_add_bool(klass, "maskrom", get_maskrom, set_maskrom);
    object_class_property_set_description(klass, "maskrom",
        "the MaskROM button is held at power-on");
    object_class_property_add(klass, "temperature", "uint8", get_temperature,
                              set_temperature, NULL, NULL);
    object_class_property_set_description(klass, "temperature",
        "of the SoC, in degrees Celsius, 0 to 125; may change at any time");
    object_class_property_add_bool(klass, "recovery", get_recovery,
                                   set_recovery);
    object_class_property_set_description(klass, "recovery",
        "the Recovery button is held");
    object_class_property_add_bool(klass, "otp-unreadable", get_otp_unreadable,
                                   set_otp_unreadable);
    object_class_property_set_description(klass, "otp-unreadable",
        "the OTP never answers");
    object_class_property_add_bool(klass, "eeprom-empty", get_eeprom_empty,
                                   set_eeprom_empty);
    object_class_property_set_description(klass, "eeprom-empty",
        "no MAC address in the EEPROM");
    object_class_property_add_bool(klass, "uhs", get_uhs, set_uhs);
    object_class_property_set_description(klass, "uhs",
        "the SD card offers signalling at 1.8 V");
    object_class_property_add_bool(klass, "watchdog-fault", get_watchdog_fault,
                                   set_watchdog_fault);
    object_class_property_set_description(klass, "watchdog-fault",
        "an expired watchdog ends the run instead of resetting the board");
}

static const TypeInfo nanopi_m6_types[] = {
    {
        .name = TYPE_NANOPI_M6,
        .parent = TYPE_MACHINE,
        .instance_size = sizeof(NanoPiM6),
        .instance_init = nanopi_m6_instance_init,
        .class_init = nanopi_m6_class_init,
    },
};

DEFINE_TYPES(nanopi_m6_types)
