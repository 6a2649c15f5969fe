/* SPDX-License-Identifier: EUPL-1.2 */
#include "base/time.h"

#include "base/assert.h"

#include <stdio.h>
#include <time.h>

struct kp_mono kp_mono_now(void)
{
    struct timespec now;
    KP_ASSERT(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (struct kp_mono){.us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000};
}

struct kp_wall kp_wall_now(void)
{
    struct timespec now;
    KP_ASSERT(clock_gettime(CLOCK_REALTIME, &now) == 0);
    return (struct kp_wall){.ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000};
}

static bool is_leap(int32_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int32_t days_in_month(int32_t year, int32_t month)
{
    static const int8_t days[13] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month] + (month == 2 && is_leap(year) ? 1 : 0);
}

bool kp_date_is_possible(int32_t yyyymmdd)
{
    int32_t year = yyyymmdd / 10000;
    int32_t month = yyyymmdd / 100 % 100;
    int32_t day = yyyymmdd % 100;
    if (yyyymmdd <= 0 || year < 1850 || year > 2199 || month > 12) {
        return false;
    }
    if (month == 0) {
        return day == 0;
    }
    return day <= days_in_month(year, month);
}

bool kp_date_is_full(int32_t yyyymmdd)
{
    return kp_date_is_possible(yyyymmdd) && yyyymmdd % 100 != 0;
}

/* Civil date to days and back: eras of 400 years that start on 1 March, so that the leap day comes
 * last. */
int32_t kp_date_to_days(int32_t yyyymmdd)
{
    int32_t month = yyyymmdd / 100 % 100;
    int32_t day = yyyymmdd % 100;
    month = month == 0 ? 1 : month;
    day = day == 0 ? 1 : day;
    int32_t year = yyyymmdd / 10000 - (month <= 2 ? 1 : 0);
    int32_t era = year / 400;
    int32_t year_of_era = year - era * 400;
    int32_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int32_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

int32_t kp_date_of_days(int32_t days)
{
    int32_t shifted = days + 719468;
    int32_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int32_t day_of_era = shifted - era * 146097;
    int32_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int32_t shifted_month = (5 * day_of_year + 2) / 153;
    int32_t day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    int32_t month = shifted_month + (shifted_month < 10 ? 3 : -9);
    int32_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
    return year * 10000 + month * 100 + day;
}

static int32_t floor_days(int64_t ms)
{
    int64_t days = ms / KP_DAY_MS;
    return (int32_t)(ms % KP_DAY_MS < 0 ? days - 1 : days);
}

int32_t kp_date_of_wall(struct kp_wall wall)
{
    return kp_date_of_days(floor_days(wall.ms));
}

void kp_wall_text(struct kp_wall wall, char ret_text[KP_TIME_TEXT_SIZE])
{
    int32_t days = floor_days(wall.ms);
    int32_t date = kp_date_of_days(days);
    int64_t rest = wall.ms - (int64_t)days * KP_DAY_MS;
    unsigned ms = (unsigned)(rest % 1000);
    unsigned second = (unsigned)(rest / 1000);
    (void)snprintf(ret_text, KP_TIME_TEXT_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
                   (unsigned)(date / 10000) % 10000u, (unsigned)(date / 100 % 100) % 100u,
                   (unsigned)(date % 100) % 100u, second / 3600 % 24, second / 60 % 60, second % 60,
                   ms);
}
