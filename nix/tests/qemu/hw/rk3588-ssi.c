/*
 * SPI host with one chip: what SPI2 and the flash controller share
 *
 * No registers are here: rk3588-spi.c and rk3588-sfc.c have them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/qdev-properties.h"
#include "rk3588.h"

static void ssi_init(Object *obj)
{
    RK3588SSI *s = RK3588_SSI(obj);

    sysbus_init_irq(SYS_BUS_DEVICE(s), &s->irq);
    qdev_init_gpio_out_named(DEVICE(s), &s->select, SSI_GPIO_CS, 1);
    s->bus = ssi_create_bus(DEVICE(s), "spi");
}

static const Property ssi_properties[] = {
    DEFINE_PROP_LINK("ioc", RK3588SSI, ioc, TYPE_RK3588_IOC, RK3588IOC *),
};

static void ssi_class_init(ObjectClass *klass, void *data)
{
    device_class_set_props(DEVICE_CLASS(klass), ssi_properties);
}

static const TypeInfo ssi_types[] = {
    {
        .name = TYPE_RK3588_SSI,
        .parent = TYPE_SYS_BUS_DEVICE,
        .instance_size = sizeof(RK3588SSI),
        .instance_init = ssi_init,
        .class_init = ssi_class_init,
        .abstract = true,
    },
};

DEFINE_TYPES(ssi_types)
