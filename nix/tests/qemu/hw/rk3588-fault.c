/*
 * What the board forbids ends the run with a line that names it
 *
 * No registers are here. Memory's end, by which a DMA is judged, is this
 * machine's own.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "exec/address-spaces.h"
#include "hw/boards.h"
#include "hw/core/cpu.h"
#include "system/runstate.h"
#include "target/arm/cpu.h"
#include "target/arm/internals.h"
#include "rk3588.h"
#include "trace.h"

void rk3588_fault(const char *format, ...)
{
    g_autofree char *text = NULL;
    g_autofree char *where = NULL;
    va_list arguments;

    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);

    if (current_cpu) {
        CPUARMState *env = &ARM_CPU(current_cpu)->env;

        where = g_strdup_printf(" (core %d, EL%d, pc 0x%" PRIx64 ")",
                                current_cpu->cpu_index, arm_current_el(env),
                                env->pc);
    }
    trace_rk3588_fault(text);
    error_report("board fault: %s%s", text, where ? where : "");
    if (object_property_get_bool(qdev_get_machine(), "faults-end", NULL)) {
        qemu_system_shutdown_request_with_code(SHUTDOWN_CAUSE_GUEST_PANIC,
                                               RK3588_FAULT_STATUS);
    }
}

bool rk3588_dma_allowed(const char *device, hwaddr address, hwaddr length)
{
    MemoryRegionSection section;
    bool ram;

    if (!length) {
        return true;
    }
    section = memory_region_find(get_system_memory(), address, length);
    ram = section.mr && memory_region_is_ram(section.mr) &&
          int128_get64(section.size) >= length;
    if (section.mr) {
        memory_region_unref(section.mr);
    }
    if (!ram) {
        rk3588_fault("%s: DMA of %" PRIu64 " bytes at 0x%" HWADDR_PRIx
                     ", where no memory is", device, (uint64_t)length, address);
    }
    return ram;
}
