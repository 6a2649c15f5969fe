/* SPDX-License-Identifier: EUPL-1.2 */
#include "core/match/model.h"

#include "base/assert.h"
#include "base/limits.h"

/* Pairs of one person in a thousand signals, and signals in as many: how often a signal is about
 * somebody known is a matter of the work, not of the house. */
#define PAIRS_PER_1000 1350u

#define MODEL_VERSION 1

int32_t kp_match_log2(uint64_t numerator, uint64_t denominator)
{
    /* 2^(1/4), 2^(2/4), 2^(3/4) in 16 binary digits */
    static const uint64_t quarters[] = {77936, 92682, 110218};
    KP_ASSERT(numerator > 0);
    KP_ASSERT(denominator > 0);
    int32_t whole = 0;
    while (numerator / 2 >= denominator) {
        denominator *= 2;
        whole++;
    }
    while (numerator < denominator) {
        numerator *= 2;
        whole--;
    }
    int32_t part = 0;
    while (part < 3 && (numerator << 16) / denominator >= quarters[part]) {
        part++;
    }
    return whole * KP_BIT + part * KP_BIT / 4;
}

void kp_match_model_init(struct kp_match_model *model, uint64_t signal_count)
{
    *model = (struct kp_match_model){
        .certain = 10 * KP_BIT,
        .probable = 320,
        .possible = -320,
        .joined = 5 * KP_BIT,
        .siblings = true,
        .generations = true,
        .margin = 4 * KP_BIT,
        .rarity_means = {[KP_FIELD_GIVEN] = 780, [KP_FIELD_SURNAME] = 880, [KP_FIELD_PLACE] = 595}};
#define X(level, field, weight, words) model->weights[level] = weight;
#include "core/match/levels.def"
#undef X
    uint64_t count = signal_count > 2 ? signal_count : 2;
    model->prior = -kp_match_log2((count - 1) * 500, PAIRS_PER_1000);
}

static void put_signed(struct kp_writer *writer, int32_t value)
{
    kp_put_u32(writer, (uint32_t)value);
}

static int32_t get_signed(struct kp_reader *reader)
{
    return (int32_t)kp_get_u32(reader);
}

void kp_match_model_put(struct kp_writer *writer, const struct kp_match_model *model)
{
    kp_put_u8(writer, MODEL_VERSION);
    put_signed(writer, model->prior);
    put_signed(writer, model->certain);
    put_signed(writer, model->probable);
    put_signed(writer, model->possible);
    put_signed(writer, model->joined);
    put_signed(writer, model->margin);
    kp_put_u8(writer, model->siblings ? 1 : 0);
    kp_put_u8(writer, model->generations ? 1 : 0);
    kp_put_u8(writer, KP_FIELD_END);
    for (int field = 0; field < KP_FIELD_END; field++) {
        put_signed(writer, model->rarity_means[field]);
    }
    kp_put_u8(writer, KP_LEVEL_END);
    for (int level = 0; level < KP_LEVEL_END; level++) {
        put_signed(writer, model->weights[level]);
    }
}

void kp_match_model_get(struct kp_reader *reader, struct kp_match_model *ret_model)
{
    kp_match_model_init(ret_model, KP_HOUSE_SIGNALS_EXPECTED);
    bool known = kp_get_u8(reader) == MODEL_VERSION;
    ret_model->prior = get_signed(reader);
    ret_model->certain = get_signed(reader);
    ret_model->probable = get_signed(reader);
    ret_model->possible = get_signed(reader);
    ret_model->joined = get_signed(reader);
    ret_model->margin = get_signed(reader);
    ret_model->siblings = kp_get_u8(reader) != 0;
    ret_model->generations = kp_get_u8(reader) != 0;
    uint8_t fields = kp_get_u8(reader);
    for (int field = 0; field < KP_FIELD_END && field < fields; field++) {
        ret_model->rarity_means[field] = get_signed(reader);
    }
    uint8_t levels = kp_get_u8(reader);
    for (int level = 0; level < KP_LEVEL_END && level < levels; level++) {
        ret_model->weights[level] = get_signed(reader);
    }
    if (!known || fields > KP_FIELD_END || levels > KP_LEVEL_END) {
        reader->underflow = true;
    }
}

enum kp_match_field kp_match_level_field(enum kp_match_level level)
{
    static const uint8_t fields[KP_LEVEL_END] = {
#define X(level, field, weight, words) [level] = field,
#include "core/match/levels.def"
#undef X
    };
    return (enum kp_match_field)fields[level];
}

const char *kp_match_level_words(enum kp_match_level level)
{
    static const char *const words_of[KP_LEVEL_END] = {
        [KP_LEVEL_MISSING] = "niet bekend",
#define X(level, field, weight, words) [level] = words,
#include "core/match/levels.def"
#undef X
    };
    return words_of[level];
}
