/*
 * Rockchip PWM, version 3: four channels, of which one turns the fan
 *
 * Registers from Linux' pwm-rockchip driver. While a channel is locked its
 * period and duty cycle are only remembered. A trace tells what comes out.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/qdev-properties.h"
#include "migration/vmstate.h"
#include "rk3588.h"
#include "trace.h"

#define TYPE_RK3588_PWM "rk3588-pwm"
OBJECT_DECLARE_SIMPLE_TYPE(RK3588PWM, RK3588_PWM)

#define CHANNELS 4
#define CHANNEL_SIZE 0x10
#define PERIOD 0x4
#define DUTY 0x8
#define CTRL 0xc
#define CTRL_ENABLE (1u << 0)
#define CTRL_CONTINUOUS (1u << 1)
#define CTRL_LOCK (1u << 6)

/* The fan's channel is PWM5, the second of its block, on gpio0 PC6. */
#define FAN 1
static const RK3588Pin fan_pin = { 0, 22, 11 };

struct RK3588PWM {
    SysBusDevice parent_obj;

    MemoryRegion iomem;
    RK3588IOC *ioc;
    uint32_t regs[CHANNELS * CHANNEL_SIZE / 4];
    uint32_t output[CHANNELS]; /* promille that it is on */
};

static void pwm_update(RK3588PWM *s, unsigned channel)
{
    uint32_t *regs = s->regs + channel * CHANNEL_SIZE / 4;
    uint32_t ctrl = regs[CTRL / 4], output = 0;

    if (ctrl & CTRL_LOCK) {
        return;
    }
    if ((ctrl & CTRL_ENABLE) && (ctrl & CTRL_CONTINUOUS) && regs[PERIOD / 4]) {
        output = MIN(1000, 1000ull * regs[DUTY / 4] / regs[PERIOD / 4]);
    }
    if (output == s->output[channel] ||
        (channel == FAN && !rk3588_pins_routed(s->ioc, "the fan's PWM",
                                               &fan_pin, 1))) {
        return;
    }
    s->output[channel] = output;
    trace_rk3588_pwm(channel, output, regs[PERIOD / 4]);
}

static uint64_t pwm_read(void *opaque, hwaddr offset, unsigned size)
{
    RK3588PWM *s = opaque;

    return s->regs[offset / 4];
}

static void pwm_write(void *opaque, hwaddr offset, uint64_t value,
                      unsigned size)
{
    RK3588PWM *s = opaque;

    s->regs[offset / 4] = value;
    pwm_update(s, offset / CHANNEL_SIZE);
}

static const MemoryRegionOps pwm_ops = {
    .read = pwm_read,
    .write = pwm_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 4 },
};

static void pwm_reset_hold(Object *obj, ResetType type)
{
    RK3588PWM *s = RK3588_PWM(obj);

    memset(s->regs, 0, sizeof(s->regs));
    memset(s->output, 0, sizeof(s->output));
}

static void pwm_init(Object *obj)
{
    RK3588PWM *s = RK3588_PWM(obj);

    memory_region_init_io(&s->iomem, obj, &pwm_ops, s, TYPE_RK3588_PWM,
                          sizeof(s->regs));
    sysbus_init_mmio(SYS_BUS_DEVICE(s), &s->iomem);
}

static const VMStateDescription pwm_vmstate = {
    .name = TYPE_RK3588_PWM,
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32_ARRAY(regs, RK3588PWM, CHANNELS * CHANNEL_SIZE / 4),
        VMSTATE_UINT32_ARRAY(output, RK3588PWM, CHANNELS),
        VMSTATE_END_OF_LIST()
    }
};

static const Property pwm_properties[] = {
    DEFINE_PROP_LINK("ioc", RK3588PWM, ioc, TYPE_RK3588_IOC, RK3588IOC *),
};

static void pwm_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->vmsd = &pwm_vmstate;
    dc->user_creatable = false;
    RESETTABLE_CLASS(klass)->phases.hold = pwm_reset_hold;
    device_class_set_props(dc, pwm_properties);
}

static const TypeInfo pwm_types[] = {
    {
        .name = TYPE_RK3588_PWM,
        .parent = TYPE_SYS_BUS_DEVICE,
        .instance_size = sizeof(RK3588PWM),
        .instance_init = pwm_init,
        .class_init = pwm_class_init,
    },
};

DEFINE_TYPES(pwm_types)
