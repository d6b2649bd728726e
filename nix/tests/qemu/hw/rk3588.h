/*
 * Rockchip RK3588S and FriendlyElec NanoPi M6: what the device models share
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_ROCKCHIP_RK3588_H
#define HW_ROCKCHIP_RK3588_H

#include "exec/memory.h"
#include "hw/qdev-core.h"
#include "hw/ssi/ssi.h"
#include "hw/sysbus.h"

/* Exit status of a run that a fault ended. */
#define RK3588_FAULT_STATUS 70

#define RK3588_CORES 8
#define RK3588_GPIO_PINS 32

/*
 * A thing that the board forbids: the line goes to stderr, and the run ends
 * with RK3588_FAULT_STATUS (the machine's faults=report only says it).
 */
void rk3588_fault(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* Whether a device may reach LENGTH bytes at ADDRESS; a fault if not. */
bool rk3588_dma_allowed(const char *device, hwaddr address, hwaddr length);

/* ---- register banks without a model of their own (rk3588-regs.c) */

#define TYPE_RK3588_REGS "rk3588-regs"
OBJECT_DECLARE_SIMPLE_TYPE(RK3588Regs, RK3588_REGS)

typedef void RK3588RegsWatch(void *opaque, RK3588Regs *regs, hwaddr offset,
                             uint32_t value);

/* Upper 16 bits of a write are a mask of the lower ones, as in most of a CRU
 * or GRF; `false` stores what is written. */
RK3588Regs *rk3588_regs_new(Object *owner, const char *name, hwaddr base,
                            uint64_t size, bool write_mask);
void rk3588_regs_reset_value(RK3588Regs *regs, hwaddr offset, uint32_t value);
/* What a read gives is (stored & keep) | set, whatever was written. */
void rk3588_regs_fix(RK3588Regs *regs, hwaddr offset, uint32_t keep,
                     uint32_t set);
/* Called after a write to any of COUNT registers from OFFSET on. */
void rk3588_regs_watch(RK3588Regs *regs, hwaddr offset, unsigned count,
                       RK3588RegsWatch *watch, void *opaque);
uint32_t rk3588_regs_get(RK3588Regs *regs, hwaddr offset);
/* Not called back. */
void rk3588_regs_set(RK3588Regs *regs, hwaddr offset, uint32_t value);

/* ---- video units and their IOMMUs (rk3588-iommu.c) */

/* The unit's registers are the page at BASE; its IOMMU's begin at 0x800. */
void rk3588_iommu_init(Object *owner, const char *unit, hwaddr base);

/* ---- power of cores and domains (rk3588-pmu.c) */

void rk3588_pmu_init(Object *owner, DeviceState *gic, DeviceState **cores);

/* ---- pins (rk3588-ioc.c) */

#define TYPE_RK3588_IOC "rk3588-ioc"
OBJECT_DECLARE_SIMPLE_TYPE(RK3588IOC, RK3588_IOC)

/* Function of a pin, 0 being GPIO. PIN counts from A0 = 0 to D7 = 31. */
unsigned rk3588_pin_function(RK3588IOC *ioc, unsigned bank, unsigned pin);

typedef struct RK3588Pin {
    uint8_t bank, pin, function;
} RK3588Pin;

/* A fault unless each pin has its function. */
bool rk3588_pins_routed(RK3588IOC *ioc, const char *device,
                        const RK3588Pin *pins, size_t count);

/* ---- what SPI2 and the flash controller share (rk3588-ssi.c) */

#define TYPE_RK3588_SSI "rk3588-ssi"
OBJECT_DECLARE_SIMPLE_TYPE(RK3588SSI, RK3588_SSI)

/*
 * A host with one chip, whose select is active low. What a host of its own kind
 * adds is its registers, as IOMEM.
 */
struct RK3588SSI {
    SysBusDevice parent_obj;

    MemoryRegion iomem;
    SSIBus *bus;
    qemu_irq irq;
    qemu_irq select;
    RK3588IOC *ioc;
};

/* ---- temperature (rk3588-tsadc.c) */

#define TYPE_RK3588_TSADC "rk3588-tsadc"

/* ---- SMC calls (rk3588-smc.c) */

/* A fault where the core makes one that the firmware does not know. */
void rk3588_smc_watch(DeviceState *core);

/* ---- cards (rk3588-card.c) */

#define TYPE_RK3588_CARD "rk3588-card"
OBJECT_DECLARE_SIMPLE_TYPE(RK3588Card, RK3588_CARD)

/* Supply of the card's I/O, in millivolts. */
void rk3588_card_set_io_voltage(RK3588Card *card, unsigned millivolts);
/* How the mask ROM reads a card: false where it cannot. */
bool rk3588_card_rom_read(RK3588Card *card, uint64_t offset, void *buffer,
                          size_t length);
bool rk3588_card_present(RK3588Card *card);
/*
 * In what an SD card does not do as a host that moves data on four lines or on
 * one, at double rate or not; NULL where they agree.
 */
const char *rk3588_card_disagrees(RK3588Card *card, bool wide, bool double_rate);

/* ---- mask ROM (rk3588-maskrom.c) */

typedef struct RK3588BootMedium {
    const char *name;
    uint32_t source; /* BROM_BOOTSOURCE_ID */
    unsigned copies; /* of an idblock, every 512 KiB from 32 KiB on */
    bool (*read)(void *opaque, uint64_t offset, void *buffer, size_t length);
    void *opaque;
} RK3588BootMedium;

/*
 * Searches MEDIA in their order for an idblock, puts SPL where it belongs and
 * memory's description where the DDR blob leaves it. False: MaskROM mode.
 */
bool rk3588_maskrom_load(const RK3588BootMedium *media, size_t count,
                         uint64_t memory_size, bool memory_up,
                         RK3588Regs *pmu1grf);

#endif
