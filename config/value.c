/* SPDX-License-Identifier: EUPL-1.2 */
#include "config/value.h"

#include "base/assert.h"
#include "base/limits.h"
#include "config/yaml.h"

#include <string.h>

struct unit {
    const char *name;
    int64_t factor;
};

/* The largest first. */
static const struct unit duration_units[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {NULL, 0},
};
static const struct unit size_units[] = {
    {"TiB", INT64_C(1) << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20},
    {"KiB", 1 << 10},          {"B", 1},         {NULL, 0},
};

struct type_row {
    const char *name, *example;
    bool list;
};

static const struct type_row type_rows[] = {
    [KP_OPTION_TEXT] = {"a text", NULL, false},
    [KP_OPTION_ID] = {"an id of a-z, 0-9 and -", "north-2", false},
    [KP_OPTION_OIN] = {"an OIN of 20 digits", "00000001234567890000", false},
    [KP_OPTION_PATH] = {"a path", "data/hub", false},
    [KP_OPTION_BOOL] = {"true or false", NULL, false},
    [KP_OPTION_NUMBER] = {"a number", "10", false},
    [KP_OPTION_DURATION] = {"a duration", "2s", false},
    [KP_OPTION_SIZE] = {"a size", "64MiB", false},
    [KP_OPTION_CHOICE] = {"a choice", NULL, false},
    [KP_OPTION_CHOICES] = {"a list of choices", NULL, true},
    [KP_OPTION_IDS] = {"a list of ids", "[politie, om]", true},
    [KP_OPTION_SECTION] = {"a section", NULL, false},
    [KP_OPTION_SECTIONS] = {"a list of sections", NULL, false},
};

const char *kp_value_type_name(enum kp_option_type type)
{
    return type_rows[type].name;
}

bool kp_value_is_list(enum kp_option_type type)
{
    return type_rows[type].list;
}

int64_t kp_value_number(const void *field, size_t size)
{
    switch (size) {
    case 1:
        return *(const uint8_t *)field;
    case 2:
        return *(const uint16_t *)field;
    case 4:
        return *(const uint32_t *)field;
    default:
        KP_ASSERT(size == 8);
        return *(const int64_t *)field;
    }
}

void kp_value_set_number(void *field, size_t size, int64_t number)
{
    switch (size) {
    case 1:
        *(uint8_t *)field = (uint8_t)number;
        break;
    case 2:
        *(uint16_t *)field = (uint16_t)number;
        break;
    case 4:
        *(uint32_t *)field = (uint32_t)number;
        break;
    default:
        KP_ASSERT(size == 8);
        *(int64_t *)field = number;
        break;
    }
}

int64_t kp_value_max(const struct kp_option *option)
{
    if (option->max != 0 || option->min != 0) {
        return option->max;
    }
    return option->size >= 8 ? INT64_MAX : (INT64_C(1) << (8 * option->size)) - 1;
}

void kp_value_write_text(const char *text, struct kp_writer *writer)
{
    kp_put_raw(writer, kp_slice_str(text));
}

void kp_value_write_amount(enum kp_option_type type, int64_t amount, struct kp_writer *writer)
{
    const struct unit *unit = type == KP_OPTION_DURATION ? duration_units
                              : type == KP_OPTION_SIZE   ? size_units
                                                         : NULL;
    char text[32];
    if (unit == NULL) {
        kp_config_format(text, sizeof text, "%lld", (long long)amount);
    } else {
        while (amount % unit->factor != 0) {
            unit++; /* ends: the last factor is 1 */
        }
        if (amount == 0) {
            unit = type == KP_OPTION_DURATION ? &duration_units[3] : &size_units[4];
        }
        kp_config_format(text, sizeof text, "%lld%s", (long long)(amount / unit->factor),
                         unit->name);
    }
    kp_value_write_text(text, writer);
}

void kp_value_write_quoted(struct kp_slice text, struct kp_writer *writer)
{
    kp_value_write_text("\"", writer);
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.bytes[i];
        char escape[8];
        if (byte == '"' || byte == '\\') {
            kp_config_format(escape, sizeof escape, "\\%c", byte);
            kp_value_write_text(escape, writer);
        } else if (byte < 0x20 || byte == 0x7f) {
            kp_config_format(escape, sizeof escape, "\\x%02x", byte);
            kp_value_write_text(escape, writer);
        } else {
            kp_put_u8(writer, byte);
        }
    }
    kp_value_write_text("\"", writer);
}

/* --- reading --- */

/* Digits only, without sign; -1: not so, or beyond 18 digits. */
static int64_t read_digits(struct kp_slice text, size_t *ret_used)
{
    int64_t number = 0;
    size_t i = 0;
    while (i < text.size && text.bytes[i] >= '0' && text.bytes[i] <= '9') {
        if (i == 18) {
            return -1;
        }
        number = number * 10 + (text.bytes[i] - '0');
        i++;
    }
    *ret_used = i;
    return i == 0 ? -1 : number;
}

/* -1: not so; beyond what fits: INT64_MAX. */
static int64_t amount_of(enum kp_option_type type, struct kp_slice text)
{
    size_t used = 0;
    int64_t number = read_digits(text, &used);
    if (number < 0) {
        return -1;
    }
    struct kp_slice rest = kp_slice_of(text.bytes + used, text.size - used);
    int64_t factor = 0;
    if (type == KP_OPTION_NUMBER) {
        factor = rest.size == 0 ? 1 : 0;
    } else {
        const struct unit *unit = type == KP_OPTION_DURATION ? duration_units : size_units;
        for (; unit->name != NULL; unit++) {
            if (kp_slice_equal(rest, kp_slice_str(unit->name))) {
                factor = unit->factor;
            }
        }
    }
    int64_t amount = -1;
    if (factor != 0 && __builtin_mul_overflow(number, factor, &amount)) {
        amount = INT64_MAX;
    }
    return amount;
}

/* The least that is allowed, where the type's example is less: "2s" says nothing of a period. */
static const char *amount_example(const struct kp_option *option, const char *example,
                                  char ret_least[32])
{
    struct kp_writer writer;
    if (amount_of(option->type, kp_slice_str(example)) >= option->min) {
        return example;
    }
    kp_writer_init(&writer, ret_least, 31);
    kp_value_write_amount(option->type, option->min, &writer);
    ret_least[writer.size] = '\0';
    return ret_least;
}

/* `is not a duration (try "2s")`: the example is the default where there is one. */
static bool is_not(const struct kp_option *option, char *ret_why)
{
    /* A fault in a list is one of its items. */
    enum kp_option_type type = option->type == KP_OPTION_IDS ? KP_OPTION_ID : option->type;
    const struct type_row *row = &type_rows[type];
    char least[32];
    const char *example = row->example;
    if (option->dflt != NULL && option->dflt[0] != '\0' && type == option->type) {
        example = option->dflt;
    } else if (type == KP_OPTION_NUMBER || type == KP_OPTION_DURATION || type == KP_OPTION_SIZE) {
        example = amount_example(option, example, least);
    }
    if (example == NULL) {
        kp_config_format(ret_why, KP_VALUE_WHY_BYTES, "is not %s", row->name);
    } else {
        kp_config_format(ret_why, KP_VALUE_WHY_BYTES, "is not %s (try \"%s\")", row->name, example);
    }
    return false;
}

static bool in_range(const struct kp_option *option, int64_t amount, char *ret_why)
{
    int64_t max = kp_value_max(option);
    if (amount >= option->min && amount <= max) {
        return true;
    }
    char range[96];
    struct kp_writer writer;
    kp_writer_init(&writer, range, sizeof range - 1);
    kp_value_write_amount(option->type, option->min, &writer);
    kp_value_write_text(" to ", &writer);
    kp_value_write_amount(option->type, max, &writer);
    range[writer.size] = '\0';
    kp_config_format(ret_why, KP_VALUE_WHY_BYTES, "is out of range (try %s)", range);
    return false;
}

static bool read_amount(const struct kp_option *option, struct kp_slice text, void *field,
                        char *ret_why)
{
    int64_t amount = amount_of(option->type, text);
    if (amount < 0) {
        return is_not(option, ret_why);
    }
    if (!in_range(option, amount, ret_why)) {
        return false;
    }
    kp_value_set_number(field, option->size, amount);
    return true;
}

static void put_text(void *field, size_t size, struct kp_slice text)
{
    struct kp_writer writer;
    kp_writer_init(&writer, field, size);
    kp_put_raw(&writer, text);
    kp_put_u8(&writer, 0);
    KP_ASSERT(kp_writer_ok(&writer));
}

static bool read_text(const struct kp_option *option, struct kp_slice text, size_t size,
                      void *field, char *ret_why)
{
    size_t max = option->max != 0 && option->type != KP_OPTION_IDS ? (size_t)option->max : size - 1;
    size_t min = option->dflt != NULL && option->dflt[0] == '\0' ? 0 : 1;
    for (size_t i = 0; i < text.size; i++) {
        if (text.bytes[i] < 0x20 && text.bytes[i] != '\n') {
            kp_config_format(ret_why, KP_VALUE_WHY_BYTES, "holds a control character");
            return false;
        }
    }
    if (text.size > max) {
        kp_config_format(ret_why, KP_VALUE_WHY_BYTES, "is longer than %zu bytes", max);
        return false;
    }
    if (text.size < min) {
        kp_config_format(ret_why, KP_VALUE_WHY_BYTES, "is empty");
        return false;
    }
    put_text(field, size, text);
    return true;
}

static bool read_id(const struct kp_option *option, struct kp_slice text, void *field,
                    char *ret_why)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.bytes[i];
        if (!((byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-')) {
            return is_not(option, ret_why);
        }
    }
    size_t size = option->type == KP_OPTION_IDS ? KP_ID_BYTES_MAX + 1 : option->size;
    return read_text(option, text, size, field, ret_why);
}

static bool read_oin(const struct kp_option *option, struct kp_slice text, void *field,
                     char *ret_why)
{
    bool optional = option->dflt != NULL && option->dflt[0] == '\0';
    if (text.size != KP_OIN_DIGITS && !(optional && text.size == 0)) {
        return is_not(option, ret_why);
    }
    for (size_t i = 0; i < text.size; i++) {
        if (text.bytes[i] < '0' || text.bytes[i] > '9') {
            return is_not(option, ret_why);
        }
    }
    put_text(field, option->size, text);
    return true;
}

static bool read_path(const struct kp_option *option, struct kp_slice text, const char *dir,
                      void *field, char *ret_why)
{
    if (text.size == 0 || text.bytes[0] == '/') {
        return read_text(option, text, option->size, field, ret_why);
    }
    char path[4096];
    size_t size = kp_config_format(path, sizeof path, "%s/%.*s", dir, (int)text.size,
                                   (const char *)text.bytes);
    if (size == sizeof path - 1) {
        kp_config_format(ret_why, KP_VALUE_WHY_BYTES, "is too long as a path");
        return false;
    }
    return read_text(option, kp_slice_of(path, size), option->size, field, ret_why);
}

static bool read_bool(const struct kp_option *option, struct kp_slice text, void *field,
                      char *ret_why)
{
    bool truth = kp_slice_equal(text, kp_slice_str("true"));
    if (!truth && !kp_slice_equal(text, kp_slice_str("false"))) {
        return is_not(option, ret_why);
    }
    *(bool *)field = truth;
    return true;
}

static bool read_choice(const struct kp_option *option, struct kp_slice text, void *field,
                        char *ret_why)
{
    struct kp_writer writer;
    kp_writer_init(&writer, ret_why, KP_VALUE_WHY_BYTES - 1);
    kp_value_write_text("is not one of", &writer);
    for (const struct kp_choice *choice = option->choices; choice->name != NULL; choice++) {
        if (kp_slice_equal(text, kp_slice_str(choice->name))) {
            if (option->type == KP_OPTION_CHOICES) {
                *(uint32_t *)field |= UINT32_C(1) << choice->value;
            } else {
                kp_value_set_number(field, option->size, choice->value);
            }
            return true;
        }
        if (writer.size + strlen(choice->name) + 1 < KP_VALUE_WHY_BYTES - 1) {
            kp_value_write_text(" ", &writer);
            kp_value_write_text(choice->name, &writer);
        }
    }
    ret_why[writer.size] = '\0';
    return false;
}

bool kp_value_read(const struct kp_option *option, struct kp_slice text, const char *dir,
                   void *field, char *ret_why)
{
    if (text.size > 4000) { /* longer than any option; bounds the formatting below */
        kp_config_format(ret_why, KP_VALUE_WHY_BYTES, "is too long");
        return false;
    }
    switch (option->type) {
    case KP_OPTION_TEXT:
        return read_text(option, text, option->size, field, ret_why);
    case KP_OPTION_ID:
    case KP_OPTION_IDS:
        return read_id(option, text, field, ret_why);
    case KP_OPTION_OIN:
        return read_oin(option, text, field, ret_why);
    case KP_OPTION_PATH:
        return read_path(option, text, dir, field, ret_why);
    case KP_OPTION_BOOL:
        return read_bool(option, text, field, ret_why);
    case KP_OPTION_NUMBER:
    case KP_OPTION_DURATION:
    case KP_OPTION_SIZE:
        return read_amount(option, text, field, ret_why);
    case KP_OPTION_CHOICE:
    case KP_OPTION_CHOICES:
        return read_choice(option, text, field, ret_why);
    case KP_OPTION_SECTION:
    case KP_OPTION_SECTIONS:
        break;
    }
    KP_ASSERT(option->type < KP_OPTION_SECTION);
    return false;
}

void kp_value_write(const struct kp_option *option, const void *field, struct kp_writer *writer)
{
    switch (option->type) {
    case KP_OPTION_TEXT:
    case KP_OPTION_PATH:
    case KP_OPTION_OIN:
    case KP_OPTION_ID:
    case KP_OPTION_IDS:
        kp_value_write_quoted(kp_slice_str(field), writer);
        return;
    case KP_OPTION_BOOL:
        kp_value_write_text(*(const bool *)field ? "true" : "false", writer);
        return;
    case KP_OPTION_NUMBER:
    case KP_OPTION_DURATION:
    case KP_OPTION_SIZE:
        kp_value_write_amount(option->type, kp_value_number(field, option->size), writer);
        return;
    case KP_OPTION_CHOICE:
        for (const struct kp_choice *choice = option->choices; choice->name != NULL; choice++) {
            if (choice->value == kp_value_number(field, option->size)) {
                kp_value_write_text(choice->name, writer);
            }
        }
        return;
    case KP_OPTION_CHOICES:
    case KP_OPTION_SECTION:
    case KP_OPTION_SECTIONS:
        break;
    }
    KP_ASSERT(option->type < KP_OPTION_CHOICES);
}
