/*
 * Rockchip RK3588 IOMMU of a video unit, and the unit's registers
 *
 * From Linux' driver (drivers/iommu/rockchip-iommu.c): the commands and what
 * the status says of them. Nothing is translated: the units do nothing.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "rk3588.h"

#define UNIT_SIZE 0x1000
#define IOMMU 0x800

#define DTE_ADDR (IOMMU + 0x00)
#define STATUS (IOMMU + 0x04)
#define STATUS_PAGING (1u << 0)
#define STATUS_STALL (1u << 2)
#define COMMAND (IOMMU + 0x08)

enum {
    ENABLE_PAGING,
    DISABLE_PAGING,
    ENABLE_STALL,
    DISABLE_STALL,
    ZAP_CACHE,
    PAGE_FAULT_DONE,
    FORCE_RESET,
};

static void rk3588_iommu_command(void *opaque, RK3588Regs *regs,
                                 hwaddr offset, uint32_t value)
{
    uint32_t status = rk3588_regs_get(regs, STATUS);

    switch (value) {
    case ENABLE_PAGING:
        status |= STATUS_PAGING;
        break;
    case DISABLE_PAGING:
        status &= ~STATUS_PAGING;
        break;
    case ENABLE_STALL:
        status |= STATUS_STALL;
        break;
    case DISABLE_STALL:
        status &= ~STATUS_STALL;
        break;
    case ZAP_CACHE:
    case PAGE_FAULT_DONE:
        break;
    case FORCE_RESET:
        status = 0;
        rk3588_regs_set(regs, DTE_ADDR, 0);
        break;
    default:
        rk3588_fault("IOMMU: command %u, which it does not have", value);
    }
    rk3588_regs_set(regs, STATUS, status);
}

void rk3588_iommu_init(Object *owner, const char *unit, hwaddr base)
{
    RK3588Regs *regs = rk3588_regs_new(owner, unit, base, UNIT_SIZE, false);

    rk3588_regs_watch(regs, COMMAND, 1, rk3588_iommu_command, NULL);
}
