/*
 * Rockchip RK3588 random number generator
 *
 * Registers from U-Boot's rockchip_rng driver ("trngv1").
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/guest-random.h"
#include "rk3588.h"

#define TYPE_RK3588_TRNG "rk3588-trng"
OBJECT_DECLARE_SIMPLE_TYPE(RK3588TRNG, RK3588_TRNG)

#define CTRL 0x00
#define CTRL_RANDOM 1
#define ISTAT 0x14
#define ISTAT_READY 1
#define RANDOM0 0x20
#define RANDOM7 0x3c
#define VERSION 0xf0

struct RK3588TRNG {
    SysBusDevice parent_obj;

    MemoryRegion iomem;
    uint32_t status;
    uint32_t words[8];
};

static uint64_t trng_read(void *opaque, hwaddr offset, unsigned size)
{
    RK3588TRNG *s = opaque;

    if (offset >= RANDOM0 && offset <= RANDOM7) {
        return s->words[(offset - RANDOM0) / 4];
    }
    return offset == ISTAT ? s->status : offset == VERSION ? 0x46bc : 0;
}

static void trng_write(void *opaque, hwaddr offset, uint64_t value,
                       unsigned size)
{
    RK3588TRNG *s = opaque;

    if (offset == CTRL && (value & 0xffff) == CTRL_RANDOM) {
        qemu_guest_getrandom_nofail(s->words, sizeof(s->words));
        s->status |= ISTAT_READY;
    } else if (offset == ISTAT) {
        s->status &= ~value;
    }
}

static const MemoryRegionOps trng_ops = {
    .read = trng_read,
    .write = trng_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 4 },
};

static void trng_reset_hold(Object *obj, ResetType type)
{
    RK3588_TRNG(obj)->status = ISTAT_READY; /* once at power-on */
}

static void trng_init(Object *obj)
{
    RK3588TRNG *s = RK3588_TRNG(obj);

    memory_region_init_io(&s->iomem, obj, &trng_ops, s, "rk3588-trng", 0x1000);
    sysbus_init_mmio(SYS_BUS_DEVICE(s), &s->iomem);
}

static void trng_class_init(ObjectClass *klass, void *data)
{
    RESETTABLE_CLASS(klass)->phases.hold = trng_reset_hold;
}

static const TypeInfo trng_types[] = {
    {
        .name = TYPE_RK3588_TRNG,
        .parent = TYPE_SYS_BUS_DEVICE,
        .instance_size = sizeof(RK3588TRNG),
        .instance_init = trng_init,
        .class_init = trng_class_init,
    },
};

DEFINE_TYPES(trng_types)
