/*
 * Rockchip register banks that hold what was written (CRU, GRF, PHY)
 *
 * That the upper half of a write is the mask of the lower one, as Linux',
 * U-Boot's and TF-A's drivers write them; what a bank's registers say beside
 * that, whoever makes the bank tells, with its source.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "exec/address-spaces.h"
#include "hw/qdev-properties.h"
#include "migration/vmstate.h"
#include "qapi/error.h"
#include "rk3588.h"
#include "trace.h"

typedef struct {
    uint32_t first, last; /* offsets */
    uint32_t keep, set;
    uint32_t reset;
    bool has_reset;
    RK3588RegsWatch *watch;
    void *opaque;
} Rule;

struct RK3588Regs {
    SysBusDevice parent_obj;

    MemoryRegion iomem;
    char *name;
    uint32_t size;
    bool write_mask;
    uint32_t count;
    uint32_t *values;
    GArray *rules;
};

static uint64_t rk3588_regs_read(void *opaque, hwaddr offset, unsigned size)
{
    RK3588Regs *s = opaque;
    uint32_t value = s->values[offset / 4];

    for (unsigned i = 0; i < s->rules->len; i++) {
        Rule *rule = &g_array_index(s->rules, Rule, i);

        if (offset >= rule->first && offset <= rule->last) {
            value = (value & rule->keep) | rule->set;
        }
    }
    trace_rk3588_regs_read(s->name, offset, value);
    return value;
}

static void rk3588_regs_write(void *opaque, hwaddr offset, uint64_t data,
                              unsigned size)
{
    RK3588Regs *s = opaque;
    uint32_t *value = &s->values[offset / 4];

    trace_rk3588_regs_write(s->name, offset, data);
    if (s->write_mask && (data >> 16)) {
        uint32_t mask = data >> 16;

        *value = (*value & ~mask) | (data & mask);
    } else {
        *value = data;
    }
    for (unsigned i = 0; i < s->rules->len; i++) {
        Rule *rule = &g_array_index(s->rules, Rule, i);

        if (rule->watch && offset >= rule->first && offset <= rule->last) {
            rule->watch(rule->opaque, s, offset, *value);
        }
    }
}

static const MemoryRegionOps rk3588_regs_ops = {
    .read = rk3588_regs_read,
    .write = rk3588_regs_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .impl = { .min_access_size = 4, .max_access_size = 4 },
    .valid = { .min_access_size = 1, .max_access_size = 8 },
};

static Rule *rk3588_regs_rule(RK3588Regs *s, hwaddr offset, unsigned count)
{
    Rule rule = {
        .first = offset,
        .last = offset + 4 * count - 4,
        .keep = UINT32_MAX,
    };

    assert(rule.last < s->size);
    g_array_append_val(s->rules, rule);
    return &g_array_index(s->rules, Rule, s->rules->len - 1);
}

void rk3588_regs_reset_value(RK3588Regs *s, hwaddr offset, uint32_t value)
{
    Rule *rule = rk3588_regs_rule(s, offset, 1);

    rule->has_reset = true;
    rule->reset = value;
}

void rk3588_regs_fix(RK3588Regs *s, hwaddr offset, uint32_t keep, uint32_t set)
{
    Rule *rule = rk3588_regs_rule(s, offset, 1);

    rule->keep = keep;
    rule->set = set;
}

void rk3588_regs_watch(RK3588Regs *s, hwaddr offset, unsigned count,
                       RK3588RegsWatch *watch, void *opaque)
{
    Rule *rule = rk3588_regs_rule(s, offset, count);

    rule->watch = watch;
    rule->opaque = opaque;
}

uint32_t rk3588_regs_get(RK3588Regs *s, hwaddr offset)
{
    return s->values[offset / 4];
}

void rk3588_regs_set(RK3588Regs *s, hwaddr offset, uint32_t value)
{
    s->values[offset / 4] = value;
}

static void rk3588_regs_reset_hold(Object *obj, ResetType type)
{
    RK3588Regs *s = RK3588_REGS(obj);

    memset(s->values, 0, s->size);
    for (unsigned i = 0; i < s->rules->len; i++) {
        Rule *rule = &g_array_index(s->rules, Rule, i);

        if (rule->has_reset) {
            s->values[rule->first / 4] = rule->reset;
        }
    }
}

static void rk3588_regs_realize(DeviceState *dev, Error **errp)
{
    RK3588Regs *s = RK3588_REGS(dev);

    s->count = s->size / 4;
    s->values = g_malloc0(s->size);
    memory_region_init_io(&s->iomem, OBJECT(s), &rk3588_regs_ops, s, s->name,
                          s->size);
    sysbus_init_mmio(SYS_BUS_DEVICE(s), &s->iomem);
}

static void rk3588_regs_instance_init(Object *obj)
{
    RK3588_REGS(obj)->rules = g_array_new(false, true, sizeof(Rule));
}

static const VMStateDescription rk3588_regs_vmstate = {
    .name = TYPE_RK3588_REGS,
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_VARRAY_UINT32(values, RK3588Regs, count, 1,
                              vmstate_info_uint32, uint32_t),
        VMSTATE_END_OF_LIST()
    }
};

static const Property rk3588_regs_properties[] = {
    DEFINE_PROP_STRING("name", RK3588Regs, name),
    DEFINE_PROP_UINT32("size", RK3588Regs, size, 0x1000),
    DEFINE_PROP_BOOL("write-mask", RK3588Regs, write_mask, true),
};

static void rk3588_regs_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = rk3588_regs_realize;
    dc->vmsd = &rk3588_regs_vmstate;
    dc->user_creatable = false;
    RESETTABLE_CLASS(klass)->phases.hold = rk3588_regs_reset_hold;
    device_class_set_props(dc, rk3588_regs_properties);
}

RK3588Regs *rk3588_regs_new(Object *owner, const char *name, hwaddr base,
                            uint64_t size, bool write_mask)
{
    DeviceState *dev = qdev_new(TYPE_RK3588_REGS);

    object_property_add_child(owner, name, OBJECT(dev));
    qdev_prop_set_string(dev, "name", name);
    qdev_prop_set_uint32(dev, "size", size);
    qdev_prop_set_bit(dev, "write-mask", write_mask);
    sysbus_realize_and_unref(SYS_BUS_DEVICE(dev), &error_fatal);
    sysbus_mmio_map(SYS_BUS_DEVICE(dev), 0, base);
    return RK3588_REGS(dev);
}

static const TypeInfo rk3588_regs_types[] = {
    {
        .name = TYPE_RK3588_REGS,
        .parent = TYPE_SYS_BUS_DEVICE,
        .instance_size = sizeof(RK3588Regs),
        .instance_init = rk3588_regs_instance_init,
        .class_init = rk3588_regs_class_init,
    },
};

DEFINE_TYPES(rk3588_regs_types)
