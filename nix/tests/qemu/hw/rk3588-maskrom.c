/*
 * Rockchip RK3588 mask ROM: what it reads, checks and starts
 *
 * Written from the layout that U-Boot's mkimage makes (tools/rkcommon.c) and
 * from what is known of its sister on the RK3576; not from its code. It stands
 * in for the DDR blob as well: memory is up, and described where the blob
 * describes it (U-Boot's arch/arm/mach-rockchip/sdram.c reads that).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/error-report.h"
#include "qemu/units.h"
#include "crypto/hash.h"
#include "exec/address-spaces.h"
#include "rk3588.h"
#include "trace.h"

#define SECTOR 512
#define HEADER (4 * SECTOR)
#define HASHED (HEADER - 512)
#define FIRST 0x8000
#define STRIDE (512 * KiB)
#define SPL_ADDRESS 0
#define BOOT_SOURCE 0xff000010

#define OS_REG2 0x208
#define ATAGS 0x1fe000
#define ATAG_CORE 0x54410001
#define ATAG_DDR_MEM 0x54410052
#define HIGH_MEMORY 0x100000000ull
#define LOW_MEMORY_END 0xf0000000ull

static bool hash_matches(unsigned kind, const uint8_t *data, size_t length,
                         const uint8_t *want)
{
    QCryptoHashAlgo algorithm = kind == 2 ? QCRYPTO_HASH_ALGO_SHA512
                                          : QCRYPTO_HASH_ALGO_SHA256;
    g_autofree uint8_t *digest = NULL;
    size_t size = 0;

    if (kind == 0) {
        return true;
    }
    if (kind > 2 ||
        qcrypto_hash_bytes(algorithm, (const char *)data, length, &digest,
                           &size, NULL) < 0) {
        return false;
    }
    return !memcmp(digest, want, size);
}

/* Gives why the idblock at OFFSET is not taken, or NULL and SPL. */
static const char *read_idblock(const RK3588BootMedium *medium, uint64_t offset,
                                uint8_t **spl, size_t *spl_size)
{
    uint8_t header[HEADER];
    unsigned kind, images;

    if (!medium->read(medium->opaque, offset, header, SECTOR)) {
        return "cannot be read";
    }
    if (memcmp(header, "RKNS", 4)) {
        return "no idblock";
    }
    if (!medium->read(medium->opaque, offset, header, sizeof(header))) {
        return "cannot be read";
    }
    kind = ldl_le_p(header + 12) & 15;
    images = ldl_le_p(header + 8) >> 16;
    if (!hash_matches(kind, header, HASHED, header + HASHED)) {
        return "header's hash does not match";
    }
    if (images < 2 || images > 4) {
        return "not two to four images";
    }
    for (unsigned i = 0; i < images; i++) {
        const uint8_t *image = header + 120 + 88 * i;
        uint64_t at = offset + (uint64_t)lduw_le_p(image) * SECTOR;
        size_t size = lduw_le_p(image + 2) * SECTOR;
        g_autofree uint8_t *data = g_malloc(size);

        if (!medium->read(medium->opaque, at, data, size)) {
            return "an image cannot be read";
        }
        if (!hash_matches(kind, data, size, image + 24)) {
            return "an image's hash does not match";
        }
        if (i == 1) {
            *spl = g_steal_pointer(&data);
            *spl_size = size;
        }
    }
    return NULL;
}

/* ---- what the DDR blob leaves */

static void describe_channels(RK3588Regs *pmu1grf, uint64_t memory_size)
{
    /* Two pairs of two channels, LPDDR5, 16 bits, 16 banks, 10 columns. */
    unsigned row = ctz64(memory_size / 4) - 15;
    unsigned code = row - 13;
    uint32_t reg2 = 1 << 13 | 1 << 12, reg3 = 3u << 28 | 1 << 12;

    for (unsigned channel = 0; channel < 2; channel++) {
        reg2 |= 1u << (28 + channel) |
                (1 << 9 | 1 << 8 | (code & 3) << 6 | 1 << 2) << 16 * channel;
        reg3 |= (code >> 2) << (5 + 2 * channel);
    }
    for (unsigned pair = 0; pair < 2; pair++) {
        rk3588_regs_set(pmu1grf, OS_REG2 + 8 * pair, reg2);
        rk3588_regs_set(pmu1grf, OS_REG2 + 8 * pair + 4, reg3);
    }
}

static uint32_t js_hash(const uint8_t *data, size_t length)
{
    uint32_t hash = 0x47c6a7e6;

    for (size_t i = 0; i < length; i++) {
        hash ^= (hash << 5) + data[i] + (hash >> 2);
    }
    return hash;
}

static void describe_banks(uint64_t memory_size)
{
    uint8_t core[20] = { 0 }, memory[48 * 4] = { 0 };
    uint64_t low = MIN(memory_size, LOW_MEMORY_END);
    unsigned banks = memory_size > low ? 2 : 1;
    uint8_t end[8] = { 0 };
    uint8_t *bank = memory + 16;

    stl_le_p(core, sizeof(core) / 4);
    stl_le_p(core + 4, ATAG_CORE);
    stl_le_p(memory, sizeof(memory) / 4);
    stl_le_p(memory + 4, ATAG_DDR_MEM);
    stl_le_p(memory + 8, banks);
    stq_le_p(bank, 0);
    if (banks == 2) {
        stq_le_p(bank + 8, HIGH_MEMORY);
        stq_le_p(bank + 24, memory_size - low);
    }
    stq_le_p(bank + 8 * banks, low);
    stl_le_p(memory + sizeof(memory) - 4,
             js_hash(memory, sizeof(memory) - 4));
    cpu_physical_memory_write(ATAGS, core, sizeof(core));
    cpu_physical_memory_write(ATAGS + sizeof(core), memory, sizeof(memory));
    cpu_physical_memory_write(ATAGS + sizeof(core) + sizeof(memory), end,
                              sizeof(end));
}

bool rk3588_maskrom_load(const RK3588BootMedium *media, size_t count,
                         uint64_t memory_size, bool memory_up,
                         RK3588Regs *pmu1grf)
{
    for (size_t i = 0; i < count; i++) {
        for (unsigned copy = 0; copy < media[i].copies; copy++) {
            uint64_t offset = FIRST + copy * STRIDE;
            uint8_t *spl = NULL;
            size_t size = 0;
            const char *why = read_idblock(&media[i], offset, &spl, &size);
            uint8_t source[4];

            trace_rk3588_maskrom_try(media[i].name, offset, why ? why : "taken");
            if (why) {
                g_free(spl);
                continue;
            }
            info_report("mask ROM: starts from %s, idblock at 0x%" PRIx64,
                        media[i].name, offset);
            if (!memory_up) {
                info_report("mask ROM: the DDR blob finds no memory");
                g_free(spl);
                return false;
            }
            describe_channels(pmu1grf, memory_size);
            describe_banks(memory_size);
            stl_le_p(source, media[i].source);
            cpu_physical_memory_write(BOOT_SOURCE, source, sizeof(source));
            cpu_physical_memory_write(SPL_ADDRESS, spl, size);
            g_free(spl);
            return true;
        }
    }
    info_report("mask ROM: no loader on any medium: MaskROM mode (USB)");
    return false;
}
