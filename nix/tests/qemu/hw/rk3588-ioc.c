/*
 * Rockchip RK3588 pin routing (IOC)
 *
 * Layout from Linux' and U-Boot's pinctrl-rk3588 drivers.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "rk3588.h"
#include "trace.h"

#define PMU1_IOC 0x0000
#define PMU2_IOC 0x4000
#define BUS_IOC 0x8000
#define FIRST_PMU2_PIN 12 /* GPIO0_B4 */
#define FROM_BUS_IOC 8

struct RK3588IOC {
    DeviceState parent_obj;

    RK3588Regs *regs;
    uint8_t functions[5][RK3588_GPIO_PINS];
};

static unsigned rk3588_ioc_field(RK3588IOC *s, hwaddr base, unsigned pin)
{
    return (rk3588_regs_get(s->regs, base + pin / 4 * 4) >> (pin % 4 * 4)) & 15;
}

unsigned rk3588_pin_function(RK3588IOC *s, unsigned bank, unsigned pin)
{
    unsigned function;

    if (bank) {
        return rk3588_ioc_field(s, BUS_IOC + 0x20 * bank, pin);
    }
    if (pin < FIRST_PMU2_PIN) {
        return rk3588_ioc_field(s, PMU1_IOC, pin);
    }
    function = rk3588_ioc_field(s, PMU2_IOC, pin - FIRST_PMU2_PIN);
    return function == FROM_BUS_IOC ? rk3588_ioc_field(s, BUS_IOC, pin)
                                    : function;
}

bool rk3588_pins_routed(RK3588IOC *s, const char *device, const RK3588Pin *pins,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned is = rk3588_pin_function(s, pins[i].bank, pins[i].pin);

        if (is != pins[i].function) {
            rk3588_fault("%s is used while its pin gpio%u P%c%u has function "
                         "%u, not %u", device, pins[i].bank,
                         'A' + pins[i].pin / 8, pins[i].pin % 8, is,
                         pins[i].function);
            return false;
        }
    }
    return true;
}

static void rk3588_ioc_written(void *opaque, RK3588Regs *regs, hwaddr offset,
                               uint32_t value)
{
    RK3588IOC *s = opaque;

    for (unsigned bank = 0; bank < 5; bank++) {
        for (unsigned pin = 0; pin < RK3588_GPIO_PINS; pin++) {
            unsigned is = rk3588_pin_function(s, bank, pin);

            if (is != s->functions[bank][pin]) {
                trace_rk3588_pin(bank, 'A' + pin / 8, pin % 8,
                                 s->functions[bank][pin], is);
                s->functions[bank][pin] = is;
            }
        }
    }
}

static void rk3588_ioc_reset_exit(Object *obj, ResetType type)
{
    rk3588_ioc_written(RK3588_IOC(obj), NULL, 0, 0);
}

static void rk3588_ioc_realize(DeviceState *dev, Error **errp)
{
    RK3588IOC *s = RK3588_IOC(dev);

    s->regs = rk3588_regs_new(OBJECT(dev), "ioc", 0xfd5f0000, 0x10000, true);
    rk3588_regs_watch(s->regs, PMU1_IOC, 4, rk3588_ioc_written, s);
    rk3588_regs_watch(s->regs, PMU2_IOC, 5, rk3588_ioc_written, s);
    rk3588_regs_watch(s->regs, BUS_IOC, 40, rk3588_ioc_written, s);
}

static void rk3588_ioc_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = rk3588_ioc_realize;
    dc->user_creatable = false;
    RESETTABLE_CLASS(klass)->phases.exit = rk3588_ioc_reset_exit;
}

static const TypeInfo rk3588_ioc_types[] = {
    {
        .name = TYPE_RK3588_IOC,
        .parent = TYPE_DEVICE,
        .instance_size = sizeof(RK3588IOC),
        .class_init = rk3588_ioc_class_init,
    },
};

DEFINE_TYPES(rk3588_ioc_types)
