/* SPDX-License-Identifier: EUPL-1.2 */
#include "train/train.h"

#include "base/assert.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PATTERNS_FIRST 4096u
#define ROUNDS 60
#define CHANCE_MIN 1000u /* pairs at random, of which a field is known in both */
#define MATCHES_MIN 50.0 /* expected matches; fewer teach nothing */
#define SHARE_MIN 1e-6   /* no level is impossible */
#define WEIGHT_MOST 16.0 /* bits */
#define WEIGHT_LEAST (-8.0)
#define LEVELS_IN_ORDER_MAX 6u

struct pattern {
    uint8_t levels[KP_FIELD_END];
    uint64_t count;
    double match; /* how likely it is one person */
};

struct kp_train {
    struct pattern *patterns; /* open addressing; count 0: free; in order once all are counted */
    uint64_t used, capacity;
    uint64_t chance[KP_LEVEL_END], known[KP_FIELD_END], pairs; /* at random */
    bool told[KP_LEVEL_END]; /* every pair of this level is among the patterns */
    double u[KP_LEVEL_END], m[KP_LEVEL_END];
    double share; /* of matches among all pairs */
};

struct kp_train *kp_train_new(void)
{
    struct kp_train *train = calloc(1, sizeof *train);
    KP_ASSERT(train != NULL);
    train->capacity = PATTERNS_FIRST;
    train->patterns = calloc(train->capacity, sizeof *train->patterns);
    KP_ASSERT(train->patterns != NULL);
    return train;
}

struct kp_train *kp_train_free(struct kp_train *train)
{
    if (train != NULL) {
        free(train->patterns);
        free(train);
    }
    return NULL;
}

void kp_train_add_chance(struct kp_train *train, const uint8_t levels[KP_FIELD_END])
{
    train->pairs++;
    for (int field = 0; field < KP_FIELD_END; field++) {
        if (levels[field] != KP_LEVEL_MISSING) {
            train->chance[levels[field]]++;
            train->known[field]++;
        }
    }
}

void kp_train_tells_all(struct kp_train *train, enum kp_match_level level)
{
    train->told[level] = true;
}

static struct pattern *find(struct pattern *patterns, uint64_t capacity, const uint8_t *levels)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (int field = 0; field < KP_FIELD_END; field++) {
        hash = (hash ^ levels[field]) * UINT64_C(1099511628211);
    }
    uint64_t at = hash & (capacity - 1);
    while (patterns[at].count != 0 && memcmp(patterns[at].levels, levels, KP_FIELD_END) != 0) {
        at = (at + 1) & (capacity - 1);
    }
    return &patterns[at];
}

static void grow(struct kp_train *train)
{
    uint64_t capacity = train->capacity * 2;
    struct pattern *patterns = calloc(capacity, sizeof *patterns);
    KP_ASSERT(patterns != NULL);
    for (uint64_t i = 0; i < train->capacity; i++) {
        if (train->patterns[i].count != 0) {
            *find(patterns, capacity, train->patterns[i].levels) = train->patterns[i];
        }
    }
    free(train->patterns);
    train->patterns = patterns;
    train->capacity = capacity;
}

static void add_pairs(struct kp_train *train, const uint8_t *levels, uint64_t count)
{
    if (train->used * 2 >= train->capacity) {
        grow(train);
    }
    struct pattern *pattern = find(train->patterns, train->capacity, levels);
    if (pattern->count == 0) {
        memcpy(pattern->levels, levels, KP_FIELD_END);
        train->used++;
    }
    pattern->count += count;
}

void kp_train_add_pair(struct kp_train *train, const uint8_t levels[KP_FIELD_END])
{
    add_pairs(train, levels, 1);
}

void kp_train_take(struct kp_train *train, const struct kp_train *from)
{
    for (uint64_t i = 0; i < from->capacity; i++) {
        if (from->patterns[i].count > 0) {
            add_pairs(train, from->patterns[i].levels, from->patterns[i].count);
        }
    }
    train->pairs += from->pairs;
    for (int level = 0; level < KP_LEVEL_END; level++) {
        train->chance[level] += from->chance[level];
    }
    for (int field = 0; field < KP_FIELD_END; field++) {
        train->known[field] += from->known[field];
    }
}

/* --- expectation and maximisation --- */

static bool learns(const struct kp_train *train, int field)
{
    return field != KP_FIELD_BSN && train->known[field] >= CHANCE_MIN;
}

/* How often by chance; what the weights at hand say of the matches to begin with. */
static void begin(struct kp_train *train, const struct kp_match_model *model)
{
    for (int level = 1; level < KP_LEVEL_END; level++) {
        int field = (int)kp_match_level_field((enum kp_match_level)level);
        double share = ((double)train->chance[level] + 0.5) / ((double)train->known[field] + 1);
        train->u[level] = share < SHARE_MIN ? SHARE_MIN : share;
        train->m[level] = train->u[level] * exp2(model->weights[level] / (double)KP_BIT);
    }
    for (int field = 0; field < KP_FIELD_END; field++) { /* shares of one field are one together */
        double sum = 0;
        for (int level = 1; level < KP_LEVEL_END; level++) {
            sum += (int)kp_match_level_field((enum kp_match_level)level) == field ? train->m[level]
                                                                                  : 0;
        }
        for (int level = 1; level < KP_LEVEL_END; level++) {
            if ((int)kp_match_level_field((enum kp_match_level)level) == field) {
                train->m[level] /= sum;
            }
        }
    }
    train->share = exp2(model->prior / (double)KP_BIT);
}

static double weight(const struct kp_train *train, const struct kp_match_model *model, int level)
{
    if (!learns(train, (int)kp_match_level_field((enum kp_match_level)level))) {
        return model->weights[level] / (double)KP_BIT;
    }
    double bits = log2(train->m[level] / train->u[level]);
    return bits > WEIGHT_MOST ? WEIGHT_MOST : bits < WEIGHT_LEAST ? WEIGHT_LEAST : bits;
}

static void expect(struct kp_train *train, const struct kp_match_model *model)
{
    double weights[KP_LEVEL_END] = {0};
    for (int level = 1; level < KP_LEVEL_END; level++) {
        weights[level] = weight(train, model, level);
    }
    double prior = log2(train->share / (1 - train->share));
    for (uint64_t i = 0; i < train->capacity; i++) {
        struct pattern *pattern = &train->patterns[i];
        double bits = prior;
        for (int field = 0; field < KP_FIELD_END; field++) {
            bits += weights[pattern->levels[field]];
        }
        pattern->match = 1 / (1 + exp2(-bits));
    }
}

/* The share of all pairs in which the level's field is known of both. */
static double field_known(const struct kp_train *train, int level)
{
    return (double)train->known[kp_match_level_field((enum kp_match_level)level)] /
           (double)(train->pairs > 0 ? train->pairs : 1);
}

static double maximise(struct kp_train *train, double pairs_all)
{
    double with[KP_LEVEL_END] = {0};
    double without[KP_LEVEL_END] = {0};
    double known[KP_FIELD_END] = {0};
    double matches = 0;
    for (uint64_t i = 0; i < train->capacity; i++) {
        const struct pattern *pattern = &train->patterns[i];
        double expected = pattern->match * (double)pattern->count;
        matches += pattern->count > 0 ? expected : 0;
        for (int field = 0; field < KP_FIELD_END && pattern->count > 0; field++) {
            if (pattern->levels[field] != KP_LEVEL_MISSING) {
                with[pattern->levels[field]] += expected;
                without[pattern->levels[field]] += (double)pattern->count - expected;
                known[field] += expected;
            }
        }
    }
    for (int level = 1; level < KP_LEVEL_END; level++) {
        double all = known[kp_match_level_field((enum kp_match_level)level)];
        double share = (with[level] + 0.1) / (all + 1);
        train->m[level] = share < SHARE_MIN ? SHARE_MIN : share;
        if (train->told[level]) {
            double field_share = field_known(train, level);
            share = (without[level] + 0.5) / (pairs_all * field_share + 1);
            train->u[level] = share < SHARE_MIN ? SHARE_MIN : share;
        }
    }
    train->share = matches / pairs_all;
    return matches;
}

static int32_t hundredths(double bits)
{
    return (int32_t)lround(bits * KP_BIT);
}

/* Levels of one field that stand together: a worse one was worth more than a better one. */
struct pool {
    double m, u;
    uint32_t levels;
};

static double worth(const struct pool *pool)
{
    return log2(pool->m / pool->u);
}

/* An agreement that is better is never worth less: where it seems so, the two count as one level
 * (pool adjacent violators). One that is hardly ever seen does not take the others down so. */
static void order_row(struct kp_train *train, const uint8_t *levels, uint32_t count)
{
    struct pool pools[LEVELS_IN_ORDER_MAX];
    uint32_t used = 0;
    for (uint32_t i = 0; i < count; i++) {
        pools[used++] = (struct pool){train->m[levels[i]], train->u[levels[i]], 1};
        while (used > 1 && worth(&pools[used - 1]) > worth(&pools[used - 2])) {
            pools[used - 2].m += pools[used - 1].m;
            pools[used - 2].u += pools[used - 1].u;
            pools[used - 2].levels += pools[used - 1].levels;
            used--;
        }
    }
    for (uint32_t pool = 0, i = 0; pool < used; pool++) {
        for (uint32_t k = 0; k < pools[pool].levels; k++, i++) {
            train->m[levels[i]] = train->u[levels[i]] * pools[pool].m / pools[pool].u;
        }
    }
}

static void order(struct kp_train *train)
{
    static const uint8_t falling[][LEVELS_IN_ORDER_MAX] = {
        {KP_LEVEL_GIVEN_EQUAL, KP_LEVEL_GIVEN_CLOSE, KP_LEVEL_GIVEN_LOOSE,
         KP_LEVEL_GIVEN_SAME_INITIAL, KP_LEVEL_GIVEN_OTHER},
        {KP_LEVEL_SURNAME_EQUAL, KP_LEVEL_SURNAME_CLOSE, KP_LEVEL_SURNAME_SOUND,
         KP_LEVEL_SURNAME_OTHER},
        {KP_LEVEL_BIRTH_EQUAL, KP_LEVEL_BIRTH_SWAPPED, KP_LEVEL_BIRTH_CLOSE,
         KP_LEVEL_BIRTH_SAME_YEAR, KP_LEVEL_BIRTH_OTHER},
        {KP_LEVEL_ADDRESS_FULL, KP_LEVEL_ADDRESS_EQUAL, KP_LEVEL_ADDRESS_CLOSE,
         KP_LEVEL_ADDRESS_AREA, KP_LEVEL_ADDRESS_OTHER},
        {KP_LEVEL_PLACE_EQUAL, KP_LEVEL_PLACE_CLOSE, KP_LEVEL_PLACE_OTHER},
    };
    for (uint32_t row = 0; row < sizeof falling / sizeof falling[0]; row++) {
        uint32_t count = 0;
        while (count < LEVELS_IN_ORDER_MAX && falling[row][count] != 0) {
            count++;
        }
        order_row(train, falling[row], count);
    }
}

static void floor_at(struct kp_match_model *model, enum kp_match_level level, int32_t least)
{
    model->weights[level] = model->weights[level] < least ? least : model->weights[level];
}

static int compare_patterns(const void *a, const void *b)
{
    const struct pattern *one = a;
    const struct pattern *other = b;
    return memcmp(one->levels, other->levels, KP_FIELD_END);
}

/* Sums of fractions depend on their order: the order is the levels', whoever counted what. */
static void put_in_order(struct kp_train *train)
{
    uint64_t count = 0;
    for (uint64_t i = 0; i < train->capacity; i++) {
        if (train->patterns[i].count > 0) {
            train->patterns[count++] = train->patterns[i];
        }
    }
    qsort(train->patterns, count, sizeof *train->patterns, compare_patterns);
    memset(train->patterns + count, 0, (train->capacity - count) * sizeof *train->patterns);
}

void kp_train_finish(struct kp_train *train, double pairs_all, struct kp_match_model *model)
{
    static const uint8_t rare[][2] = {{KP_FIELD_GIVEN, KP_LEVEL_GIVEN_EQUAL},
                                      {KP_FIELD_SURNAME, KP_LEVEL_SURNAME_EQUAL},
                                      {KP_FIELD_PLACE, KP_LEVEL_PLACE_EQUAL}};
    double matches = 0;
    put_in_order(train);
    begin(train, model);
    for (int round = 0; round < ROUNDS; round++) {
        expect(train, model);
        matches = maximise(train, pairs_all);
    }
    if (matches < MATCHES_MIN) {
        return;
    }
    model->prior = hundredths(log2(train->share));
    double equal_m[KP_FIELD_END];
    for (uint32_t i = 0; i < sizeof rare / sizeof rare[0]; i++) {
        equal_m[rare[i][0]] = train->m[rare[i][1]];
    }
    order(train);
    for (int level = 1; level < KP_LEVEL_END; level++) {
        model->weights[level] = hundredths(weight(train, model, level));
    }
    model->weights[KP_LEVEL_SURNAME_SWAPPED] = 0;        /* counted with the given name */
    floor_at(model, KP_LEVEL_GENDER_OTHER, -3 * KP_BIT); /* registrations err in these */
    floor_at(model, KP_LEVEL_PLACE_OTHER, -3 * KP_BIT);
    for (uint32_t i = 0; i < sizeof rare / sizeof rare[0]; i++) {
        if (learns(train, rare[i][0])) {
            model->rarity_means[rare[i][0]] =
                model->weights[rare[i][1]] - hundredths(log2(equal_m[rare[i][0]]));
        }
    }
}
