/* SPDX-License-Identifier: EUPL-1.2 */
/* What a cell of a registration says, in the ways in which people write it. */
#ifndef KP_LINK_CELLS_H
#define KP_LINK_CELLS_H

#include "intake/form.h"

/* The cell's text is taken whether or not it can be what it says: a date with a wrong digit is like
 * the right one. NULL: as it should be; else what is wrong, for a person. */
const char *kp_link_read_date(const char *text, int32_t *ret_date); /* 0: not known */
const char *kp_link_read_gender(const char *text, enum kp_form_gender *ret_gender);
const char *kp_link_check_bsn(const char *text);
const char *kp_link_check_house_number(const char *text);

#endif
