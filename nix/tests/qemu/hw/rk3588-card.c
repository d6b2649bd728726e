/*
 * SD card and eMMC module that know their supply and the voltage of their I/O
 *
 * A card keeps its state over a reset of the SoC and loses it with its supply,
 * and data moves in blocks. Beside hw/sd/sd.c's cards for these two things.
 *
 * Commands, registers and their order as Linux' MMC core and U-Boot's mmc.c ask
 * for them, the voltage switch and the access modes as well; the tuning block
 * from the same two.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "hw/qdev-properties.h"
#include "hw/qdev-properties-system.h"
#include "hw/sd/sd.h"
#include "hw/sd/sdmmc-internal.h"
#include "qapi/error.h"
#include "system/block-backend.h"
#include "rk3588.h"
#include "trace.h"

enum { IDLE, READY, IDENT, STANDBY, TRANSFER, DATA, RECEIVE, PROGRAM };
enum { SDR12, SDR25, SDR50, SDR104, DDR50 }; /* or default and high speed */

#define BLOCK 512
#define AHEAD (64 * KiB)
#define BOOT_PARTITION (4 * MiB)
#define IO_LOW_BELOW 2000 /* mV: signalling at 1.8 V, not at 3.3 V */

#define OCR_BUSY (1u << 31)
#define OCR_HIGH_CAPACITY (1u << 30)
#define OCR_1V8 (1u << 24)
#define OCR_VOLTAGES 0x00ff8000

#define STATUS_OUT_OF_RANGE (1u << 31)
#define STATUS_ILLEGAL (1u << 22)
#define STATUS_SWITCH_ERROR (1u << 7)
#define STATUS_READY (1u << 8)
#define STATUS_APP (1u << 5)

struct RK3588Card {
    DeviceState parent_obj;

    BlockBackend *blk;
    bool mmc;
    bool uhs; /* an SD card that offers 1.8 V signalling */
    uint64_t size;

    bool supplied;
    unsigned io_voltage; /* millivolts, of the rail */
    bool low_voltage;    /* the card signals at 1.8 V */
    bool switching;      /* it was told to, and holds its lines low */
    bool clock;

    unsigned state;
    bool app;
    uint16_t rca;
    uint32_t status; /* error bits of the next response */
    uint32_t count;  /* blocks that CMD23 allows, or 0 */
    uint64_t erase_first, erase_last;
    uint8_t ext_csd[BLOCK];
    uint8_t *boot[2];
    unsigned access_mode; /* of UHS where the card signals at 1.8 V */
    bool wide;            /* an SD card moves data on four lines, not on one */

    uint8_t small[BLOCK]; /* a register on its way out */
    size_t small_size, small_at;
    bool streaming;
    uint64_t at, limit; /* bytes; where a stream of blocks is and ends */

    uint8_t *ahead;
    uint64_t ahead_at;
    size_t ahead_size;
    uint8_t pending[BLOCK]; /* a block on its way in */
    size_t pending_size;
};

#define CARD(sd) RK3588_CARD(OBJECT(sd))

static void card_power_up(RK3588Card *s)
{
    s->state = IDLE;
    s->app = false;
    s->rca = 0;
    s->status = 0;
    s->count = 0;
    s->streaming = false;
    s->small_size = s->small_at = 0;
    s->pending_size = 0;
    s->access_mode = 0;
    s->wide = false;
    memset(s->ext_csd, 0, sizeof(s->ext_csd));
    if (s->mmc) {
        uint8_t *e = s->ext_csd;

        e[504] = 1; /* command sets */
        e[251] = 1;
        stl_le_p(e + 212, s->size / BLOCK);
        e[EXT_CSD_REV] = 8;
        e[194] = 2;    /* CSD structure */
        e[196] = 0x13; /* 26 and 52 MHz, HS200 at 1.8 V */
        e[199] = 1;    /* partition switching: 10 ms */
        e[221] = 1;
        e[224] = 1;
        e[226] = BOOT_PARTITION / (128 * KiB);
        e[228] = 1;
        e[241] = 10;
        e[248] = 10;
    }
}

static void card_set_supply(void *opaque, int n, int level)
{
    RK3588Card *s = opaque;

    if (s->supplied == !!level) {
        return;
    }
    trace_rk3588_card_supply(s->mmc ? "eMMC" : "SD", level);
    s->supplied = level;
    s->low_voltage = s->switching = false;
    card_power_up(s);
}

/*
 * After CMD11 a host stops the clock, changes the I/O's supply and starts the
 * clock again, by which the card sees at what it is to signal.
 */
static void card_set_clock(void *opaque, int n, int level)
{
    RK3588Card *s = opaque;

    if (level && !s->clock && s->switching && s->io_voltage < IO_LOW_BELOW) {
        s->switching = false;
        s->low_voltage = true;
        trace_rk3588_card_low_voltage();
    }
    s->clock = level;
}

void rk3588_card_set_io_voltage(RK3588Card *s, unsigned millivolts)
{
    if (millivolts != s->io_voltage) {
        trace_rk3588_card_io_voltage(millivolts);
    }
    s->io_voltage = millivolts;
}

bool rk3588_card_present(RK3588Card *s)
{
    return s->blk && blk_is_inserted(s->blk);
}

static const char *card_mode(RK3588Card *s)
{
    static const char *const low[] = { "SDR12", "SDR25", "SDR50", "SDR104",
                                       "DDR50" };

    return s->low_voltage ? low[s->access_mode]
           : s->access_mode ? "high speed" : "default speed";
}

const char *rk3588_card_disagrees(RK3588Card *s, bool wide, bool double_rate)
{
    bool mine = s->low_voltage && s->access_mode == DDR50;

    if (s->mmc || !rk3588_card_present(s)) {
        return NULL;
    }
    if (wide != s->wide) {
        return wide ? "on four lines, the card on one"
                    : "on one line, the card on four";
    }
    if (double_rate != mine) {
        return double_rate ? "at double rate, the card is not at DDR50"
                           : "at single rate, the card is at DDR50";
    }
    return NULL;
}

bool rk3588_card_rom_read(RK3588Card *s, uint64_t offset, void *buffer,
                          size_t length)
{
    /* The ROM signals at 3.3 V (SD) and starts with CMD0, whatever was before. */
    if (!rk3588_card_present(s) || !s->supplied ||
        (!s->mmc && (s->low_voltage || s->switching || s->io_voltage < 2700)) ||
        offset + length > s->size) {
        return false;
    }
    card_power_up(s);
    return blk_pread(s->blk, offset, length, buffer, 0) >= 0;
}

/* ---- data */

static bool card_block_io(RK3588Card *s, uint64_t at, void *buffer,
                          size_t length, bool write)
{
    unsigned partition = s->mmc ? s->ext_csd[EXT_CSD_PART_CONFIG] & 7 : 0;

    if (partition == 1 || partition == 2) {
        uint8_t *area = s->boot[partition - 1] + at;

        if (at + length > BOOT_PARTITION) {
            return false;
        }
        memcpy(write ? area : buffer, write ? buffer : area, length);
        return true;
    }
    if (at + length > s->size) {
        return false;
    }
    if (write) {
        s->ahead_size = 0;
        return blk_pwrite(s->blk, at, length, buffer, 0) >= 0;
    }
    while (length) {
        size_t part;

        if (at < s->ahead_at || at >= s->ahead_at + s->ahead_size) {
            s->ahead_at = at;
            s->ahead_size = MIN(AHEAD, s->size - at);
            if (blk_pread(s->blk, at, s->ahead_size, s->ahead, 0) < 0) {
                s->ahead_size = 0;
                return false;
            }
        }
        part = MIN(length, s->ahead_at + s->ahead_size - at);
        memcpy(buffer, s->ahead + (at - s->ahead_at), part);
        buffer = (uint8_t *)buffer + part;
        at += part;
        length -= part;
    }
    return true;
}

static void card_read_data(SDState *sd, void *buffer, size_t length)
{
    RK3588Card *s = CARD(sd);

    if (s->state != DATA) {
        memset(buffer, 0, length);
        return;
    }
    if (!s->streaming) {
        size_t part = MIN(length, s->small_size - s->small_at);

        memcpy(buffer, s->small + s->small_at, part);
        memset((uint8_t *)buffer + part, 0, length - part);
        s->small_at += part;
        if (s->small_at == s->small_size) {
            s->state = TRANSFER;
        }
        return;
    }
    if (!card_block_io(s, s->at, buffer, length, false)) {
        s->status |= STATUS_OUT_OF_RANGE;
        memset(buffer, 0, length);
    }
    s->at += length;
    if (s->at >= s->limit) {
        s->streaming = false;
        s->state = TRANSFER;
    }
}

static void card_write_data(SDState *sd, const void *buffer, size_t length)
{
    RK3588Card *s = CARD(sd);
    const uint8_t *from = buffer;

    if (s->state != RECEIVE) {
        return;
    }
    while (length) {
        size_t part;

        if (!s->pending_size && length >= BLOCK) {
            part = ROUND_DOWN(length, BLOCK);
            if (!card_block_io(s, s->at, (void *)from, part, true)) {
                s->status |= STATUS_OUT_OF_RANGE;
            }
            s->at += part;
        } else {
            part = MIN(length, BLOCK - s->pending_size);
            memcpy(s->pending + s->pending_size, from, part);
            s->pending_size += part;
            if (s->pending_size == BLOCK) {
                s->pending_size = 0;
                if (!card_block_io(s, s->at, s->pending, BLOCK, true)) {
                    s->status |= STATUS_OUT_OF_RANGE;
                }
                s->at += BLOCK;
            }
        }
        from += part;
        length -= part;
        if (s->at >= s->limit) {
            s->state = TRANSFER;
            s->streaming = false;
            return;
        }
    }
}

static uint8_t card_read_byte(SDState *sd)
{
    uint8_t value;

    card_read_data(sd, &value, 1);
    return value;
}

static void card_write_byte(SDState *sd, uint8_t value)
{
    card_write_data(sd, &value, 1);
}

/* ---- commands */

static int card_r1(RK3588Card *s, uint8_t *response)
{
    stl_be_p(response, s->status | s->state << 9 | STATUS_READY |
                       (s->app ? STATUS_APP : 0));
    s->status = 0;
    return 4;
}

static int card_word(uint8_t *response, uint32_t value)
{
    stl_be_p(response, value);
    return 4;
}

static int card_cid(RK3588Card *s, uint8_t *response)
{
    memset(response, 0, 16);
    response[0] = 0x1b;
    memcpy(response + 1, s->mmc ? "\1QMODEL" : "QMMODEL", 7);
    stl_be_p(response + 9, 0x0badcafe);
    response[14] = 0x19;
    response[15] = 1;
    return 16;
}

static int card_csd(RK3588Card *s, uint8_t *response)
{
    uint32_t units = s->size / (512 * KiB) - 1;

    memset(response, 0, 16);
    response[0] = s->mmc ? 0xd0 : 0x40;
    response[1] = 0x0e;
    response[3] = s->mmc ? 0x2a : 0x32; /* 26 or 25 MHz; CMD6 says more */
    response[4] = s->mmc ? 0x0f : 0x5b; /* command classes */
    response[5] = s->mmc ? 0x59 : 0x59; /* and blocks of 512 bytes */
    if (s->mmc) {
        response[4] = 0x8f;
        response[6] = 0x03; /* C_SIZE: all ones, EXT_CSD has the size */
        response[7] = 0xff;
        response[8] = 0xc0;
    } else {
        response[7] = units >> 16 & 0x3f;
        response[8] = units >> 8;
        response[9] = units;
    }
    response[10] = 0x7f;
    response[11] = 0x80;
    response[12] = 0x0a;
    response[13] = 0x40;
    response[15] = 1;
    return 16;
}

static int card_small(RK3588Card *s, uint8_t *response, size_t size)
{
    int length = card_r1(s, response);

    s->small_size = size;
    s->small_at = 0;
    s->streaming = false;
    s->state = DATA;
    return length;
}

static int card_stream(RK3588Card *s, SDRequest *request, uint8_t *response,
                       bool write, bool many)
{
    int length = card_r1(s, response);

    s->at = (uint64_t)request->arg * BLOCK;
    s->limit = !many ? s->at + BLOCK
               : s->count ? s->at + (uint64_t)s->count * BLOCK : UINT64_MAX;
    s->count = 0;
    s->pending_size = 0;
    s->streaming = true;
    s->state = write ? RECEIVE : DATA;
    return length;
}

static int card_switch(RK3588Card *s, SDRequest *request, uint8_t *response)
{
    if (s->mmc) {
        unsigned access = request->arg >> 24 & 3;
        uint8_t index = request->arg >> 16, value = request->arg >> 8;

        if (index >= 192) {
            s->status |= STATUS_SWITCH_ERROR;
        } else if (access == 3) {
            s->ext_csd[index] = value;
        } else if (access == 1) {
            s->ext_csd[index] |= value;
        } else if (access == 2) {
            s->ext_csd[index] &= ~value;
        }
        return card_r1(s, response);
    }
    {
        unsigned modes = s->low_voltage
                         ? 1 << SDR12 | 1 << SDR25 | 1 << SDR50 | 1 << SDR104 |
                           1 << DDR50
                         : 1 << SDR12 | 1 << SDR25; /* as they are at 3.3 V */
        unsigned wanted = request->arg & 15;
        unsigned mode = wanted == 15 ? s->access_mode : wanted;
        bool possible = modes & (1u << mode);

        memset(s->small, 0, 64);
        s->small[1] = 0x64;
        for (unsigned group = 0; group < 5; group++) {
            s->small[3 + 2 * group] = 0x01;
            s->small[2 + 2 * group] = 0x80;
        }
        s->small[12] = 0x80;
        s->small[13] = modes;
        s->small[16] = possible ? mode : 15;
        if ((request->arg & (1u << 31)) && possible) {
            s->access_mode = mode;
            trace_rk3588_card_mode(card_mode(s));
        }
        return card_small(s, response, 64);
    }
}

static void card_tuning(RK3588Card *s, bool wide)
{
    static const uint8_t pattern[64] = {
        0xff, 0x0f, 0xff, 0x00, 0xff, 0xcc, 0xc3, 0xcc,
        0xc3, 0x3c, 0xcc, 0xff, 0xfe, 0xff, 0xfe, 0xef,
        0xff, 0xdf, 0xff, 0xdd, 0xff, 0xfb, 0xff, 0xfb,
        0xbf, 0xff, 0x7f, 0xff, 0x77, 0xf7, 0xbd, 0xef,
        0xff, 0xf0, 0xff, 0xf0, 0x0f, 0xfc, 0xcc, 0x3c,
        0xcc, 0x33, 0xcc, 0xcf, 0xff, 0xef, 0xff, 0xee,
        0xff, 0xfd, 0xff, 0xfd, 0xdf, 0xff, 0xbf, 0xff,
        0xbb, 0xff, 0xf7, 0xff, 0xf7, 0x7f, 0x7b, 0xde,
    };

    if (!wide) {
        memcpy(s->small, pattern, 64);
        return;
    }
    /* Eight lines carry on each nibble of the pattern what four do. */
    for (unsigned i = 0; i < 64; i++) {
        s->small[2 * i] = (pattern[i] >> 4) * 0x11;
        s->small[2 * i + 1] = (pattern[i] & 15) * 0x11;
    }
}

static int card_app_command(RK3588Card *s, SDRequest *request,
                            uint8_t *response, bool *known)
{
    *known = true;
    switch (request->cmd) {
    case 6: /* bus width */
        s->wide = (request->arg & 3) == 2;
        s->app = true;
        return card_r1(s, response);
    case 42:
    case 23:
        s->app = true;
        return card_r1(s, response);
    case 13:
        memset(s->small, 0, 64);
        s->small[8] = 2;
        s->small[10] = 9 << 4;
        s->app = true;
        return card_small(s, response, 64);
    case 41: {
        uint32_t ocr = OCR_VOLTAGES;

        if (request->arg & OCR_VOLTAGES) {
            ocr |= OCR_BUSY | OCR_HIGH_CAPACITY;
            if (s->uhs && !s->low_voltage && (request->arg & OCR_1V8)) {
                ocr |= OCR_1V8;
            }
            s->state = READY;
        }
        return card_word(response, ocr);
    }
    case 51:
        memset(s->small, 0, 8);
        s->small[0] = 0x02;
        s->small[1] = 0x35;
        s->small[2] = 0x80;
        s->small[3] = 0x02; /* CMD23 */
        s->app = true;
        return card_small(s, response, 8);
    }
    *known = false;
    return 0;
}

static int card_command(RK3588Card *s, SDRequest *request, uint8_t *response)
{
    bool selected = s->state >= TRANSFER;

    switch (request->cmd) {
    case 0:
        s->ahead_size = 0;
        if (s->mmc && request->arg == 0xfffffffa) {
            return 0; /* boot mode is not modelled */
        }
        card_power_up(s);
        return 0;
    case 1:
        if (!s->mmc) {
            return 0;
        }
        s->state = READY;
        return card_word(response, OCR_BUSY | OCR_HIGH_CAPACITY | OCR_VOLTAGES |
                                   0x80);
    case 2:
        if (s->state != READY) {
            return 0;
        }
        s->state = IDENT;
        return card_cid(s, response);
    case 3:
        if (s->state != IDENT && s->state != STANDBY) {
            return 0;
        }
        s->state = STANDBY;
        if (s->mmc) {
            s->rca = request->arg >> 16;
            return card_r1(s, response);
        }
        s->rca = 0x4567;
        return card_word(response, s->rca << 16 | STANDBY << 9 | STATUS_READY);
    case 6:
        return selected ? card_switch(s, request, response) : 0;
    case 7:
        if (request->arg >> 16 == s->rca) {
            int length;

            if (s->state == STANDBY) {
                length = card_r1(s, response);
                s->state = TRANSFER;
                return length;
            }
            return card_r1(s, response);
        }
        s->state = STANDBY;
        return 0;
    case 8:
        if (s->mmc) {
            if (!selected) {
                return 0;
            }
            memcpy(s->small, s->ext_csd, BLOCK);
            return card_small(s, response, BLOCK);
        }
        return s->state == IDLE ? card_word(response, request->arg & 0xfff) : 0;
    case 9:
        return s->state == STANDBY ? card_csd(s, response) : 0;
    case 10:
        return s->state == STANDBY ? card_cid(s, response) : 0;
    case 11:
        if (s->mmc || !s->uhs || s->state != READY) {
            return 0;
        }
        s->switching = true;
        return card_r1(s, response);
    case 12: {
        int length = card_r1(s, response);

        s->streaming = false;
        s->state = TRANSFER;
        return length;
    }
    case 13:
        return request->arg >> 16 == s->rca ? card_r1(s, response) : 0;
    case 16:
        return card_r1(s, response);
    case 17:
    case 18:
        return selected
               ? card_stream(s, request, response, false, request->cmd == 18)
               : 0;
    case 24:
    case 25:
        return selected
               ? card_stream(s, request, response, true, request->cmd == 25)
               : 0;
    case 19:
    case 21:
        if (s->mmc != (request->cmd == 21) ||
            (!s->mmc && (!s->low_voltage || s->access_mode < SDR50))) {
            break;
        }
        card_tuning(s, s->mmc && (s->ext_csd[EXT_CSD_BUS_WIDTH] & 3) == 2);
        return card_small(s, response,
                          s->mmc && (s->ext_csd[EXT_CSD_BUS_WIDTH] & 3) == 2
                          ? 128 : 64);
    case 23:
        s->count = request->arg & 0xffff;
        return card_r1(s, response);
    case 32:
    case 35:
        s->erase_first = (uint64_t)request->arg * BLOCK;
        return card_r1(s, response);
    case 33:
    case 36:
        s->erase_last = (uint64_t)request->arg * BLOCK;
        return card_r1(s, response);
    case 38:
        if (s->erase_last >= s->erase_first && s->erase_last < s->size) {
            s->ahead_size = 0;
            blk_pwrite_zeroes(s->blk, s->erase_first,
                              s->erase_last - s->erase_first + BLOCK,
                              BDRV_REQ_MAY_UNMAP);
        }
        return card_r1(s, response);
    case 55:
        if (s->mmc || request->arg >> 16 != s->rca) {
            return 0;
        }
        s->app = true;
        return card_r1(s, response);
    }
    s->status |= STATUS_ILLEGAL;
    return 0;
}

static int card_do_command(SDState *sd, SDRequest *request, uint8_t *response)
{
    RK3588Card *s = CARD(sd);
    const char *name = s->mmc ? "eMMC" : "SD card";
    bool app = s->app, known;
    int length;

    if (!rk3588_card_present(s)) {
        return 0;
    }
    if (!s->supplied) {
        rk3588_fault("%s: CMD%u without supply", name, request->cmd);
        return 0;
    }
    if (s->switching) {
        return 0;
    }
    if (!s->mmc && s->low_voltage != (s->io_voltage < IO_LOW_BELOW)) {
        rk3588_fault("%s: CMD%u at %u mV of I/O, the card signals at %s V", name,
                     request->cmd, s->io_voltage,
                     s->low_voltage ? "1.8" : "3.3");
        return 0;
    }
    if (s->state == DATA && !s->streaming) {
        s->state = TRANSFER; /* a host need not take a tuning block */
    }
    s->app = false;
    if (app) {
        length = card_app_command(s, request, response, &known);
        s->app = false;
        if (known) {
            return length;
        }
    }
    return card_command(s, request, response);
}

static bool card_receive_ready(SDState *sd)
{
    return CARD(sd)->state == RECEIVE;
}

static bool card_data_ready(SDState *sd)
{
    return CARD(sd)->state == DATA;
}

static bool card_get_inserted(SDState *sd)
{
    return rk3588_card_present(CARD(sd));
}

static bool card_get_readonly(SDState *sd)
{
    return false;
}

static void card_set_voltage(SDState *sd, uint16_t millivolts)
{
    /* Of the host's wish; the rails say what is (rk3588_card_set_io_voltage). */
}

static uint8_t card_dat_lines(SDState *sd)
{
    return CARD(sd)->switching ? 0 : 0xf;
}

static bool card_cmd_line(SDState *sd)
{
    return !CARD(sd)->switching;
}

static void card_realize(DeviceState *dev, Error **errp)
{
    RK3588Card *s = RK3588_CARD(dev);
    int64_t size;

    s->ahead = g_malloc(AHEAD);
    s->boot[0] = g_malloc0(BOOT_PARTITION);
    s->boot[1] = g_malloc0(BOOT_PARTITION);
    s->supplied = true;
    s->io_voltage = 3300;
    if (!s->blk) {
        return;
    }
    if (blk_set_perm(s->blk, BLK_PERM_CONSISTENT_READ | BLK_PERM_WRITE,
                     BLK_PERM_ALL, errp) < 0) {
        return;
    }
    size = blk_getlength(s->blk);
    if (size < 4 * (int64_t)GiB) {
        error_setg(errp, "%s of %" PRId64 " bytes: less than 4 GiB is no card "
                   "with block addresses", s->mmc ? "eMMC" : "SD card", size);
        return;
    }
    s->size = ROUND_DOWN(size, 512 * KiB);
    card_power_up(s);
}

static void card_init(Object *obj)
{
    qdev_init_gpio_in_named(DEVICE(obj), card_set_supply, "supply", 1);
    qdev_init_gpio_in_named(DEVICE(obj), card_set_clock, "clock", 1);
}

static const Property card_properties[] = {
    DEFINE_PROP_DRIVE("drive", RK3588Card, blk),
    DEFINE_PROP_BOOL("mmc", RK3588Card, mmc, false),
    DEFINE_PROP_BOOL("uhs", RK3588Card, uhs, false),
};

static void card_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    SDCardClass *sc = SDMMC_COMMON_CLASS(klass);

    dc->bus_type = TYPE_SD_BUS;
    dc->realize = card_realize;
    dc->user_creatable = false;
    device_class_set_props(dc, card_properties);
    sc->do_command = card_do_command;
    sc->read_byte = card_read_byte;
    sc->write_byte = card_write_byte;
    sc->read_data = card_read_data;
    sc->write_data = card_write_data;
    sc->receive_ready = card_receive_ready;
    sc->data_ready = card_data_ready;
    sc->get_inserted = card_get_inserted;
    sc->get_readonly = card_get_readonly;
    sc->set_voltage = card_set_voltage;
    sc->get_dat_lines = card_dat_lines;
    sc->get_cmd_line = card_cmd_line;
}

static const TypeInfo card_types[] = {
    {
        .name = TYPE_RK3588_CARD,
        .parent = TYPE_SDMMC_COMMON,
        .instance_size = sizeof(RK3588Card),
        .instance_init = card_init,
        .class_init = card_class_init,
    },
};

DEFINE_TYPES(card_types)
