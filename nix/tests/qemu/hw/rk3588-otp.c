/*
 * Rockchip RK3588 OTP controller: 4 KiB of fuses, read a word at a time
 *
 * Registers from Linux' and U-Boot's rockchip-otp drivers.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "hw/qdev-properties.h"
#include "rk3588.h"

#define TYPE_RK3588_OTP "rk3588-otp"
OBJECT_DECLARE_SIMPLE_TYPE(RK3588OTP, RK3588_OTP)

#define AUTO_CTRL 0x04
#define AUTO_EN 0x08
#define DOUT0 0x20
#define INT_ST 0x84
#define READ_DONE (1u << 1)
#define NON_SECURE 0xc00 /* what Linux and U-Boot count from */
#define CPU_CODE 0x02
#define CPU_ID 0x07
#define SIZE 0x1000

struct RK3588OTP {
    SysBusDevice parent_obj;

    MemoryRegion iomem;
    bool unreadable;
    uint64_t id; /* makes this board another than the next */
    uint32_t address, status;
    uint8_t fuses[SIZE];
};

static uint64_t otp_read(void *opaque, hwaddr offset, unsigned size)
{
    RK3588OTP *s = opaque;

    switch (offset) {
    case DOUT0:
        return ldl_le_p(s->fuses + s->address * 4 % SIZE);
    case INT_ST:
        return s->status;
    }
    return 0;
}

static void otp_write(void *opaque, hwaddr offset, uint64_t value,
                      unsigned size)
{
    RK3588OTP *s = opaque;

    switch (offset) {
    case AUTO_CTRL:
        s->address = value >> 16;
        break;
    case AUTO_EN:
        if ((value & 1) && !s->unreadable) {
            s->status |= READ_DONE;
        }
        break;
    case INT_ST:
        s->status &= ~value;
        break;
    }
}

static const MemoryRegionOps otp_ops = {
    .read = otp_read,
    .write = otp_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 4 },
};

static void otp_reset_hold(Object *obj, ResetType type)
{
    RK3588OTP *s = RK3588_OTP(obj);

    s->address = s->status = 0;
}

static void otp_realize(DeviceState *dev, Error **errp)
{
    RK3588OTP *s = RK3588_OTP(dev);
    uint8_t *area = s->fuses + NON_SECURE;

    area[CPU_CODE] = 0x35;
    area[CPU_CODE + 1] = 0x88;
    memcpy(area + CPU_ID, "NANOPIM6", 8);
    stq_le_p(area + CPU_ID + 8, s->id);
}

static void otp_init(Object *obj)
{
    RK3588OTP *s = RK3588_OTP(obj);

    memory_region_init_io(&s->iomem, obj, &otp_ops, s, "rk3588-otp", 0x400);
    sysbus_init_mmio(SYS_BUS_DEVICE(s), &s->iomem);
}

static const Property otp_properties[] = {
    DEFINE_PROP_BOOL("unreadable", RK3588OTP, unreadable, false),
    DEFINE_PROP_UINT64("id", RK3588OTP, id, 1),
};

static void otp_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = otp_realize;
    RESETTABLE_CLASS(klass)->phases.hold = otp_reset_hold;
    device_class_set_props(dc, otp_properties);
}

static const TypeInfo otp_types[] = {
    {
        .name = TYPE_RK3588_OTP,
        .parent = TYPE_SYS_BUS_DEVICE,
        .instance_size = sizeof(RK3588OTP),
        .instance_init = otp_init,
        .class_init = otp_class_init,
    },
};

DEFINE_TYPES(otp_types)
