/*
 * DesignWare UART as the RK3588 has it: a 16550 with some registers more
 *
 * Which they are, from Linux' 8250_dw driver; U-Boot and TF-A use the 16550's.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/char/serial-mm.h"
#include "hw/qdev-properties.h"
#include "hw/qdev-properties-system.h"
#include "qapi/error.h"
#include "rk3588.h"

#define TYPE_RK3588_UART "rk3588-uart"
OBJECT_DECLARE_SIMPLE_TYPE(RK3588UART, RK3588_UART)

#define USR 0x7c /* not busy, transmitter empty */
#define USR_IDLE 0x6

struct RK3588UART {
    SysBusDevice parent_obj;

    MemoryRegion container, extras;
    SerialMM serial;
};

static uint64_t rk3588_uart_read(void *opaque, hwaddr offset, unsigned size)
{
    return offset == USR ? USR_IDLE : 0;
}

static void rk3588_uart_write(void *opaque, hwaddr offset, uint64_t value,
                              unsigned size)
{
}

static const MemoryRegionOps rk3588_uart_ops = {
    .read = rk3588_uart_read,
    .write = rk3588_uart_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
};

static void rk3588_uart_init(Object *obj)
{
    RK3588UART *s = RK3588_UART(obj);

    object_initialize_child(obj, "serial", &s->serial, TYPE_SERIAL_MM);
    memory_region_init(&s->container, obj, "rk3588-uart", 0x100);
    memory_region_init_io(&s->extras, obj, &rk3588_uart_ops, s,
                          "rk3588-uart-extras", 0x100);
    memory_region_add_subregion_overlap(&s->container, 0, &s->extras, -1);
    sysbus_init_mmio(SYS_BUS_DEVICE(s), &s->container);
}

static void rk3588_uart_realize(DeviceState *dev, Error **errp)
{
    RK3588UART *s = RK3588_UART(dev);

    qdev_prop_set_uint8(DEVICE(&s->serial), "regshift", 2);
    if (!sysbus_realize(SYS_BUS_DEVICE(&s->serial), errp)) {
        return;
    }
    memory_region_add_subregion(
        &s->container, 0,
        sysbus_mmio_get_region(SYS_BUS_DEVICE(&s->serial), 0));
    sysbus_pass_irq(SYS_BUS_DEVICE(s), SYS_BUS_DEVICE(&s->serial));
}

static void rk3588_uart_class_init(ObjectClass *klass, void *data)
{
    DEVICE_CLASS(klass)->realize = rk3588_uart_realize;
}

static const TypeInfo rk3588_uart_types[] = {
    {
        .name = TYPE_RK3588_UART,
        .parent = TYPE_SYS_BUS_DEVICE,
        .instance_size = sizeof(RK3588UART),
        .instance_init = rk3588_uart_init,
        .class_init = rk3588_uart_class_init,
    },
};

DEFINE_TYPES(rk3588_uart_types)
